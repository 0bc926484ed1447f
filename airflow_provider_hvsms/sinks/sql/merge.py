"""SQL expressions of a merge: which state of a record is newer, and what a merged row holds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.sinks.schema import LOADED_AT, Layout
from airflow_provider_hvsms.sinks.sql.tables import SEQUENCE


def merged_values(new: Any, old: sa.Table, layout: Layout[Any]) -> dict[str, sa.ColumnElement[Any]]:
    """The values of an existing row after a merge, without key and `loaded_at`: the newer state's, and what is kept.

    :param new: the columns of the new row, by name.
    """
    older = is_older(new, old, layout)
    return {
        name: sa.case((older, sa.func.coalesce(old.c[name], new[name])), else_=sa.func.coalesce(new[name], old.c[name]))
        if name in layout.kept
        else sa.case((older, old.c[name]), else_=new[name])
        for name in layout.names
        if name not in (*layout.key, LOADED_AT.name)
    }


def is_changed(new: Any, old: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    """Whether a merge changes an existing row: whether one of `merged_values` is another than that of the row.

    Written out, because comparing the values themselves takes most of the time of a merge that changes nothing.
    """
    kept = [(new[name], old.c[name]) for name in layout.names if name in layout.kept]
    others = [name for name in layout.names if name not in (*layout.key, *layout.kept, LOADED_AT.name)]
    differs = sa.or_(
        *(new[name].is_distinct_from(old.c[name]) for name in others),
        *(sa.and_(value.is_not(None), value.is_distinct_from(existing)) for value, existing in kept),
    )
    if layout.version is None:
        return differs
    older = is_older(new, old, layout)
    adds = [sa.and_(older, existing.is_(None), value.is_not(None)) for value, existing in kept]
    return sa.or_(sa.and_(~older, differs), *adds)


def is_older(new: Any, old: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    """Whether the new row is an older state than the existing one. A state without a version is the oldest."""
    if layout.version is None:
        return sa.false()
    new_version, old_version = new[layout.version], old.c[layout.version]
    return sa.and_(old_version.is_not(None), sa.or_(new_version.is_(None), new_version < old_version))


def is_unchanged(new: sa.Table, old: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    """Whether two rows are equal, except for `loaded_at`."""
    names = [name for name in layout.names if name != LOADED_AT.name]
    return sa.and_(*(_is_equal(new.c[name], old.c[name]) for name in names))


def staged_rows(stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
    """All staged rows."""
    return sa.select(*(stage.c[name] for name in layout.names))


def rows_in_read_order(stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
    """All staged rows in the order in which they were read, for databases that merge one row at a time."""
    return staged_rows(stage, layout).order_by(stage.c[SEQUENCE])


def _is_equal(one: sa.Column[Any], other: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(one == other, sa.and_(one.is_(None), other.is_(None)))
