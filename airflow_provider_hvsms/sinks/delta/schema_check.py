"""What an existing Delta table must be like, so that a load can change it safely."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.delta.partition import Partition
from airflow_provider_hvsms.sinks.record_batches import arrow_type
from airflow_provider_hvsms.sinks.schema import Column, Layout

_KNOWN_FEATURES = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "timestampNtz"}
)
"""Table features that are harmless while the table does not use them, which is checked, too."""
_MAX_WRITER_VERSION = 4
"""The last one whose features are those above."""
_FEATURES_BY_NAME = 7
"""The writer version that lists its features by name."""


def check_table(table: Any, name: str, layout: Layout[Any], partition: Partition | None, arrow: Any) -> None:
    """Check the table's features, partitions and columns.

    :param table: a `deltalake.DeltaTable`.
    :param name: the folder, for the message.
    :raises TableMismatch: naming the first problem.
    """
    problems = (*_feature_problems(table), *_partition_problems(table, partition))
    for problem in (*problems, *_column_problems(table, layout, partition, arrow)):
        raise TableMismatch(f"The Delta table {name} exists, but {problem}. Nothing was written.")


def missing_columns(table: Any, layout: Layout[Any]) -> list[Column]:
    """The columns of the layout that the table lacks; a load adds them."""
    names = {field.name for field in table.schema().fields}
    return [column for column in layout.columns if column.name not in names]


def _feature_problems(table: Any) -> Iterator[str]:
    protocol, configuration = table.protocol(), table.metadata().configuration
    features = {*(protocol.writer_features or ()), *(protocol.reader_features or ())}
    version = protocol.min_writer_version
    if unknown := sorted(features - _KNOWN_FEATURES):
        yield f"it uses {', '.join(unknown)}, which a load does not support: disable it, or create the table anew"
    elif version > _MAX_WRITER_VERSION and version != _FEATURES_BY_NAME:
        yield f"its writer version is {version}, which a load does not support: create the table anew"
    for setting in ("delta.appendOnly", "delta.enableChangeDataFeed"):
        if configuration.get(setting) == "true":
            yield f"its property {setting} is true, which a load does not support: set it to false"
    if constraints := sorted(setting for setting in configuration if setting.startswith("delta.constraints.")):
        yield f"it has constraints, which a load does not support: drop {', '.join(constraints)}"


def _partition_problems(table: Any, partition: Partition | None) -> Iterator[str]:
    found, expected = list(table.metadata().partition_columns), [partition.name] if partition else []
    if found != expected:
        yield (
            f"it is partitioned by {', '.join(found) or 'nothing'}, and must be by {', '.join(expected) or 'nothing'}: "
            "create the table anew"
        )


def _column_problems(table: Any, layout: Layout[Any], partition: Partition | None, arrow: Any) -> Iterator[str]:
    fields = {field.name: field for field in arrow.schema(table.schema().to_arrow())}
    expected = {column.name: arrow_type(column.type, arrow) for column in layout.columns}
    if partition:
        expected[partition.name] = arrow.date32()
    if lacking := [name for name in layout.key if name not in fields]:
        yield f"lacks {', '.join(lacking)}, which the key needs: add the column, or choose another folder"
    for name, kind in expected.items():
        if name in fields and fields[name].type != kind:
            yield f"its column {name!r} is of type {fields[name].type} instead of {kind}: change it"
    for name in sorted({name.lower() for name in expected} & {name.lower() for name in fields.keys() - expected}):
        yield f"its column {name!r} is written with other capitals: rename it"
    for field in json.loads(table.schema().to_json())["fields"]:
        if field["name"] not in expected and not field["nullable"]:
            yield f"its column {field['name']!r} must not be null, and a load leaves it empty: make it nullable"
        if used := sorted({"delta.invariants", "delta.generationExpression"} & field["metadata"].keys()):
            yield f"its column {field['name']!r} has {used[0]}, which a load does not support: drop the column"
