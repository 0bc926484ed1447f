"""A ledger in a table of a SQL database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import LedgerConflict
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.ledger_database import LedgerDatabase
from airflow_provider_hvsms.campaigns.ledger_table import WRITER, key_of, to_entry, to_row, to_text
from airflow_provider_hvsms.campaigns.resolving import RESOLVE_KEY, decisions
from airflow_provider_hvsms.sinks.sql.counts import count_affected

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

_MAY_BE_SENT = (EntryState.INTENDED, EntryState.CREATED, EntryState.RECORDED)


class SqlLedger:
    """Keeps the entries of campaigns in a table, which it creates if it does not exist.

    A change is one statement, committed before a method returns: an `INSERT` that the primary key refuses, or an
    `UPDATE` of a revision that is gone, is a conflict. A change whose outcome is not known, as the connection was lost,
    is read back: each row holds the random id of the change that wrote it.

    Each method may raise `LedgerUnavailable` after some attempts within seconds, `TableMismatch` (the table exists with
    other columns), `LoadRefused` (a right is missing) or `UnsuitableDatabase` (it does not enforce unique keys).

    :param hook: of a database with unique keys that are enforced.
    :param table: the table's name, or `schema.table`.
    :param sleep: waits for seconds between attempts.

    Example::

        ledger = SqlLedger(PostgresHook("warehouse"), "crm.hvsms_campaigns")
    """

    def __init__(
        self, hook: DbApiHook, table: str = "hvsms_campaigns", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._database = LedgerDatabase(hook, table, sleep=sleep)

    def entries(self, run: RunKey) -> dict[int, LedgerEntry]:
        key = key_of(run)

        def read(connection: sa.engine.Connection, table: sa.Table) -> dict[int, LedgerEntry]:
            rows = connection.execute(sa.select(table).where(_is(table, key))).mappings()
            # A table that was made by hand may compare texts without regard to case.
            own = [row for row in rows if all(row[name] == value for name, value in key.items())]
            return {row["part"]: to_entry(row, run) for row in own}

        return self._database.run(read)

    def recent(self, fingerprint: str, since: datetime) -> list[LedgerEntry]:
        def read(connection: sa.engine.Connection, table: sa.Table) -> list[LedgerEntry]:
            found = sa.select(table).where(
                table.c.fingerprint == fingerprint,
                table.c.intended_at >= to_text(since),
                table.c.state.in_([state.value for state in _MAY_BE_SENT]),
            )
            return [to_entry(row) for row in connection.execute(found.order_by(table.c.intended_at)).mappings()]

        return self._database.run(read)

    def add(self, entry: LedgerEntry) -> None:
        row = to_row(entry, uuid.uuid4().hex)
        self._write(entry, row, None, lambda table: sa.insert(table).values(row))

    def replace(self, entry: LedgerEntry) -> None:
        row = to_row(entry, uuid.uuid4().hex)
        key = {**key_of(entry.run), "part": entry.part}
        values = {name: value for name, value in row.items() if name not in key}
        revision = entry.revision - 1
        self._write(
            entry,
            row,
            revision,
            lambda table: sa.update(table).where(_is(table, {**key, "revision": revision})).values(values),
        )

    def how_to_resolve(self, entry: LedgerEntry) -> str:
        created, not_created = (f'{{"{RESOLVE_KEY}": {one}}}' for one in decisions(entry, with_run=True))
        run = entry.run
        return (
            f"To decide, trigger the DAG {run.dag_id!r} once more with one of these configurations. If the batch was "
            f"created: {created}. If it was not: {not_created}. That run only notes the decision and sends nothing. "
            f"Then clear the task {run.task_id!r} of the run {run.run_id!r}."
        )

    def _write(
        self, entry: LedgerEntry, row: dict[str, Any], revision: int | None, statement: Callable[[sa.Table], Any]
    ) -> None:
        """Write a row if the one that it replaces is still there.

        :param revision: that of the row to replace; `None`: there must be none.
        """
        key = {**key_of(entry.run), "part": entry.part}

        def write(connection: sa.engine.Connection, table: sa.Table) -> bool:
            changed = count_affected(connection, statement(table))
            connection.commit()
            return changed == 1

        def is_written(connection: sa.engine.Connection, table: sa.Table) -> bool:
            found = sa.select(table.c.revision, table.c[WRITER]).where(_is(table, key))
            current = connection.execute(found).one_or_none()
            if current is not None and current[1] == row[WRITER]:
                return True
            if (None if current is None else current[0]) != revision:
                raise LedgerConflict(
                    f"Part {entry.part} of run {entry.run.run_id!r} was changed in {self._database.name} by another "
                    f"try of task {entry.run.task_id!r} at the same time. This try goes no further with it."
                )
            return False

        self._database.change(write, is_written)


def _is(table: sa.Table, values: dict[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == value for name, value in values.items()))
