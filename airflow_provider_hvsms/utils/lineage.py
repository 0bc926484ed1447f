"""What OpenLineage is told of an operator: the datasets that it reads and writes, their columns and their rows.

OpenLineage is imported only by `input_dataset`, `output_dataset` and `operator_lineage`, which its listener calls. An
operator that reads a table and writes a file has them like this::

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        table, report = name_table(self.sql_conn_id, self.table), name_folder(ObjectStoragePath(self.path))
        return operator_lineage([input_dataset(table)], [output_dataset(report)])
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.sinks.schema import Column, ColumnType
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import InputDataset, OutputDataset
    from airflow.providers.common.compat.sdk import Connection, ObjectStoragePath
    from airflow.providers.openlineage.extractors import OperatorLineage

_TYPES = {
    ColumnType.ID: "string",
    ColumnType.TEXT: "string",
    ColumnType.INTEGER: "bigint",
    ColumnType.DECIMAL: "decimal(18,6)",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.JSON: "json",
}
"""What the schema calls the type of a column, whatever its target calls it."""

_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs", "adl": "abfs"}
"""Other names of the same file systems."""

_LOGIN_OR_QUERY = re.compile(r"^.*@|\?.*")
"""What the host of a connection may hold besides a place: a login before it, a token behind it."""

_INPUT_STATISTICS = "openlineage.client.generated.input_statistics_input_dataset"


@dataclasses.dataclass(frozen=True)
class DatasetName:
    """How OpenLineage names a dataset, by its specification of names.

    :param namespace: the source of the data, such as `postgres://warehouse:5432`.
    :param name: the dataset in it, such as `analytics.public.messages`.
    """

    namespace: str
    name: str

    def beside(self, suffix: str) -> DatasetName:
        """The dataset whose name is this one and a suffix."""
        return DatasetName(self.namespace, f"{self.name}{suffix}")


def name_resource(account_id: str, resource: str) -> DatasetName:
    """The name of a resource of the message store, such as `messages`."""
    return DatasetName(f"hvsms://{account_id}", resource)


def name_table(sql_conn_id: str, table: str) -> DatasetName:
    """The name of a table.

    :param table: as the transfers take it: its name, `schema.table`, or `database.schema.table` in a warehouse.
    """
    connection, hook = BaseHook.get_connection(sql_conn_id), BaseHook.get_hook(sql_conn_id)
    warehouse = find_warehouse(hook)
    if warehouse and (full_name := warehouse.full_name(table)):
        return DatasetName(warehouse.name.lower(), full_name)
    *named, own_name = table.rsplit(".", 2 if warehouse else 1)
    info = hook.get_openlineage_database_info(connection)
    if info is None:
        return DatasetName(_namespace_of(connection), _joined(named[0] if named else connection.schema, own_name))
    from airflow.providers.openlineage.sqlparser import SQLParser

    database = named.pop(0) if len(named) > 1 else info.database
    # A database of MySQL is a schema, and has none.
    schema = named[0] if named else hook.get_openlineage_default_schema() or (None if database else connection.schema)
    name = _joined(database, schema, own_name)
    return DatasetName(SQLParser.create_namespace(info), name.upper() if info.is_uppercase_names else name)


def name_folder(path: ObjectStoragePath) -> DatasetName:
    """The name of a folder, or of a file, in any storage that `ObjectStoragePath` reaches."""
    if path.protocol in ("", "file", "local"):
        return DatasetName("file", path.path)
    scheme = _SCHEMES.get(path.protocol, path.protocol)
    # Before Airflow 3.3, `path.bucket` holds the connection too.
    bucket, _, key = path.path.strip("/").partition("/")
    if scheme == "abfs" and (account := getattr(path.fs, "account_name", None)):
        return DatasetName(f"abfss://{bucket}@{account}.dfs.core.windows.net", key or "/")
    return DatasetName(f"{scheme}://{bucket}", key or "/")


def input_dataset(name: DatasetName, *, columns: Sequence[Column] = (), rows: int | None = None) -> InputDataset:
    """A dataset that is read.

    :param rows: how many rows or records were read of it, if that is known.
    """
    from airflow.providers.common.compat.openlineage.facet import InputDataset

    statistics: dict[str, Any] = {}
    # Older clients of OpenLineage do not have it.
    if rows is not None and importlib.util.find_spec(_INPUT_STATISTICS):
        facet = importlib.import_module(_INPUT_STATISTICS).InputStatisticsInputDatasetFacet
        statistics["inputStatistics"] = facet(rowCount=rows)
    return InputDataset(name.namespace, name.name, facets=_schema_of(columns), inputFacets=statistics)


def output_dataset(name: DatasetName, *, columns: Sequence[Column] = (), rows: int | None = None) -> OutputDataset:
    """A dataset that is written.

    :param rows: how many rows were written to it, if that is known.
    """
    from airflow.providers.common.compat.openlineage.facet import OutputDataset, OutputStatisticsOutputDatasetFacet

    statistics: dict[str, Any] = {}
    if rows is not None:
        statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=rows)
    return OutputDataset(name.namespace, name.name, facets=_schema_of(columns), outputFacets=statistics)


def operator_lineage(
    inputs: Sequence[InputDataset] = (), outputs: Sequence[OutputDataset] = ()
) -> OperatorLineage[Any, Any]:
    """What an operator returns to OpenLineage."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(inputs=list(inputs), outputs=list(outputs))


def _schema_of(columns: Sequence[Column]) -> dict[str, Any]:
    from airflow.providers.common.compat.openlineage.facet import SchemaDatasetFacet, SchemaDatasetFacetFields

    fields = [SchemaDatasetFacetFields(name=column.name, type=_TYPES[column.type]) for column in columns]
    return {"schema": SchemaDatasetFacet(fields=fields)} if fields else {}


def _namespace_of(connection: Connection) -> str:
    """The namespace of a database that Airflow's provider of OpenLineage does not know, such as SQLite."""
    place = _LOGIN_OR_QUERY.sub("", connection.host or "")
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.conn_type}://{place}{port}" if place else str(connection.conn_type)


def _joined(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)
