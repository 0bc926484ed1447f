"""Leads the connector to the emulator: a connection of Airflow has no field for another host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import snowflake.connector

_connect = snowflake.connector.connect


def connect_to(emulator: Mapping[str, Any]) -> Callable[..., Any]:
    """`snowflake.connector.connect` with the host, port and protocol of the emulator."""

    def connect(**options: Any) -> Any:
        return _connect(**{**options, **emulator})

    return connect
