"""The target and staging tables of a load, as SQLAlchemy tables."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from airflow_provider_hvsms.sinks.schema import ColumnType, Layout
from airflow_provider_hvsms.sinks.sql.sql_types import sql_type

SEQUENCE = "hvsms_sequence"
"""The staging column that numbers the rows in the order in which they were read."""

_COLUMN_TYPE = "hvsms_column_type"


def make_target(name: str, schema: str | None, layout: Layout[Any]) -> sa.Table:
    """The table of a layout, with its primary key."""
    return sa.Table(name, sa.MetaData(), *_columns(layout, layout.key), schema=schema)


def make_probe(target: sa.Table, layout: Layout[Any]) -> sa.Table:
    """A table like the target, in its schema, under a name that is not in use."""
    return make_target(probe_name(), target.schema, layout)


def probe_name() -> str:
    """The name of a table that exists during a check only."""
    return f"hvsms_probe_{uuid.uuid4().hex[:12]}"


def make_numbers() -> sa.Table:
    """A temporary table of some `SEQUENCE` numbers."""
    name = f"hvsms_stage_{uuid.uuid4().hex[:12]}"
    number: sa.Column[Any] = sa.Column(SEQUENCE, sa.BigInteger(), primary_key=True, autoincrement=False)
    return sa.Table(name, sa.MetaData(), number, prefixes=["TEMPORARY"])


def make_stage(layout: Layout[Any], *, has_key: bool) -> sa.Table:
    """A temporary table for the rows of one load.

    :param has_key: make `SEQUENCE` the primary key.
    """
    sequence: sa.Column[Any] = sa.Column(
        SEQUENCE,
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=has_key,
        autoincrement=False,
        info={_COLUMN_TYPE: ColumnType.INTEGER},
    )
    name = f"hvsms_stage_{uuid.uuid4().hex[:12]}"
    return sa.Table(name, sa.MetaData(), sequence, *_columns(layout, ()), prefixes=["TEMPORARY"])


def type_of(column: sa.Column[Any]) -> ColumnType:
    """What a column of these tables holds."""
    return cast(ColumnType, column.info[_COLUMN_TYPE])


def _columns(layout: Layout[Any], key: Sequence[str]) -> list[sa.Column[Any]]:
    return [
        sa.Column(
            column.name,
            sql_type(column),
            primary_key=column.name in key,
            nullable=column.name not in key,
            info={_COLUMN_TYPE: column.type},
        )
        for column in layout.columns
    ]
