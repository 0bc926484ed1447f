"""Snowflake: parts go by PUT and COPY INTO to a temporary table, whose own stage takes the files.

Keys are not enforced there. What keeps them unique is the MERGE, and a lock that is held from its start to the commit.
"""

from __future__ import annotations

import importlib
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import IO, Any

from airflow_provider_hvsms.api.errors import CommitUnknown, LoadFailed, LoadRefused
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.sinks.files.csv import Csv
from airflow_provider_hvsms.sinks.schema import Changes, Column, Layout, Row
from airflow_provider_hvsms.sinks.warehouses import snowflake_sql as sql
from airflow_provider_hvsms.sinks.warehouses.merge_statement import count_records, merge_statement
from airflow_provider_hvsms.sinks.warehouses.sample_statement import sample_statement
from airflow_provider_hvsms.sinks.warehouses.warehouse import ExistingColumn, Merge, Warehouse

LOCK = "HVSMS_LOCK"
"""A table of one row in the target's schema. Loads update it first, so that a second one waits before its MERGE."""

SECONDS_BETWEEN_STATEMENTS = 1_800
"""A session, and with it the staging table, ends after four hours without a statement."""

_MISSING = (2003, 2043)
"""An object that does not exist, or that the role may not see: Snowflake does not say which."""

_ERRORS_OF_VALUES = 100
"""The first digits of the numbers of errors about a value, such as 100038."""


