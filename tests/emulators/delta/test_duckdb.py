"""DuckDB's Delta extension, which stands for the readers that follow the protocol, reads what a load has written."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

duckdb_extensions = pytest.importorskip(
    "duckdb_extensions", reason="EMULATOR=delta scripts/setup installs DuckDB with its Delta extension"
)
pytest.importorskip("duckdb_extension_delta", reason="EMULATOR=delta scripts/setup installs DuckDB's Delta extension")

import deltalake  # noqa: E402 - skipped before
import duckdb  # noqa: E402

from tests.sinks.delta.tables import load  # noqa: E402
from tests.sinks.files.sample_rows import NOON, row, rows  # noqa: E402


@pytest.fixture(scope="session")
def database() -> Any:
    duckdb_extensions.import_extension("delta")
    connection = duckdb.connect()
    connection.execute("LOAD delta; SET TimeZone = 'UTC'")
    return connection


def test_rows_of_several_loads_are_read(database: Any, tmp_path: Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}/messages")
    load(folder, [row(number, creation_time=NOON + timedelta(hours=number)) for number in range(100)])
    newer = {"message_status": "Delivered", "last_modified_time": NOON + timedelta(days=9), "text": "Hello"}
    load(folder, [row(number, creation_time=NOON + timedelta(hours=number), **newer) for number in range(30, 110)])
    table = f"delta_scan('{tmp_path}/messages')"
    values = f"count(*), count(DISTINCT id), max(cost), count(text), min(creation_time) = '{NOON}', max(creation_day)"
    last_day = (NOON + timedelta(hours=109)).date()
    assert database.sql(f"SELECT {values} FROM {table}").fetchone() == (
        110,
        110,
        Decimal("0.007000"),
        80,
        True,
        last_day,
    )
    delivered = f"SELECT count(*) FROM {table} WHERE message_status = 'Delivered'"
    assert database.sql(delivered).fetchone() == (80,)
    # By the partition and by the statistics of the log.
    assert database.sql(f"{delivered} AND creation_day = DATE '2026-11-03'").fetchone() == (24,)
    assert database.sql(f"{delivered} AND creation_time > '2026-11-05 23:30:00+00'").fetchone() == (2,)


def test_columns_that_were_added_are_read(database: Any, tmp_path: Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}/messages")
    load(folder, rows(3))
    campaign = deltalake.Field("campaign", deltalake.schema.PrimitiveType("string"))
    deltalake.DeltaTable(folder.path).alter.add_columns([campaign])
    load(folder, [row(1, message_status="Delivered", last_modified_time=NOON + timedelta(days=9))])
    found = database.sql(f"SELECT id, message_status, campaign FROM delta_scan('{tmp_path}/messages') ORDER BY id")
    assert found.fetchall() == [("0", "Sent", None), ("1", "Delivered", None), ("2", "Sent", None)]
