"""The scan finds what is planted, in every format that a run leaves behind."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.support.leaks import Scan


def write_plain(path: Path, value: str) -> None:
    path.write_text(f"Sent {value} today.")


def write_gzip(path: Path, value: str) -> None:
    path.write_bytes(gzip.compress(f'{{"value": "{value}"}}'.encode()))


def write_parquet(path: Path, value: str) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"value": [value] * 1000}), path, compression="zstd")


def write_sqlite(path: Path, value: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE messages (value)")
        database.execute("INSERT INTO messages VALUES (?)", ("x" * 10_000 + value,))
        database.commit()


FORMATS = [write_plain, write_gzip, write_parquet, write_sqlite]


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Settings(messages=100))


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("planted", ["number", "number without plus", "text", "token", "secret", "hash key"])
def test_what_is_planted_is_found(
    sandbox: Sandbox, tmp_path: Path, planted: str, write: Callable[[Path, str], None]
) -> None:
    message = next(one for one in sandbox.store.messages if len(one.text) > 20)
    values = {
        "number": message.to_numbers[0],
        "number without plus": message.from_number.removeprefix("+"),
        "text": message.text,
        "token": "SBX01" + "0a" * 24,
        "secret": sandbox.settings.client_secret,
        "hash key": "a-key-of-the-test",
    }
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "file", values[planted])
    leaks = Scan.of(sandbox, "a-key-of-the-test").leaks_in(tmp_path)
    assert {leak.path for leak in leaks} == {"deep/file"}


@pytest.mark.parametrize("write", FORMATS)
def test_what_is_harmless_is_not(sandbox: Sandbox, tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    write(tmp_path / "file", "id 52000104, 2026-11-25T00:00:00Z, a1b2c3")
    assert Scan.of(sandbox).leaks_in(tmp_path) == []
