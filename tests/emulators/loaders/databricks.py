"""DuckDB in place of Databricks, which has no emulator.

It runs the SQL that the operators of Databricks' provider send, translated by sqlglot. `COPY INTO` reads the objects of
a folder whose names match the pattern, and skips those that it copied into the table before, unless it is forced to.
Rights, clusters and Delta's own format are not emulated.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import duckdb
import sqlglot
from databricks.sql.types import Row

from tests.emulators.loaders.lake import BUCKET, Lake

_COPY = re.compile(
    r"COPY INTO (?P<table>\S+)\s+FROM 's3://(?P<bucket>[^/]+)/(?P<folder>[^']+)'\s+FILEFORMAT = PARQUET\s+"
    r"PATTERN = '(?P<pattern>[^']+)'(?P<force>\s+COPY_OPTIONS \('force' = 'true'\))?"
)


class DatabricksConnection:
    """A connection to a catalog with one schema, as the hook of Databricks' provider uses it."""

    query_id = None

    def __init__(self, lake: Lake) -> None:
        self.database = duckdb.connect()
        self.database.execute("ATTACH ':memory:' AS my_catalog; CREATE SCHEMA my_catalog.my_schema")
        self._lake = lake
        self._copied: set[tuple[str, str]] = set()

    def cursor(self) -> DatabricksConnection:
        return self

    def close(self) -> None:
        """Keep the tables: each statement has a connection of its own in Databricks."""

    @property
    def description(self) -> Any:
        return [(name, str(sql_type)) for name, sql_type, *_ in self.database.description or ()]

    @property
    def rowcount(self) -> int:
        return -1

    def fetchall(self) -> Any:
        names = [name for name, _ in self.description]
        return [Row(**dict(zip(names, values, strict=True))) for values in self.database.fetchall()]

    def execute(self, sql: str, parameters: Any = None) -> None:
        copy = _COPY.fullmatch(sql)
        if copy is None:
            [statement] = sqlglot.transpile(sql, read="databricks", write="duckdb", identify=True)
            self.database.execute(statement)
            return
        assert copy["bucket"] == BUCKET
        for key in self._lake.keys(f"{copy['folder']}/"):
            is_known = (copy["table"], key) in self._copied and not copy["force"]
            if fnmatch.fnmatchcase(key.rpartition("/")[2], copy["pattern"]) and not is_known:
                self._insert(copy["table"], self._lake.table(key))
                self._copied.add((copy["table"], key))

    def _insert(self, table: str, rows: Any) -> None:
        self.database.register("copied_rows", rows)
        self.database.execute(f"INSERT INTO {table} BY NAME SELECT * FROM copied_rows")
