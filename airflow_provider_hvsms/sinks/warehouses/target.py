"""A target of a load into a warehouse: what is checked of it, and its staged rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.personal_data_check import SAMPLE_ROWS, check_personal_data
from airflow_provider_hvsms.sinks.schema import ColumnType, Layout, OnSchemaChange
from airflow_provider_hvsms.sinks.sql.sql_types import TypeFamily, required_family
from airflow_provider_hvsms.sinks.warehouses.merge_statement import SEQUENCE
from airflow_provider_hvsms.sinks.warehouses.parts import Parts
from airflow_provider_hvsms.sinks.warehouses.warehouse import ExistingColumn, Merge, Warehouse


class Target:
    """A table that takes the rows of one layout.

    :param table: its name, as the user writes it.
    """

    def __init__(
        self, warehouse: Warehouse, table: str, layout: Layout[Any], on_schema_change: OnSchemaChange | str
    ) -> None:
        self.exists = False
        self.parts: Parts
        self._warehouse = warehouse
        self._table = table
        self._layout = layout
        self._on_schema_change = on_schema_change
        self._json_columns = frozenset(column.name for column in layout.columns if column.type is ColumnType.JSON)
        self._number_columns: Sequence[str] = layout.number_columns
        self._stage = ""

    @property
    def merge(self) -> Merge:
        return Merge(
            table=self._table,
            stage=self._stage,
            rows=self.parts.rows,
            layout=self._layout,
            json_columns=self._json_columns,
        )

    def check(self) -> None:
        """Check that rows can be merged into the table, or that it can be created; add columns that it lacks.

        :raises TableMismatch: it exists with columns that the rows do not fit into.
        """
        columns = self._warehouse.columns(self._table)
        self.exists = bool(columns)
        if self.exists:
            self._check_types(columns)
            self._check_other_columns(columns)
            self._number_columns = [name for name in self._layout.number_columns if name in columns]
            self.check_personal_data()
            self._add_missing(columns)
        else:
            self._warehouse.check_creatable(self._table, self._layout)

    def check_personal_data(self) -> None:
        """Check that the existing table holds no rows of another `personal_data`.

        :raises TableMismatch: it does.
        """
        if self._number_columns:
            check_personal_data(
                f"Table {self._table!r}",
                self._layout.personal_data,
                lambda *, with_numbers: self._warehouse.sample(
                    self._table, self._number_columns, SAMPLE_ROWS, not_null=with_numbers
                ),
            )

    def open_stage(self) -> None:
        """Create the staging table."""
        columns = (SEQUENCE, *self._layout.columns)
        self._stage = self._warehouse.create_stage(self._table, columns)
        self.parts = Parts(
            self._warehouse.part_format, columns, lambda part: self._warehouse.load_part(self._stage, part)
        )

    def close_stage(self) -> None:
        """Drop the staging table, if there is one."""
        if self._stage:
            self.parts.discard()
            self._warehouse.drop_stage(self._stage)

    def create(self) -> None:
        self._warehouse.create(self._table, self._layout)

    def _check_types(self, columns: Mapping[str, ExistingColumn]) -> None:
        for column in self._layout.columns:
            found = columns.get(column.name)
            if found is None:
                continue
            if found.is_json and column.type is ColumnType.JSON:
                continue
            required = required_family(column.type)
            if found.is_json or found.family not in (required, *_ALSO_HELD_BY.get(column.type, ())):
                raise self._mismatch(
                    f"the type of column {column.name!r} is {found.sql_type}; it must be one for {required}",
                    "Change it to the documented type.",
                )
            self._json_columns -= {column.name}

    def _check_other_columns(self, columns: Mapping[str, ExistingColumn]) -> None:
        ours = set(self._layout.names)
        needing = sorted(name for name, column in columns.items() if name not in ours and column.needs_value)
        if needing:
            raise self._mismatch(
                f"has columns that no load fills and that are NOT NULL without a default: {', '.join(needing)}",
                "Give them a default, or make them nullable.",
            )

    def _add_missing(self, columns: Mapping[str, ExistingColumn]) -> None:
        missing = [column for column in self._layout.columns if column.name not in columns]
        if not missing:
            return
        names = ", ".join(column.name for column in missing)
        if any(column.name in self._layout.key for column in missing):
            raise self._mismatch(
                f"with other columns: it lacks {names}",
                "Use another table, or change this one to the documented columns.",
            )
        if self._on_schema_change == "fail":
            raise self._mismatch(
                f"lacks {names}, and on_schema_change='fail' adds no column",
                "Add what it lacks as documented, or set on_schema_change='add'.",
            )
        self._warehouse.add_columns(self._table, missing)

    def _mismatch(self, problem: str, remedy: str) -> TableMismatch:
        return TableMismatch(f"Table {self._table!r} exists, but {problem}. Nothing was written. {remedy}")


_ALSO_HELD_BY = {ColumnType.INTEGER: (TypeFamily.ROUNDED_NUMBER,)}
