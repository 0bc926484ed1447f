"""The list of supported warehouses."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from airflow_provider_hvsms.api.errors import MissingPackage
from airflow_provider_hvsms.sinks.warehouses.warehouse import Warehouse

_BIGQUERY = ("airflow_provider_hvsms.sinks.warehouses.bigquery", "BigQuery")

WAREHOUSES = {
    "airflow.providers.google.cloud.hooks.bigquery.BigQueryHook": _BIGQUERY,
    "airflow.providers.snowflake.hooks.snowflake.SnowflakeHook": (
        "airflow_provider_hvsms.sinks.warehouses.snowflake",
        "Snowflake",
    ),
}
"""The module and the class of each warehouse, by the class of its hook. They are imported when they are used."""

GENERAL_HOOKS = {"airflow.providers.google.common.hooks.base_google.GoogleBaseHook": _BIGQUERY}
"""The same for the hooks of a cloud's general connection, whose subclasses are for other services."""

EXTRAS = {
    "gcpbigquery": ("airflow.providers.google", "bigquery"),
    "google_cloud_platform": ("airflow.providers.google", "bigquery"),
    "snowflake": ("airflow.providers.snowflake", "snowflake"),
}
"""Airflow's provider and our extra that installs it, by the type of the connection."""


def check_provider(conn_type: str | None) -> None:
    """Check that the provider of a connection to a warehouse is installed; without it, Airflow finds no hook.

    :raises MissingPackage: it is not.
    """
    provider, extra = EXTRAS.get(conn_type or "", ("", ""))
    if provider and not _is_installed(provider):
        raise MissingPackage(
            f"The connection is of the type {conn_type!r}, which needs Airflow's provider for it: "
            f"pip install 'airflow-provider-hvsms[{extra}]'."
        )


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def find_warehouse(hook: Any) -> Warehouse | None:
    """The warehouse behind a hook, or one of its subclasses; `None` if the hook is not one of a warehouse."""
    found = _find(hook)
    if found is None:
        return None
    module, name = found
    warehouse: Warehouse = getattr(importlib.import_module(module), name)(hook)
    return warehouse


def is_warehouse(hook: Any) -> bool:
    """Whether a hook, or the class that it is derived from, is one of a warehouse."""
    return _find(hook) is not None


def _find(hook: Any) -> tuple[str, str] | None:
    names = [f"{hook_class.__module__}.{hook_class.__qualname__}" for hook_class in type(hook).__mro__]
    return next((WAREHOUSES[name] for name in names if name in WAREHOUSES), GENERAL_HOOKS.get(names[0]))
