"""The target table of a load: what is checked of it, and the merge into it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.personal_data_check import SAMPLE_ROWS, check_personal_data
from airflow_provider_hvsms.sinks.schema import Changes, Layout, OnSchemaChange
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn
from airflow_provider_hvsms.sinks.sql.mismatch import (
    foreign_table,
    missing_columns,
    table_mismatch,
    unfilled_columns,
)
from airflow_provider_hvsms.sinks.sql.sql_types import required_family
from airflow_provider_hvsms.sinks.sql.tables import make_stage, make_target


class Target:
    """A table that takes the rows of one layout, reached by one connection.

    :param name: the table's name, or `schema.table`.
    :param on_schema_change: `add` columns of the layout that the table lacks, or `fail`.
    :raises TableMismatch: the name is empty.
    """

    def __init__(
        self,
        database: Database,
        connection: sa.engine.Connection,
        name: str,
        layout: Layout[Any],
        on_schema_change: OnSchemaChange | str = "add",
    ) -> None:
        schema, _, own_name = name.rpartition(".")
        if not own_name.removesuffix("_rejects").strip():
            raise TableMismatch(f"table is {name!r}, which has no table name in it. Set it to a name.")
        self._database = database
        self._connection = connection
        self._layout = layout
        self._on_schema_change = on_schema_change
        self._columns: Mapping[str, ExistingColumn] = {}
        self._lacking: list[str] = []
        self._number_columns: Sequence[str] = layout.number_columns
        self._merged = layout
        """With the key by which rows are merged."""
        self.table = make_target(own_name, schema or None, layout)

    @property
    def exists(self) -> bool:
        """Whether the table existed when it was last inspected."""
        return bool(self._columns)

    def check(self) -> None:
        """Check that rows can be merged into the table, or that it can be created.

        :raises TableMismatch: it cannot have this name, or exists with other columns, types or keys, or with rows of
            another `personal_data`.
        """
        self._check_name()
        stored_name = self._database.stored_name(self._connection, self.table)
        self.table = make_target(stored_name, self.table.schema, self._layout)
        if self.inspect():
            # One that is added for this load is null in the rows of earlier ones.
            self._number_columns = [name for name in self._number_columns if name not in self._lacking]
            self.check_personal_data()
        else:
            # A missing schema or right shows now, not after an hour of reading.
            self._database.check_creatable(self._connection, self.table)

    def inspect(self) -> bool:
        """Look at the table: what it lacks, and by which key rows are merged.

        :return: whether it exists.
        """
        columns = self._database.columns(self._connection, self.table)
        self._lacking = [name for name in self._layout.names if name not in columns] if columns else []
        if columns and columns != self._columns:
            self._check_columns(columns)
            self._check_types()
            key = self._database.find_key(self._connection, self.table, self._layout, columns)
            self._merged = dataclasses.replace(self._layout, key=key)
        self._columns = columns
        return self.exists

    def check_personal_data(self) -> None:
        """Check that the table, if it exists, holds no rows of another `personal_data`.

        :raises TableMismatch: it does.
        """
        if self.exists and self._number_columns:
            columns = [self.table.c[name] for name in self._number_columns]
            check_personal_data(
                f"Table {self.table.fullname!r}",
                self._layout.personal_data,
                lambda *, with_numbers: self._database.sample(
                    self._connection, columns, SAMPLE_ROWS, not_null=with_numbers
                ),
            )

    def check_capabilities(self, stage: sa.Table) -> None:
        self._database.check_capabilities(self._connection, self.table, stage, self._layout)

    def try_merge(self, stage: sa.Table) -> None:
        """Add what the table lacks and merge no rows into it, and undo both."""
        self._database.try_merge(self._connection, self.table, stage, self._merged, self._lacking)

    def create_stage(self) -> sa.Table:
        stage = make_stage(self._layout, has_key=self._database.stage_has_key)
        stage.create(self._connection)
        self._connection.commit()
        self._database.index_stage(self._connection, stage, self._layout)
        return stage

    def extended(self) -> AbstractContextManager[None]:
        """Add what the table lacks, in the open transaction. If the block fails, it is removed again."""
        return self._database.extended(self._connection, self.table, self._lacking)

    def take(self, stage: sa.Table) -> Changes:
        """Bring the staged rows into the table, which was just created if it did not exist."""
        if self.exists:
            return self._database.merge(self._connection, self.table, stage, self._merged)
        return self._database.insert(self._connection, self.table, stage, self._layout)

    def _check_name(self) -> None:
        limit = self._database.name_limit
        if limit and not limit.allows(self.table.name):
            raise TableMismatch(
                f"The table name {self.table.name!r} is too long: this database allows {limit.length} {limit.unit}. "
                "Nothing was written. Use a shorter name."
            )

    def _check_columns(self, found: Mapping[str, ExistingColumn]) -> None:
        others = {name: column for name, column in found.items() if name not in self._layout.names}
        key = set(self._layout.key)
        if key.intersection(self._lacking) or (self._lacking and found.keys() - others.keys() <= key):
            raise foreign_table(self.table, self._lacking, others)
        if self._lacking and self._on_schema_change == "fail":
            raise missing_columns(self.table, self._lacking)
        unfilled = [name for name, column in others.items() if column.needs_value]
        if unfilled:
            raise unfilled_columns(self.table, unfilled)

    def _check_types(self) -> None:
        families = self._database.type_families(self._connection, self.table)
        for column in self._layout.columns:
            required, found = required_family(column.type), families.get(column.name)
            if found not in (None, required):
                raise table_mismatch(
                    self.table,
                    f"the type of column {column.name!r} is for {found}; it must be for {required}",
                    "Change it to the documented type.",
                )
