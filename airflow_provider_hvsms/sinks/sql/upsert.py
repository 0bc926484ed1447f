"""The base of databases with `INSERT … ON CONFLICT DO UPDATE`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.sinks.schema import LOADED_AT, Layout
from airflow_provider_hvsms.sinks.sql.counts import count_affected
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn
from airflow_provider_hvsms.sinks.sql.keys import usable_keys
from airflow_provider_hvsms.sinks.sql.merge import is_changed, merged_values, staged_rows
from airflow_provider_hvsms.sinks.sql.mismatch import missing_key


class UpsertDatabase(Database):
    """A database with `INSERT … ON CONFLICT DO UPDATE`, which needs a unique key in the target."""

    def find_key(
        self,
        connection: sa.engine.Connection,
        target: sa.Table,
        layout: Layout[Any],
        columns: Mapping[str, ExistingColumn],
    ) -> tuple[str, ...]:
        usable = usable_keys(self.unique_keys(connection, target), columns, layout)
        if not usable:
            raise missing_key(target, layout)
        return usable[0]

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        """The sets of columns that are unique in every row."""
        return list(self._named_keys(connection, table).values())

    def _named_keys(self, connection: sa.engine.Connection, table: sa.Table) -> dict[str | None, set[str]]:
        inspector = sa.inspect(connection)
        where = (table.name, table.schema)
        primary = inspector.get_pk_constraint(*where)
        indexes = [index for index in inspector.get_indexes(*where) if index["unique"]]
        return {
            primary.get("name") or "": set(primary["constrained_columns"]),
            **{index["name"]: {name or "" for name in index["column_names"]} for index in indexes},
            **{one["name"]: set(one["column_names"]) for one in inspector.get_unique_constraints(*where)},
        }

    def _merge(self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> int:
        insert = self._insert(target).from_select(layout.names, self._staged_rows(stage, layout))
        values = merged_values(insert.excluded, target, layout)
        upsert = insert.on_conflict_do_update(
            index_elements=list(layout.key),
            set_={**values, LOADED_AT.name: insert.excluded[LOADED_AT.name]},
            where=is_changed(insert.excluded, target, layout),
        )
        return count_affected(connection, upsert)

    def _insert(self, target: sa.Table) -> Any:
        """SQLAlchemy's insert construct of the dialect, which has `on_conflict_do_update`."""
        raise NotImplementedError

    def _staged_rows(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        return staged_rows(stage, layout)
