"""PostgreSQL in place of Redshift, which has no emulator.

It runs the SQL that the operators of Amazon's provider send. What Redshift adds is translated: `#name` is a temporary
table, and `COPY` reads all objects of a prefix, which must be Parquet and have the columns of the table in their order.
Rights, regions, types and sort keys of Redshift are not emulated.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg2
import psycopg2.extras

from tests.emulators.loaders.lake import BUCKET, Lake

_COPY = re.compile(
    r"\s*COPY (?P<table>\S+)\s+FROM 's3://(?P<bucket>[^/]+)/(?P<prefix>[^']+)'"
    r"\s+credentials\s+'aws_iam_role=arn:[^']+'\s+FORMAT AS PARQUET;\s*"
)


def cursor_class(lake: Lake) -> type[Any]:
    """A class of cursors that load from the lake."""

    class RedshiftCursor(psycopg2.extensions.cursor):
        def execute(self, sql: Any, parameters: Any = None) -> None:
            sql = re.sub(r"^CREATE TABLE #", "CREATE TEMPORARY TABLE #", sql).replace("#", "temporary_")
            copy = _COPY.fullmatch(sql)
            if copy is None:
                super().execute(sql, parameters)
                return
            assert copy["bucket"] == BUCKET
            for key in lake.keys(copy["prefix"]):
                self._insert(copy["table"], lake.table(key))

        def _insert(self, table: str, rows: Any) -> None:
            super().execute(f"SELECT * FROM {table} LIMIT 0")
            assert [column.name for column in self.description] == rows.column_names
            values = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
            psycopg2.extras.execute_values(super(), f"INSERT INTO {table} VALUES %s", values)

    return RedshiftCursor
