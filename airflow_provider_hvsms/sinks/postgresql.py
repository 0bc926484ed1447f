"""PostgreSQL: a page goes in with one COPY."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from airflow_provider_hvsms.sinks.database import Upserting
from airflow_provider_hvsms.sinks.driver import KIND, driver_cursor
from airflow_provider_hvsms.sinks.rows import Kind, Row


class Postgresql(Upserting):
    """PostgreSQL, by COPY where the driver can: psycopg, psycopg2."""

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"hvsms:{target.fullname}"))
        with super().transaction(connection, target):
            # Two loads that create the table, or upsert the same rows in another order, would block each other.
            connection.execute(sa.select(lock))
            yield

    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            copy = next((copy for method, copy in _COPIES.items() if hasattr(cursor, method)), None)
            if copy:
                copy(cursor, _copy_statement(connection, stage), as_csv(rows))
        if not copy:
            super().fill(connection, stage, [tuple(map(_without_nul, row)) for row in rows])

    def _sorted_fast(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        return sa.collate(column, "C") if column.info[KIND] is Kind.ID else column

    def _upsert(self, target: sa.Table) -> Any:
        return postgresql.insert(target)


def as_csv(rows: Sequence[Row]) -> bytes:
    r"""Rows as PostgreSQL's CSV in UTF-8, with `\` as its escape and `null` for NULL.

    It is made from JSON, which is written much faster: texts are quoted and escaped alike, but for control characters.
    """
    lines = _JSON.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n")
    return _ESCAPED.sub(lambda found: _CONTROL_CHARACTERS.get(found[0], found[0]), lines) if b"\\" in lines else lines


def _copy_statement(connection: sa.engine.Connection, stage: sa.Table) -> str:
    name = connection.dialect.identifier_preparer.format_table(stage)
    return f"COPY {name} FROM STDIN (FORMAT csv, ESCAPE E'\\\\', NULL 'null', ENCODING 'UTF8')"


def _copy_by_psycopg2(cursor: Any, statement: str, data: bytes) -> None:
    cursor.copy_expert(statement, io.BytesIO(data))


def _copy_by_psycopg(cursor: Any, statement: str, data: bytes) -> None:
    with cursor.copy(statement) as copy:
        copy.write(data)


def _without_nul(value: Any) -> Any:
    return value.replace("\x00", _INSTEAD_OF_NUL) if isinstance(value, str) and "\x00" in value else value


_COPIES: dict[str, Callable[[Any, str, bytes], None]] = {"copy_expert": _copy_by_psycopg2, "copy": _copy_by_psycopg}
"""By the method of the driver's cursor."""

# PostgreSQL keeps no NUL character in a text, and refuses the whole load for one.
_INSTEAD_OF_NUL = "\ufffd"

_JSON = msgspec.json.Encoder(enc_hook=str)
_ESCAPED = re.compile(rb"\\(?:u[0-9a-f]{4}|.)")
_CONTROL_CHARACTERS = {
    msgspec.json.encode(character)[1:-1]: character.replace("\x00", _INSTEAD_OF_NUL).encode()
    for character in map(chr, range(128))
    if character not in '"\\'
}
"""What JSON writes for each."""
