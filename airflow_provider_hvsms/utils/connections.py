"""Connection ids and paths -> hooks and paths that can be used."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, ObjectStoragePath
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_hvsms.api.errors import InvalidSettings
from airflow_provider_hvsms.sinks.warehouses.registry import check_provider
from airflow_provider_hvsms.utils.failures import explain_missing_connection


def get_hook(sql_conn_id: str) -> Any:
    """The hook of a database or a warehouse.

    :raises ConnectionUnavailable: Airflow did not find the connection.
    :raises MissingPackage: Airflow's provider of the warehouse is not installed.
    """
    with explain_missing_connection(sql_conn_id):
        check_provider(BaseHook.get_connection(sql_conn_id).conn_type)
        return BaseHook.get_hook(sql_conn_id)


def as_sql_hook(sql_conn_id: str, hook: Any) -> DbApiHook:
    """The hook of a connection, if it is one of a database.

    :raises InvalidSettings: it is not.
    """
    if not isinstance(hook, DbApiHook):
        raise InvalidSettings(
            f"Connection {sql_conn_id!r} gives a {type(hook).__name__}, which is no common-sql hook: "
            "name a database's connection in sql_conn_id."
        )
    return hook


def get_path(path: str | ObjectStoragePath) -> ObjectStoragePath:
    """A path whose connection, if it names one, is known.

    :raises ConnectionUnavailable: Airflow did not find it.
    """
    found = path if isinstance(path, ObjectStoragePath) else ObjectStoragePath(path)
    # Airflow 3.3 moved it.
    if conn_id := getattr(found, "conn_id", None) or found.storage_options.get("conn_id"):
        with explain_missing_connection(conn_id):
            BaseHook.get_connection(conn_id)
    return found
