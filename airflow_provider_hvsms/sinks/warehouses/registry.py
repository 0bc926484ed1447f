"""The list of supported warehouses."""

from __future__ import annotations

import importlib
from typing import Any

from airflow_provider_hvsms.sinks.warehouses.warehouse import Warehouse

WAREHOUSES = {
    "airflow.providers.snowflake.hooks.snowflake.SnowflakeHook": (
        "airflow_provider_hvsms.sinks.warehouses.snowflake",
        "Snowflake",
    ),
}
"""The module and the class of each warehouse, by the class of its hook. They are imported when they are used."""


def find_warehouse(hook: Any) -> Warehouse | None:
    """The warehouse behind a hook, or one of its subclasses; `None` if the hook is not one of a warehouse."""
    for hook_class in type(hook).__mro__:
        if found := WAREHOUSES.get(f"{hook_class.__module__}.{hook_class.__qualname__}"):
            module, name = found
            warehouse: Warehouse = getattr(importlib.import_module(module), name)(hook)
            return warehouse
    return None
