"""Columns that a table lacks: how they are added, and removed again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import DDLElement


class CreateLike(DDLElement):
    """MySQL's `CREATE TABLE … LIKE …`."""

    def __init__(self, table: sa.Table, model: sa.Table) -> None:
        self.table = table
        self.model = model


class AlterNothing(DDLElement):
    """MySQL's `ALTER TABLE` without a change, which needs the right to alter the table."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table


class AddColumn(DDLElement):
    """`ALTER TABLE … ADD COLUMN`."""

    def __init__(self, table: sa.Table, column: sa.Column[Any]) -> None:
        self.table = table
        self.column = column


class DropColumn(AddColumn):
    """`ALTER TABLE … DROP COLUMN`."""


def add_columns(connection: sa.engine.Connection, table: sa.Table, names: Iterable[str]) -> None:
    """Add columns to an existing table, of the types that they have in a new one."""
    for name in names:
        connection.execute(AddColumn(table, table.columns[name]))


def drop_columns(connection: sa.engine.Connection, table: sa.Table, names: Iterable[str]) -> None:
    for name in names:
        connection.execute(DropColumn(table, table.columns[name]))


@compiles(CreateLike)
def _compile_create(element: CreateLike, compiler: Any, **_: Any) -> str:
    return f"CREATE TABLE {_name(element.table, compiler)} LIKE {_name(element.model, compiler)}"


@compiles(AlterNothing)
def _compile_alter(element: AlterNothing, compiler: Any, **_: Any) -> str:
    return f"ALTER TABLE {_name(element.table, compiler)}"


@compiles(AddColumn)
def _compile_add(element: AddColumn, compiler: Any, **_: Any) -> str:
    column = compiler.get_column_specification(element.column)
    return f"ALTER TABLE {_name(element.table, compiler)} ADD COLUMN {column}"


@compiles(DropColumn)
def _compile_drop(element: DropColumn, compiler: Any, **_: Any) -> str:
    column = compiler.preparer.format_column(element.column)
    return f"ALTER TABLE {_name(element.table, compiler)} DROP COLUMN {column}"


def _name(table: sa.Table, compiler: Any) -> str:
    return str(compiler.preparer.format_table(table))
