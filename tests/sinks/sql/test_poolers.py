"""A pooler that changes the database session is refused."""

from __future__ import annotations

import configparser
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
from tests.conftest import Warehouse
from tests.sinks.sql.loading import Table, rows, table, unreadable
from tests.support.mariadb import SYSTEM_PATH
from tests.support.messages import message


@pytest.fixture
def pooled(
    postgres_warehouse: Warehouse, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DbApiHook]:
    """The hook of a PgBouncer in front of the database; the parameter is its pool mode and `server_round_robin`."""
    program = shutil.which("pgbouncer", path=SYSTEM_PATH)
    if program is None:
        pytest.skip("PgBouncer is not installed")
    fields = postgres_warehouse.connection
    # PostgreSQL does not run as root, and its socket is for its own user only.
    user = pwd.getpwuid(Path(fields["host"]).stat().st_uid).pw_name
    folder = Path(tempfile.mkdtemp(prefix="hvsms-pgbouncer-"))
    folder.chmod(0o777)
    (folder / "users").write_text('"postgres" ""\n')
    settings = configparser.ConfigParser()
    settings["databases"] = {fields["schema"]: f"host={fields['host']} dbname={fields['schema']} user=postgres"}
    settings["pgbouncer"] = {
        "listen_addr": "", "listen_port": "6432", "auth_type": "any", "unix_socket_dir": str(folder),
        "auth_file": str(folder / "users"), "pool_mode": request.param[0], "server_round_robin": request.param[1],
        "ignore_startup_parameters": "extra_float_digits",
    }  # fmt: skip
    with (folder / "settings").open("w") as file:
        settings.write(file)
    as_user = ["-u", user] if os.getuid() == 0 else []
    process = subprocess.Popen([program, "-q", *as_user, str(folder / "settings")], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not (folder / ".s.PGSQL.6432").is_socket():
            assert time.monotonic() < deadline, "PgBouncer did not start"
            time.sleep(0.05)
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**fields, "host": str(folder), "port": 6432}))
        yield table().hook
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


@pytest.mark.parametrize("pooled", [("transaction", "0"), ("transaction", "1")], indirect=True)
def test_transaction_pooling_is_refused_before_the_read(postgres_warehouse: Warehouse, pooled: DbApiHook) -> None:
    with pytest.raises(UnsuitableDatabase, match="PgBouncer.*pool_mode = session"):
        Table(pooled).load(unreadable())
    assert postgres_warehouse.tables() == []


@pytest.mark.parametrize("sessions", [2, 3, 4])
@pytest.mark.parametrize("pooled", [("transaction", "1")], indirect=True)
def test_round_robin_transaction_pooling_is_refused_for_any_number_of_sessions(
    postgres_warehouse: Warehouse, pooled: DbApiHook, sessions: int
) -> None:
    fields = PostgresHook.get_connection("warehouse")
    clients = [
        psycopg2.connect(host=fields.host, port=fields.port, user=fields.login, dbname=fields.schema)
        for _ in range(sessions)
    ]
    for client in clients:
        client.cursor().execute("SELECT 1")
    for client in clients:
        client.rollback()
        client.close()
    for _ in range(sessions):
        with pytest.raises(UnsuitableDatabase, match="PgBouncer.*pool_mode = session"):
            Table(pooled).load(unreadable())


@pytest.mark.parametrize("pooled", [("session", "0")], indirect=True)
def test_session_pooling_is_accepted(postgres_warehouse: Warehouse, pooled: DbApiHook) -> None:
    for number in (1, 2):
        Table(pooled).load([rows(message(number))])
    assert postgres_warehouse.query("SELECT count(*) FROM messages") == [(2,)]
