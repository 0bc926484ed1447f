"""The table of a `SqlLedger`: its columns, how it is created and checked, and entries as its rows."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch, UnsuitableDatabase
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Layout
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.generic import GenericDatabase
from airflow_provider_hvsms.sinks.sql.mismatch import foreign_table, unfilled_columns
from airflow_provider_hvsms.sinks.sql.sql_types import sql_type

Row = dict[str, Any]

MAX_KEY_LENGTH = 250
"""Characters of an id in the key, as in Airflow's own tables. Three of them fit into a key of MySQL (3,072 bytes)."""

_RUN = ("dag_id", "run_id", "task_id", "map_index")
KEY = (*_RUN, "part")
"""The primary key."""

WRITER = "writer"
"""The column with the random id of the change that wrote the row, by which a process knows its own."""

_OPTIONAL = ("batch_id", "rejected_count")

_LAYOUT: Layout[LedgerEntry] = Layout(
    record_columns=(
        *(Column(name, ColumnType.ID, max_length=MAX_KEY_LENGTH) for name in _RUN[:3]),
        Column("map_index", ColumnType.INTEGER),
        Column("part", ColumnType.INTEGER),
        Column("fingerprint", ColumnType.ID, max_length=128),
        Column("message_count", ColumnType.INTEGER),
        Column("state", ColumnType.ID, max_length=20),
        # As text, which no session changes on its way, and which sorts by time.
        Column("first_intended_at", ColumnType.ID, max_length=40),
        Column("intended_at", ColumnType.ID, max_length=40),
        Column("attempts", ColumnType.INTEGER),
        Column("batch_id", ColumnType.ID, max_length=128),
        Column("rejected_count", ColumnType.INTEGER),
        Column("revision", ColumnType.INTEGER),
        Column(WRITER, ColumnType.ID, max_length=40),
    ),
    key=KEY,
)
NAMES = tuple(column.name for column in _LAYOUT.record_columns)
"""Of the columns."""


def make_table(name: str) -> sa.Table:
    """The table of a ledger.

    :param name: the table's name, or `schema.table`.
    :raises TableMismatch: there is no name in it.
    """
    schema, _, own_name = name.rpartition(".")
    if not own_name.strip():
        raise TableMismatch(f"The ledger's table is {name!r}, which has no table name in it. Set it to a name.")
    return _make_table(own_name, schema or None)


def open_table(database: Database, connection: sa.engine.Connection, table: sa.Table) -> sa.Table:
    """Check the table, or create it, and return it as the database spells it.

    :raises TableMismatch: it exists with other columns or without the primary key, or cannot have this name.
    :raises LoadRefused: it does not exist and cannot be created.
    :raises UnsuitableDatabase: the database does not enforce its key.
    """
    limit = database.name_limit
    if limit and not limit.allows(table.name):
        raise TableMismatch(
            f"The table name {table.name!r} is too long: this database allows {limit.length} {limit.unit}. Use a "
            "shorter name for the ledger."
        )
    found = _make_table(database.stored_name(connection, table), table.schema)
    columns = database.columns(connection, found)
    connection.rollback()
    if not columns:
        _create(database, connection, found)
        columns = database.columns(connection, found)
    lacking = [name for name in NAMES if name not in columns]
    if lacking:
        raise foreign_table(found, lacking, [name for name in columns if name not in NAMES])
    unfilled = [name for name, column in columns.items() if name not in NAMES and column.needs_value]
    if unfilled:
        raise unfilled_columns(found, unfilled)
    database.find_key(connection, found, _LAYOUT, columns)
    connection.rollback()
    if isinstance(database, GenericDatabase):
        _check_key(connection, found)
    return found


def to_row(entry: LedgerEntry, writer: str) -> Row:
    """The values of an entry's columns."""
    return {
        **key_of(entry.run),
        "part": entry.part,
        "fingerprint": entry.fingerprint,
        "message_count": entry.size,
        "state": entry.state.value,
        "first_intended_at": to_text(entry.first_intended_at),
        "intended_at": to_text(entry.intended_at),
        "attempts": entry.attempts,
        "batch_id": entry.batch_id,
        "rejected_count": entry.rejected_count,
        "revision": entry.revision,
        WRITER: writer,
    }


