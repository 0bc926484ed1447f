"""An emulated Snowflake, and a database of its own for each test."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from tests.dags.conftest import run_example
from tests.dags.hashed_run import run_hashed

__all__ = ["run_example", "run_hashed"]  # fixtures

if TYPE_CHECKING:
    from tests.emulators.snowflake.emulator import Emulator


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    pytest.importorskip(
        "fakesnow", reason="the emulator of Snowflake is not installed: EMULATOR=snowflake scripts/setup"
    )
    from tests.emulators.snowflake.emulator import running

    with running() as emulator:
        yield emulator


@dataclasses.dataclass(frozen=True)
class SnowflakeWarehouse:
    """A schema of the emulator behind the Airflow connection `warehouse`."""

    emulator: Emulator
    database: str

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        hook: Any = BaseHook.get_hook("warehouse")
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def run(self, sql: str) -> None:
        self.query(sql)

    def fail(self, part: str, number: int, state: str, message: str, skipped: int = 0) -> None:
        """Let a statement that contains the part fail, after so many that do not."""
        from tests.emulators.snowflake.emulator import Failure

        self.emulator.failure = Failure(part, number, state, message, skipped)

    def tables(self) -> list[str]:
        """The names of all tables, but for those with which the emulator merges."""
        found = self.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'SMS' ORDER BY 1")
        return [name for (name,) in found if not name.startswith("MERGE_CANDIDATES")]


@pytest.fixture
def warehouse(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> SnowflakeWarehouse:
    from tests.emulators.snowflake.connecting import connect_to

    database = f"W{os.urandom(4).hex().upper()}"
    connection = {
        "conn_type": "snowflake",
        "login": "loader",
        "password": "secret",
        "schema": "SMS",
        "extra": {"account": "emulator", "database": database, "warehouse": "LOADING"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    monkeypatch.setenv("HVSMS_TEST_SNOWFLAKE", json.dumps(emulator.connection))
    monkeypatch.setattr("snowflake.connector.connect", connect_to(emulator.connection))
    emulator.failure = None
    emulator.context = {}
    warehouse = SnowflakeWarehouse(emulator, database)
    warehouse.run("SELECT 1")  # creates the database and the schema
    emulator.statements.clear()
    return warehouse
