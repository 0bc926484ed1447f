"""The ledger in a table, when its database fails, refuses or loses a commit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from airflow.providers.common.compat.sdk import AirflowException, BaseHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_hvsms.api.errors import LedgerConflict, LedgerUnavailable, LoadRefused, UnsuitableDatabase
from airflow_provider_hvsms.campaigns import ledger_database
from airflow_provider_hvsms.campaigns.sql_ledger import SqlLedger
from airflow_provider_hvsms.sinks.sql import registry
from tests.campaigns.entries import RUN, changed, entry
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import UnknownDatabaseHook
from tests.support.clock import ManualClock


class Losses:
    """How the next commits of an INSERT or UPDATE lose their connection: before or after they are carried out."""

    def __init__(self, *kinds: str) -> None:
        self.left = list(kinds)


def losing_hook(losses: Losses) -> PostgresHook:
    class Cursor(psycopg2.extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's name
            self.connection.has_written |= str(query).startswith(("INSERT", "UPDATE"))
            super().execute(query, vars)

    class Connection(psycopg2.extensions.connection):
        has_written = False

        def cursor(self, *_: Any, **__: Any) -> Any:
            return super().cursor(cursor_factory=Cursor)

        def commit(self) -> None:
            kind = losses.left.pop(0) if self.has_written and losses.left else None
            if kind != "before":
                super().commit()
            if kind is not None:
                self.close()
                raise psycopg2.OperationalError("server closed the connection unexpectedly")

    class LosingHook(PostgresHook):
        def get_sqlalchemy_engine(self, engine_kwargs: Any = None) -> Any:
            return sa.create_engine("postgresql+psycopg2://", **engine_kwargs)

        def get_conn(self) -> Any:
            fields = self.get_connection("warehouse")
            return psycopg2.connect(
                host=fields.host, user=fields.login, dbname=fields.schema, connection_factory=Connection
            )

    return LosingHook(postgres_conn_id="warehouse")


@pytest.mark.parametrize("kinds", [["before"], ["after"], ["before", "after"], ["before"] * 3], ids=str)
def test_commit_that_lost_its_connection_is_read_back(
    postgres_warehouse: Warehouse, clock: ManualClock, kinds: list[str]
) -> None:
    losses = Losses(*kinds)
    ledger = SqlLedger(losing_hook(losses), sleep=clock.sleep)
    ledger.add(entry())
    losses.left += kinds
    after = changed(entry(), attempts=2)
    ledger.replace(after)
    assert ledger.entries(RUN) == {1: after}
    assert losses.left == []


def test_lost_commit_after_which_another_process_wrote_is_a_conflict(
    postgres_warehouse: Warehouse, clock: ManualClock
) -> None:
    other = SqlLedger(PostgresHook("warehouse"))
    ledger = SqlLedger(losing_hook(Losses("before")), sleep=lambda _: other.add(entry()))
    with pytest.raises(LedgerConflict):
        ledger.add(entry())


def test_every_commit_lost_is_a_transient_error(postgres_warehouse: Warehouse, clock: ManualClock) -> None:
    ledger = SqlLedger(losing_hook(Losses(*["before"] * 9)), "campaigns", sleep=clock.sleep)
    with pytest.raises(LedgerUnavailable, match=r"table 'campaigns', connection 'warehouse'.*closed the connection"):
        ledger.add(entry())
    assert clock.slept == [0.2, 1.0, 3.0]


def test_server_that_does_not_answer_is_a_transient_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: ManualClock
) -> None:
    connection = {"conn_type": "postgres", "host": str(tmp_path), "login": "postgres", "schema": "warehouse"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    with pytest.raises(LedgerUnavailable, match="connection 'warehouse'"):
        SqlLedger(PostgresHook("warehouse"), sleep=clock.sleep).entries(RUN)
    assert clock.slept == [0.2, 1.0, 3.0]


def test_connection_that_airflow_does_not_return_is_a_transient_error(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    """A secrets backend that does not answer looks like a missing connection."""
    hook = BaseHook.get_connection("warehouse").get_hook()

    def fail() -> None:
        raise AirflowException("The conn_id `warehouse` isn't defined")

    monkeypatch.setattr(hook, "get_conn", fail)
    with pytest.raises(LedgerUnavailable, match="isn't defined"):
        SqlLedger(hook, sleep=clock.sleep).entries(RUN)


def test_locked_database_is_a_transient_error(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setitem(ledger_database._SESSION, "sqlite", ("PRAGMA busy_timeout = 0",))
    ledger = SqlLedger(BaseHook.get_connection("warehouse").get_hook(), sleep=clock.sleep)
    ledger.entries(RUN)
    with sqlite_warehouse._engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            ledger.add(entry())
    ledger.add(entry())


@contextmanager
def _user(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, *grants: str) -> Iterator[PostgresHook]:
    """A hook of a user with only these rights."""
    name = f"clerk_{warehouse.connection['schema']}"
    warehouse.run(f"CREATE ROLE {name} LOGIN")
    warehouse.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for grant in grants:
        warehouse.run(f"GRANT {grant} ON hvsms_campaigns TO {name}")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**warehouse.connection, "login": name}))
    yield PostgresHook("warehouse")
    warehouse.run(f"DROP OWNED BY {name}")
    warehouse.run(f"DROP ROLE {name}")


def test_missing_right_to_create_the_table_is_answered_with_the_statement(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _user(postgres_warehouse, monkeypatch) as hook:
        with pytest.raises(LoadRefused, match=r"permission denied.*: CREATE TABLE hvsms_campaigns \( dag_id") as caught:
            SqlLedger(hook).add(entry())
        postgres_warehouse.run(str(caught.value).rpartition(": ")[2])
        postgres_warehouse.run("GRANT SELECT, INSERT ON hvsms_campaigns TO PUBLIC")
        SqlLedger(hook).add(entry())


def test_missing_right_to_write_is_a_permanent_error(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    SqlLedger(PostgresHook("warehouse")).entries(RUN)
    with _user(postgres_warehouse, monkeypatch, "SELECT") as hook:
        with pytest.raises(LoadRefused, match=r"permission denied.*needs the rights SELECT, INSERT and UPDATE"):
            SqlLedger(hook, sleep=clock.sleep).add(entry())
    assert clock.slept == []


@pytest.mark.parametrize(
    "setting",
    ["timezone = 'Asia/Tokyo'", "default_transaction_isolation = serializable", "synchronous_commit = off"],
)
def test_settings_of_the_session_change_nothing(postgres_warehouse: Warehouse, setting: str) -> None:
    postgres_warehouse.run(f"ALTER DATABASE {postgres_warehouse.connection['schema']} SET {setting}")
    ledger = SqlLedger(PostgresHook("warehouse"))
    ledger.add(entry())
    with pytest.raises(LedgerConflict):
        ledger.add(entry())
    after = changed(entry(), batch_id="1")
    ledger.replace(after)
    assert ledger.entries(RUN) == {1: after}


def test_commit_is_durable_although_the_session_does_without(postgres_warehouse: Warehouse) -> None:
    postgres_warehouse.run(f"ALTER DATABASE {postgres_warehouse.connection['schema']} SET synchronous_commit = off")
    database = ledger_database.LedgerDatabase(PostgresHook("warehouse"), "campaigns")
    assert database.run(lambda connection, _: connection.exec_driver_sql("SHOW synchronous_commit").scalar()) == "on"


def test_autocommit_of_the_hook_changes_nothing(postgres_warehouse: Warehouse) -> None:
    class AutocommitHook(PostgresHook):
        def get_conn(self) -> Any:
            connection: Any = super().get_conn()
            connection.autocommit = True
            return connection

    SqlLedger(AutocommitHook("warehouse")).add(entry())
    with pytest.raises(LedgerConflict):
        SqlLedger(AutocommitHook("warehouse")).add(entry())


def test_hook_without_a_dialect_is_unsuitable(sqlite_warehouse: Warehouse) -> None:
    hook = UnknownDatabaseHook(Path(sqlite_warehouse.connection["host"]))
    with pytest.raises(UnsuitableDatabase, match="UnknownDatabaseHook cannot hold the ledger .*no SQLAlchemy dialect"):
        SqlLedger(hook).entries(RUN)


def test_warehouse_without_enforced_keys_is_unsuitable(postgres_warehouse: Warehouse) -> None:
    class RedshiftSQLHook(PostgresHook):
        """Known by its name."""

    with pytest.raises(UnsuitableDatabase, match="does not enforce unique keys"):
        SqlLedger(RedshiftSQLHook("warehouse")).entries(RUN)


@pytest.mark.parametrize(
    "name", ["snowflake.hooks.snowflake.SnowflakeHook", "google.cloud.hooks.bigquery.BigQueryHook"]
)
def test_warehouses_that_are_loaded_directly_are_unsuitable(sqlite_warehouse: Warehouse, name: str) -> None:
    module, _, class_name = f"airflow.providers.{name}".rpartition(".")
    sqlite_hook: type[Any] = type(BaseHook.get_connection("warehouse").get_hook())
    hook = type(class_name, (sqlite_hook,), {"__module__": module})(sqlite_conn_id="warehouse")
    with pytest.raises(UnsuitableDatabase, match=f"A {class_name} cannot hold .*does not enforce unique keys"):
        SqlLedger(hook).entries(RUN)


def test_database_that_accepts_two_rows_with_one_key_is_unsuitable(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry.DATABASES, "sqlite")
    hook = BaseHook.get_connection("warehouse").get_hook()
    SqlLedger(hook, "others").entries(RUN)
    sqlite_warehouse.run("CREATE TABLE hvsms_campaigns AS SELECT * FROM others")
    with pytest.raises(UnsuitableDatabase, match="accepted two rows with the same primary key"):
        SqlLedger(hook).entries(RUN)
    assert sqlite_warehouse.query("SELECT count(*) FROM hvsms_campaigns") == [(0,)]
