"""The target table of a load: what is checked of it, and the merge into it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.schema import Layout
from airflow_provider_hvsms.sinks.sql.dialect import Database, table_mismatch
from airflow_provider_hvsms.sinks.sql.sql_types import required_family
from airflow_provider_hvsms.sinks.sql.tables import make_stage, make_target


class Target:
    """A table that takes the rows of one layout, reached by one connection.

    :param name: the table's name, or `schema.table`.
    :raises TableMismatch: the name is empty.
    """

    def __init__(self, database: Database, connection: sa.engine.Connection, name: str, layout: Layout[Any]) -> None:
        schema, _, own_name = name.rpartition(".")
        if not own_name.removesuffix("_rejects").strip():
            raise TableMismatch(f"table is {name!r}, which has no table name in it. Set it to a name.")
        self._database = database
        self._connection = connection
        self._layout = layout
        self.table = make_target(own_name, schema or None, layout)

    @property
    def exists(self) -> bool:
        return bool(self._database.columns(self._connection, self.table))

    def check(self) -> bool:
        """Check that rows can be merged into the table, or that it can be created.

        :return: whether it exists.
        :raises TableMismatch: it cannot have this name, or exists with other columns, types or keys.
        """
        self._check_name()
        stored_name = self._database.stored_name(self._connection, self.table)
        self.table = make_target(stored_name, self.table.schema, self._layout)
        columns = self._database.columns(self._connection, self.table)
        if columns:
            self._check_columns(set(columns))
            self._check_types()
            self._database.check_target(self._connection, self.table, self._layout.key)
        else:
            # A missing schema or right shows now, not after an hour of reading.
            self._database.check_creatable(self._connection, self.table)
        return bool(columns)

    def check_capabilities(self, stage: sa.Table) -> None:
        self._database.check_capabilities(self._connection, self.table, stage, self._layout)

    def check_by_insert(self) -> None:
        self._database.check_by_insert(self._connection, self.table, self._layout)

    def create_stage(self) -> sa.Table:
        stage = make_stage(self._layout, has_key=self._database.stage_has_key)
        stage.create(self._connection)
        self._connection.commit()
        return stage

    def insert(self, stage: sa.Table) -> None:
        """Bring the staged rows into the table, which was just created."""
        for statement in self._database.insert_statements(self.table, stage, self._layout):
            self._connection.execute(statement)

    def merge(self, stage: sa.Table) -> None:
        """Merge the staged rows into the table."""
        for statement in self._database.merge_statements(self.table, stage, self._layout):
            self._connection.execute(statement)

    def _check_name(self) -> None:
        limit = self._database.name_limit
        if limit and not limit.allows(self.table.name):
            raise TableMismatch(
                f"The table name {self.table.name!r} is too long: this database allows {limit.length} {limit.unit}. "
                "Nothing was written. Use a shorter name."
            )

    def _check_columns(self, found: set[str]) -> None:
        expected = set(self._layout.names)
        if found == expected:
            return
        differences = [
            f"{what} {', '.join(sorted(names))}"
            for what, names in (("lacks", expected - found), ("also has", found - expected))
            if names
        ]
        raise table_mismatch(
            self.table,
            f"with other columns: it {' and '.join(differences)}",
            "Use another table, or change this one to the documented columns.",
        )

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