class Snowflake(Warehouse):
    """Snowflake behind a `SnowflakeHook`. Names are unquoted, so they are stored in upper case."""

    name = "Snowflake"
    syntax = sql.SYNTAX

    def __init__(self, hook: Any) -> None:
        super().__init__(hook)
        self._errors: Any = importlib.import_module("snowflake.connector.errors")
        self._connection: Any = None
        self._schema = ""
        self._part_number = 0
        self._last_statement = 0.0

    @property
    def part_format(self) -> Csv:
        return Csv("gzip")

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (self._errors.Error,)

    def is_permanent(self, error: Exception) -> bool:
        if not self._is_refusal(error):
            return False
        # A cancelled statement, a deadlock or a lock that was not released in time.
        return not str(getattr(error, "sqlstate", None) or "").startswith(("57", "40"))

    def _is_refusal(self, error: Exception) -> bool:
        """Whether Snowflake answered that it does not do what was asked; else, it is not known whether it does."""
        errors = self._errors
        refusals = (errors.ProgrammingError, errors.IntegrityError, errors.DataError, errors.NotSupportedError)
        # A login that is refused is a `DatabaseError`, or a `ForbiddenError` below it.
        return isinstance(error, refusals) or type(error) in (errors.DatabaseError, errors.ForbiddenError)

    def describe_error(self, error: Exception) -> str:
        text, number = _text(error), getattr(error, "errno", None) or 0
        if number // 1000 == _ERRORS_OF_VALUES:
            text = re.sub(r"""(['"]).*\1""", "'***'", text, flags=re.DOTALL)
        # Further lines may hold a whole row, but for the one that an error of compilation is on.
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        message = redact(" ".join(lines[:2] if lines and lines[0].endswith("error:") else lines[:1]))
        return f"{type(error).__name__} {number:06d}: {message}".removesuffix(".")

    @contextmanager
    def session(self) -> Iterator[None]:
        with closing(self._hook.get_conn()) as self._connection:
            settings = " ".join(f"{name} = {value}" for name, value in sql.SESSION_PARAMETERS.items())
            self._run(f"ALTER SESSION SET {settings}")
            yield

    def _cursor(self) -> AbstractContextManager[Any]:
        return closing(self._connection.cursor())

    def check(self, table: str) -> None:
        self._prepare_lock(self._enter_schema(table))

    def check_readable(self, table: str) -> None:
        self._enter_schema(table)

    def _enter_schema(self, table: str) -> str:
        """Make the table's schema that of the session, and return the session's role."""
        parts = sql.parse_name(table)
        database, schema, warehouse, role = self._run(
            "SELECT CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_WAREHOUSE(), CURRENT_ROLE()"
        )[0]
        _require(warehouse, "warehouse", role)
        *named, _ = (sql.quote(part) for part in parts)
        if not named:
            _require(schema, "schema", role)
            named = [sql.quote_stored(schema)]
        if len(named) == 1:
            _require(database, "database", role)
            named = [sql.quote_stored(database), *named]
        self._schema = ".".join(named)
        self._use_schema(role)
        return str(role)

    def columns(self, table: str) -> Mapping[str, ExistingColumn]:
        return self._describe(self.table_in_sql(table))

    def sample(self, table: str, columns: Sequence[str], count: int, *, not_null: bool) -> Sequence[Sequence[Any]]:
        return self._run(sample_statement(self.table_in_sql(table), columns, count, sql.SYNTAX, not_null=not_null))

    def check_creatable(self, table: str, layout: Layout[Any]) -> None:
        # Both at once, so that no table is left if this process is killed in between.
        probe = f"{self._schema}.{_unique_name('PROBE')}"
        self._run_all([f"CREATE TRANSIENT TABLE {probe} ({sql.table_columns(layout)})", f"DROP TABLE {probe}"])

    def create(self, table: str, layout: Layout[Any]) -> None:
        self._run(f"CREATE TABLE IF NOT EXISTS {self.table_in_sql(table)} ({sql.table_columns(layout)})")

    def add_columns(self, table: str, columns: Sequence[Column]) -> None:
        for column in columns:
            added = f"{sql.quote(column.name)} {sql.column_type(column)}"
            self._run(f"ALTER TABLE {self.table_in_sql(table)} ADD COLUMN IF NOT EXISTS {added}")

    def create_stage(self, table: str, columns: Sequence[Column]) -> str:
        name = _unique_name("STAGE")
        self._run(f"CREATE TEMPORARY TABLE {name} ({sql.stage_columns(columns)})")
        return name

    def load_part(self, stage: str, part: IO[bytes]) -> None:
        name = f"part-{self._part_number:05d}.csv.gz"
        self._part_number += 1
        # The file has no name; the one given here is the name that it gets in the stage.
        put = f"PUT file:///{name} @%{stage} AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = GZIP PARALLEL = 1"
        self._run(put, file_stream=part)
        self._run(
            f"COPY INTO {stage} FROM @%{stage}/{name} "
            f"FILE_FORMAT = ({sql.FILE_FORMAT}) ON_ERROR = ABORT_STATEMENT PURGE = TRUE"
        )

    def keep_alive(self) -> None:
        if time.monotonic() - self._last_statement > SECONDS_BETWEEN_STATEMENTS:
            self._run("SELECT 1")

    def drop_stage(self, stage: str) -> None:
        self._run(f"DROP TABLE IF EXISTS {stage}")

    def check_merge(self, merge: Merge) -> None:
        self._run(self._merge_statement(merge))

    def merge(self, merges: Sequence[Merge]) -> Changes:
        records = self._count_records(merges)
        lock = f"UPDATE {self._schema}.{LOCK} SET LOADS = LOADS + 1"
        # One request: if this process is killed, Snowflake still completes the transaction or none of it.
        statements = ["BEGIN TRANSACTION", lock, *map(self._merge_statement, merges), "COMMIT"]
        try:
            inserted, updated = self._run_all(statements)[2][0]
        except self._errors.Error as error:
            if not self._is_refusal(error):
                raise CommitUnknown from error
            with suppress(self._errors.Error):
                self._run("ROLLBACK")
            raise
        # A table may hold a record twice, if something else wrote it.
        return Changes(inserted=inserted, updated=updated, unchanged=max(0, records - inserted - updated))

    def _count_records(self, merges: Sequence[Merge]) -> int:
        """The records of the first merge, once all parts are known to be in the staging tables."""
        for merge in merges:
            [[found]] = self._run(f"SELECT COUNT(*) FROM {merge.stage}")
            if found != merge.rows:
                raise LoadFailed(
                    f"The staging table for table {merge.table!r} holds {found:,} rows, and {merge.rows:,} were loaded "
                    "into it. The table's rows were not changed. Run the load again."
                )
        [[records]] = self._run(count_records(merges[0].stage, merges[0].layout, sql.SYNTAX))
        return int(records)

    def _merge_statement(self, merge: Merge) -> str:
        target = self.table_in_sql(merge.table)
        return merge_statement(target, merge.stage, merge.layout, sql.SYNTAX, json_columns=merge.json_columns)

    def _use_schema(self, role: str) -> None:
        try:
            self._run(f"USE SCHEMA {self._schema}")
        except self._errors.ProgrammingError as error:
            if error.errno not in _MISSING:
                raise
            raise LoadRefused(
                f"Snowflake's schema {self._schema} does not exist, or the role {role!r} may not use it. Nothing was "
                "read. Create it, or grant USAGE on its database and on it."
            ) from None

    def _prepare_lock(self, role: str) -> None:
        """Create the lock, and check that it can be taken without waiting for it.

        The row comes with the table, so that of two first loads at once none finds the table without it.
        """
        lock = f"{self._schema}.{LOCK}"
        create = f"CREATE TABLE {lock} AS SELECT CAST(0 AS NUMBER(38, 0)) AS LOADS"
        try:
            if not self._describe(lock):
                self._create_lock(lock, create)
            self._run(f"UPDATE {lock} SET LOADS = LOADS WHERE FALSE")
        except self._errors.ProgrammingError as error:
            if not self.is_permanent(error):
                raise
            raise LoadRefused(
                f"The role {role!r} cannot use the table {lock}, for which concurrent loads wait: "
                f"{self.describe_error(error)}. Nothing was read. Grant CREATE TABLE on the schema; or run "
                f"{create!r} as its owner, and grant SELECT and UPDATE on the table."
            ) from None

    def _create_lock(self, lock: str, create: str) -> None:
        try:
            self._run(create)
        except self._errors.ProgrammingError:
            if not self._describe(lock):  # else, another load has just created it
                raise

    def _describe(self, quoted: str) -> dict[str, ExistingColumn]:
        try:
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(f"DESCRIBE TABLE {quoted}")
                names = [column[0].lower() for column in cursor.description]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except self._errors.ProgrammingError as error:
            if error.errno in _MISSING:
                return {}
            raise
        return {
            _layout_name(row["name"]): sql.existing_column(
                row["type"],
                needs_value=row["kind"] == "COLUMN" and row["null?"] == "N" and row["default"] is None,
            )
            for row in rows
        }

    def table_in_sql(self, table: str) -> str:
        return f"{self._schema}.{sql.quote(table.rpartition('.')[2])}"

    def select(self, statement: str) -> Sequence[Row]:
        return self._run(statement)

    def _run(self, statement: str, **options: Any) -> list[tuple[Any, ...]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, **options)
            self._last_statement = time.monotonic()
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _run_all(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """Run statements in one request, which Snowflake carries on with even if this process is killed."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(";\n".join(statements), num_statements=len(statements))
            results = [cursor.fetchall()]
            while cursor.nextset():
                results.append(cursor.fetchall())
            return results


def _require(found: str | None, what: str, role: str) -> None:
    if not found:
        raise LoadRefused(
            f"Snowflake's session has no {what}: the connection names none, or one that does not exist or that the "
            f"role {role!r} may not use. Nothing was read. Set `{what}` in the connection, and grant USAGE on it to "
            "the role."
        )


def _layout_name(stored: str) -> str:
    """The name of a stored column in a layout; one in lower case, made with quotes, is another column."""
    return stored.lower() if stored == stored.upper() else sql.quote_stored(stored)


def _text(error: Exception) -> str:
    """The text of an error without its number, its state and the query's id, which precede it."""
    return re.sub(r"^\d{6} \(\w{5}\): (\S+: )?", "", str(getattr(error, "raw_msg", None) or error))


def _unique_name(kind: str) -> str:
    return f"HVSMS_{kind}_{uuid.uuid4().hex[:12].upper()}"
