"""What the shared tests need of an emulated warehouse."""

from __future__ import annotations

from typing import Any, Protocol


class EmulatedWarehouse(Protocol):
    """A warehouse behind the Airflow connection `warehouse`; tables are named with its dataset or schema `sms`."""

    def query(self, sql: str) -> list[tuple[Any, ...]]: ...

    def tables(self) -> list[str]: ...