def to_entry(row: RowMapping, run: RunKey | None = None) -> LedgerEntry:
    """The entry of a row.

    :param run: its run, if it is known; the ids in a row may be shortened.
    """
    return LedgerEntry(
        run=run or RunKey(**{name: row[name] for name in _RUN}),
        part=row["part"],
        fingerprint=row["fingerprint"],
        size=row["message_count"],
        state=EntryState(row["state"]),
        first_intended_at=_from_text(row["first_intended_at"]),
        intended_at=_from_text(row["intended_at"]),
        attempts=row["attempts"],
        batch_id=row["batch_id"],
        rejected_count=row["rejected_count"],
        revision=row["revision"],
    )


def key_of(run: RunKey) -> Row:
    """The values of a run's columns."""
    ids = {"dag_id": run.dag_id, "run_id": run.run_id, "task_id": run.task_id}
    return {**{name: _shortened(value) for name, value in ids.items()}, "map_index": run.map_index}


def to_text(time: datetime) -> str:
    """A time as it is stored: in UTC, to the microsecond, always as long."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _from_text(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _shortened(value: str) -> str:
    """An id that fits into its column. One that is too long ends with its hash, so that it stays unique."""
    if len(value) <= MAX_KEY_LENGTH:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"{value[: MAX_KEY_LENGTH - len(digest) - 1]}~{digest}"


def _make_table(name: str, schema: str | None) -> sa.Table:
    columns: list[sa.Column[Any]] = [
        sa.Column(
            column.name,
            sql_type(column),
            primary_key=column.name in KEY,
            autoincrement=False,
            nullable=column.name in _OPTIONAL,
        )
        for column in _LAYOUT.record_columns
    ]
    return sa.Table(name, sa.MetaData(), *columns, schema=schema)


def _create(database: Database, connection: sa.engine.Connection, table: sa.Table) -> None:
    try:
        table.create(connection, checkfirst=False)
        connection.commit()
    except DBAPIError as error:
        connection.rollback()
        exists = bool(database.columns(connection, table))
        connection.rollback()
        if exists:  # another process has just created it
            return
        if database.is_permanent(error):
            raise _not_creatable(connection, table, error) from None
        raise


def _not_creatable(connection: sa.engine.Connection, table: sa.Table, error: DBAPIError) -> LoadRefused:
    statement = " ".join(str(CreateTable(table).compile(dialect=connection.dialect)).split())
    reason = redact(str(error.orig).strip().partition("\n")[0]).removesuffix(".")
    return LoadRefused(
        f"The ledger's table {table.fullname!r} does not exist, and cannot be created: {type(error.orig).__name__}: "
        f"{reason}. Nothing was sent. Give the user of the connection the right to create it, or create it once with: "
        f"{statement}"
    )


def _check_key(connection: sa.engine.Connection, table: sa.Table) -> None:
    """Insert a made-up row twice, of which the key must refuse the second, and remove it."""
    name = f"hvsms_probe_{uuid.uuid4().hex}"
    row = dict.fromkeys(NAMES, name[:20]) | dict.fromkeys(("dag_id", "run_id", "task_id"), name)
    numbers = {column.name: 0 for column in _LAYOUT.record_columns if column.type is ColumnType.INTEGER}
    connection.execute(sa.insert(table), [row | numbers])
    try:
        connection.execute(sa.insert(table), [row | numbers])
    except DBAPIError:
        return
    else:
        raise UnsuitableDatabase(
            f"The ledger cannot be kept in table {table.fullname!r}: the database accepted two rows with the same "
            "primary key, so two tries of a task could send at once. Nothing was sent. Use a connection to PostgreSQL, "
            "MySQL, SQLite or another database that enforces unique keys."
        )
    finally:
        connection.rollback()
        connection.execute(sa.delete(table).where(table.c.dag_id == name))
        connection.commit()
