"""What stands against a load shows before anything is read, and says what to do."""

from __future__ import annotations

import configparser
import dataclasses
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused, TableMismatch, UnsuitableDatabase
from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS, STATUSES, Row
from airflow_provider_hvsms.sinks.sql.registry import open_database
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import SYSTEM_PATH, Warehouse
from tests.sinks.sql.test_sink import FIRST_LOAD, REJECT, Table, message, rows, table, unreadable


class UnknownPostgresHook(PostgresHook):
    """PostgreSQL behind a hook whose URL says nothing to SQLAlchemy: the way of databases that nobody knows."""

    conn_type = "acme"

    def __init__(self, *, autocommit: bool = False) -> None:
        super().__init__(postgres_conn_id="warehouse")
        self._autocommit = autocommit

    @property
    def dialect_name(self) -> str:
        return "acme"

    def get_sqlalchemy_engine(self, engine_kwargs: Any = None) -> Any:
        raise NotImplementedError

    def get_conn(self) -> Any:
        fields = self.get_connection("warehouse")
        connection = psycopg2.connect(host=fields.host, user=fields.login, dbname=fields.schema)
        connection.autocommit = self._autocommit
        return connection


class Changed:
    """A driver's connection or cursor whose statements are changed on their way."""

    def __init__(self, inner: Any, change: Callable[[str], str]) -> None:
        self._inner = inner
        self._change = change

    def cursor(self) -> Changed:
        return Changed(self._inner.cursor(), self._change)

    def execute(self, statement: str, *parameters: Any) -> Any:
        return self._inner.execute(self._change(statement), *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class ChangingHook(UnknownPostgresHook):
    """A database in which statements mean something else."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def get_conn(self) -> Any:
        return Changed(super().get_conn(), self._change)


def emptying_temporary_tables(statement: str) -> str:
    return f"{statement} ON COMMIT DELETE ROWS" if "TEMPORARY" in statement else statement


def ignoring_keys(statement: str) -> str:
    return statement.replace("PRIMARY KEY (id)", "CHECK (id <> '')")


def test_a_database_that_nobody_knows_can_prove_itself(postgres_warehouse: Warehouse) -> None:
    Table(UnknownPostgresHook()).load([rows(message(1))])
    Table(UnknownPostgresHook()).load([rows(message(1), message(2))])
    assert postgres_warehouse.query("SELECT count(*) FROM messages") == [(2,)]
    assert postgres_warehouse.tables() == ["messages"]


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        (lambda: UnknownPostgresHook(autocommit=True), "the session commits by itself"),
        (lambda: ChangingHook(emptying_temporary_tables), "a temporary table lost its rows"),
        (lambda: ChangingHook(ignoring_keys), "two rows with the same primary key were accepted"),
    ],
    ids=["autocommit", "temporary tables that empty at commit", "keys that are not enforced"],
)
def test_a_database_that_cannot_prove_itself_is_refused_with_what_works_instead(
    postgres_warehouse: Warehouse, hook: Any, problem: str
) -> None:
    table().load([rows(message(1))])
    with pytest.raises(UnsuitableDatabase, match=f"{problem}.*object storage.*COPY"):
        Table(hook()).load(unreadable())
    assert postgres_warehouse.query("SELECT id FROM messages") == [("1",)]
    assert postgres_warehouse.tables() == ["messages"]


def test_a_table_without_an_enforced_key_is_refused_in_a_database_that_nobody_knows(
    postgres_warehouse: Warehouse,
) -> None:
    Table(UnknownPostgresHook()).load([rows(message(1))])
    postgres_warehouse.run("ALTER TABLE messages DROP CONSTRAINT messages_pkey")
    with pytest.raises(UnsuitableDatabase, match=r"same primary key.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())
    assert postgres_warehouse.query("SELECT id FROM messages") == [("1",)]


def test_a_table_that_cannot_roll_back_is_refused_and_left_as_it_was_in_a_database_that_nobody_knows(
    mysql_warehouse: Warehouse,
) -> None:
    """The database can: its other tables do."""
    table().load([rows(message(1))])
    mysql_warehouse.run("ALTER TABLE messages ENGINE = MyISAM")
    with pytest.raises(UnsuitableDatabase, match="a rolled back transaction left its rows.*object storage"):
        Table(unknown_mysql_hook()).load(unreadable())
    assert mysql_warehouse.query("SELECT id FROM messages") == [("1",)]


def unknown_mysql_hook() -> DbApiHook:
    """MySQL behind a hook whose URL says nothing to SQLAlchemy."""
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    class UnknownMysqlHook(MySqlHook):
        dialect_name = "acme"

        def get_sqlalchemy_engine(self, engine_kwargs: Any = None) -> Any:
            raise NotImplementedError

        def get_conn(self) -> Any:
            connection: Any = super().get_conn()
            connection.cursor().execute("SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'")
            return connection

    return UnknownMysqlHook(mysql_conn_id="warehouse")


def test_a_session_in_another_zone_that_would_shift_times_is_refused_in_a_database_that_nobody_knows(
    postgres_warehouse: Warehouse,
) -> None:
    table().load([rows(message(1))])
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(f"ALTER DATABASE {database} SET timezone = 'America/New_York'")
    with pytest.raises(UnsuitableDatabase, match="12:00 UTC came back as 17:00 UTC.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())


def test_a_database_without_temporary_tables_is_refused_with_what_works_instead(postgres_warehouse: Warehouse) -> None:
    hook = ChangingHook(lambda statement: statement.replace("TEMPORARY TABLE", "TEMPORARY THING"))
    with pytest.raises(UnsuitableDatabase, match="syntax error.*object storage"):
        Table(hook).load(unreadable())


def test_a_direct_connection_needs_no_second_one(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"single_{os.urandom(4).hex()}"
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(
        f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 1; GRANT ALL ON DATABASE {database} TO {name}; "
        f"GRANT ALL ON SCHEMA public TO {name}"
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**postgres_warehouse.connection, "login": name}))
    table().load([rows(message(1))])
    assert postgres_warehouse.query("SELECT id FROM messages") == [("1",)]


def test_mysql_drops_what_it_created_also_when_a_task_times_out(
    mysql_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed_out(*_: Any) -> Any:
        raise AirflowTaskTimeout

    monkeypatch.setattr("airflow_provider_hvsms.sinks.sql.mysql.Mysql.insert", timed_out)
    with pytest.raises(AirflowTaskTimeout):
        table().load([rows(message(1))])
    assert mysql_warehouse.tables() == []


def test_a_dialect_that_breaks_is_refused_with_what_works_instead(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise AttributeError("module 'sqlalchemy.orm.context' has no attribute 'ORMSelectCompileState'")

    monkeypatch.setattr("airflow_provider_hvsms.sinks.sql.dialect.Database.stage_rows", broken)
    with pytest.raises(UnsuitableDatabase, match="AttributeError: .*ORMSelectCompileState.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())
    assert postgres_warehouse.tables() == []


POSTGRES_PROBLEMS = {
    "an id that is a number": "ALTER TABLE messages ALTER COLUMN id TYPE bigint USING 1",
    "a partial unique index": "ALTER TABLE messages DROP CONSTRAINT messages_pkey; "
    "CREATE UNIQUE INDEX by_id ON messages (id) WHERE direction = 'Outbound'",
    "a key that is checked late": "ALTER TABLE messages DROP CONSTRAINT messages_pkey; "
    "ALTER TABLE messages ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED",
    "a time that is a text": "ALTER TABLE messages ALTER COLUMN creation_time TYPE text",
}


@pytest.mark.parametrize("change", POSTGRES_PROBLEMS.values(), ids=POSTGRES_PROBLEMS.keys())
def test_postgres_refuses_a_table_that_cannot_take_the_rows(postgres_warehouse: Warehouse, change: str) -> None:
    table().load([])
    postgres_warehouse.run(change)
    with pytest.raises((LoadRefused, TableMismatch), match="messages"):
        table().load(unreadable())


@pytest.mark.parametrize("name", ["sqlite", "duckdb", "mysql"])
@pytest.mark.parametrize(("column", "type_"), [("id", "BIGINT"), ("text", "INTEGER")])
def test_a_column_of_another_type_is_refused_and_named(
    request: pytest.FixtureRequest, name: str, column: str, type_: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    time_type = "DATETIME(6)" if name == "mysql" else "TIMESTAMP"
    types = {one.name: "VARCHAR(100)" for one in MESSAGES.columns} | {
        "segment_count": "BIGINT", "cost": "NUMERIC(18, 6)", "creation_time": time_type,
        "last_modified_time": time_type, "loaded_at": time_type, column: type_,
    }  # fmt: skip
    columns = ", ".join(f"{one} {kind}" for one, kind in types.items())
    warehouse.run(f"CREATE TABLE messages ({columns}, PRIMARY KEY (id))")
    with pytest.raises(TableMismatch, match=f"column '{column}' of a type for number values; it must be one for text"):
        table().load(unreadable())


@pytest.mark.parametrize(
    ("name", "column", "type_"),
    [
        ("postgres", "cost", "NUMERIC(10, 2)"),
        ("postgres", "cost", "BIGINT"),
        ("postgres", "last_modified_time", "TIMESTAMP(0)"),
        ("mysql", "cost", "NUMERIC(10, 2)"),
        ("mysql", "cost", "BIGINT"),
        ("mysql", "last_modified_time", "DATETIME"),
        ("duckdb", "cost", "NUMERIC(10, 2)"),
        ("duckdb", "cost", "BIGINT"),
    ],
)
def test_a_column_that_would_round_its_values_is_refused(
    request: pytest.FixtureRequest, name: str, column: str, type_: str
) -> None:
    """A rounded cost is another cost, and of two states in one second a rounded time does not tell the newer one."""
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    change = "MODIFY {}" if name == "mysql" else "ALTER COLUMN {} TYPE"
    warehouse.run(f"ALTER TABLE messages {change.format(column)} {type_}")
    with pytest.raises(TableMismatch, match=f"column '{column}' of a type for rounded"):
        table().load(unreadable())


@pytest.mark.parametrize("name", ["postgres", "mysql", "duckdb"])
def test_a_whole_number_may_be_of_any_type_that_holds_it(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    change = "MODIFY segment_count" if name == "mysql" else "ALTER COLUMN segment_count TYPE"
    for type_ in ("SMALLINT", "NUMERIC(10, 0)"):
        warehouse.run(f"ALTER TABLE messages {change} {type_}")
        table().load([rows(message(1))])
    assert warehouse.query("SELECT segment_count FROM messages") == [(1,)]


@pytest.mark.parametrize(
    ("column", "type_", "problem"),
    [("cost", "BIGINT", "0.007 came back as 0"), ("creation_time", "DATE", "a time came back as a date")],
)
def test_a_column_that_loses_a_part_of_its_values_is_refused_in_a_database_that_nobody_knows(
    postgres_warehouse: Warehouse, column: str, type_: str, problem: str
) -> None:
    table().load([])
    postgres_warehouse.run(f"ALTER TABLE messages ALTER COLUMN {column} TYPE {type_}")
    with pytest.raises(UnsuitableDatabase, match=f"{problem}.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())
    assert postgres_warehouse.query("SELECT count(*) FROM messages") == [(0,)]


def test_a_role_that_may_only_select_is_refused_for_good(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    table().load([])
    name = f"reader_{os.urandom(4).hex()}"
    postgres_warehouse.run(f"CREATE ROLE {name} LOGIN; GRANT SELECT ON messages TO {name}")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**postgres_warehouse.connection, "login": name}))
    with pytest.raises(LoadRefused, match="permission denied"):
        table().load(unreadable())


def test_a_session_that_may_only_read_is_refused_for_good(postgres_warehouse: Warehouse) -> None:
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with pytest.raises(LoadRefused, match="read-only"):
        table().load(unreadable())


def test_a_database_that_is_locked_may_be_free_later(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.sql.sqlite.LOCK_SECONDS", 0)
    with sqlite_warehouse._engine.connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(LoadFailed, match="locked"):
            table().load(unreadable())


@pytest.mark.parametrize("type_", ["timestamp", "timestamptz"])
def test_times_are_utc_whatever_the_zone_of_the_session(postgres_warehouse: Warehouse, type_: str) -> None:
    table().load([])
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(f"ALTER DATABASE {database} SET timezone = 'America/New_York'")
    for column in ("creation_time", "last_modified_time", "loaded_at"):
        postgres_warehouse.run(f"ALTER TABLE messages ALTER COLUMN {column} TYPE {type_}")
    table().load([rows(message(1))])
    [(found,)] = postgres_warehouse.query("SELECT creation_time FROM messages")
    assert found.replace(tzinfo=found.tzinfo or UTC) == message(1).creation_time


def test_mysql_stores_utc_in_timestamps_whatever_the_zone_of_the_session(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages MODIFY creation_time TIMESTAMP(6) NULL")
    mysql_warehouse.run("SET GLOBAL time_zone = '-05:00'")
    try:
        table().load([rows(message(1))])
    finally:
        mysql_warehouse.run("SET GLOBAL time_zone = 'SYSTEM'")
    [(zone,)] = mysql_warehouse.query("SELECT UNIX_TIMESTAMP(creation_time) FROM messages")
    assert float(zone) == pytest.approx(message(1).creation_time.timestamp())


def test_a_session_that_commits_by_itself_is_told_not_to(postgres_warehouse: Warehouse) -> None:
    class AutocommitHook(PostgresHook):
        def get_conn(self) -> Any:
            connection: Any = super().get_conn()
            connection.autocommit = True
            return connection

    hook = AutocommitHook(postgres_conn_id="warehouse")
    Table(hook).load([rows(message(1))])
    postgres_warehouse.run("CREATE UNIQUE INDEX one_row_a_number ON messages (from_number)")
    with pytest.raises(LoadRefused):
        Table(hook).load([rows(message(1, message_status="Delivered"), message(2))])
    assert postgres_warehouse.query("SELECT id, message_status FROM messages") == [("1", "Sent")]


@pytest.mark.parametrize("cursor", ["dictcursor", "namedtuplecursor"])
def test_the_cursor_that_a_connection_names_does_not_matter(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, cursor: str
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE", json.dumps({**postgres_warehouse.connection, "extra": {"cursor": cursor}})
    )
    for number in (1, 2):
        table().load([rows(message(number))])
    assert postgres_warehouse.query("SELECT id FROM messages ORDER BY id") == [("1",), ("2",)]


def test_the_cursor_that_a_connection_to_mysql_names_does_not_matter(
    mysql_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {**mysql_warehouse.connection["extra"], "cursor": "dictcursor"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**mysql_warehouse.connection, "extra": extra}))
    for number in (1, 2):
        table().load([rows(message(number))])
    assert mysql_warehouse.query("SELECT id FROM messages ORDER BY id") == [("1",), ("2",)]


@pytest.mark.parametrize("name", ["postgres", "mysql", "sqlite", "duckdb"])
def test_first_loads_at_once_with_rejects_do_not_disturb_each_other(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    failures: list[BaseException] = []
    ready = threading.Barrier(4, timeout=20)

    def work(number: int, table_name: str) -> None:
        try:
            hook = table().hook
            ready.wait()
            with open_table(hook, table_name, MESSAGES, with_rejects=True) as sink:
                sink.add(rows(message(number)), REJECTS.rows([REJECT], FIRST_LOAD))
                sink.finish({})
        except BaseException as error:
            failures.append(error)

    for run in range(5):
        threads = [threading.Thread(target=work, args=(number, f"messages{run}")) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert failures == []
        assert warehouse.query(f"SELECT count(*) FROM messages{run}") == [(4,)]
        assert warehouse.query(f"SELECT count(*) FROM messages{run}_rejects") == [(1,)]


@pytest.mark.parametrize("exists", [True, False])
def test_a_table_is_locked_by_what_its_name_stands_for(postgres_warehouse: Warehouse, exists: bool) -> None:
    """With and without its schema it is the same table."""
    if exists:
        table().load([])
    database = open_database(table().hook)
    held = []
    for schema, name in ((None, "messages"), ("public", "messages"), (None, "others")):
        with database.engine.connect() as connection:
            with database.transaction(connection, sa.Table(name, sa.MetaData(), schema=schema)):
                held += postgres_warehouse.query(
                    "SELECT classid, objid FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                    "WHERE locktype = 'advisory' AND datname = current_database()"
                )
    assert len(held) == 3
    assert held[0] == held[1] != held[2]


class KeptSession(psycopg2.extensions.connection):  # type: ignore[misc]  # psycopg2 is untyped
    """A session that its pool keeps when it is closed."""

    def close(self) -> None:
        """It stays open."""


class KeepingHook(PostgresHook):
    def get_conn(self) -> Any:
        fields = self.get_connection("warehouse")
        return psycopg2.connect(
            host=fields.host, user=fields.login, dbname=fields.schema, connection_factory=KeptSession
        )


def test_no_staging_table_is_left_in_a_session_that_goes_on(postgres_warehouse: Warehouse) -> None:
    kept = Table(KeepingHook(postgres_conn_id="warehouse", sqlalchemy_scheme="postgresql+psycopg2"))
    count = "SELECT count(*) FROM pg_class WHERE relname LIKE 'hvsms_stage%'"

    def seen() -> Iterator[list[Row]]:
        assert postgres_warehouse.query(count) == [(1,)]
        yield rows(message(1))

    def failing() -> Iterator[list[Row]]:
        yield rows(message(1))
        raise RuntimeError("the store went away")

    kept.load(seen())
    assert postgres_warehouse.query(count) == [(0,)]
    with pytest.raises(RuntimeError):
        kept.load(failing())
    assert postgres_warehouse.query(count) == [(0,)]


def test_a_lost_connection_is_the_error_that_shows(postgres_warehouse: Warehouse) -> None:
    def broken() -> Iterator[list[Row]]:
        yield rows(message(1))
        postgres_warehouse.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        yield rows(message(2))

    with pytest.raises(LoadFailed, match="The table is as it was before"):
        table().load(broken())
    assert postgres_warehouse.tables() == []


@pytest.mark.parametrize("known", [True, False], ids=["PostgreSQL", "any other"])
def test_a_connection_that_is_lost_in_the_commit_leaves_open_whether_the_rows_arrived(
    postgres_warehouse: Warehouse, known: bool
) -> None:
    target = table() if known else Table(UnknownPostgresHook())
    target.load([])
    postgres_warehouse.run(
        """
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION lose()
        """
    )
    with pytest.raises(LoadFailed, match="may have arrived or not. Run it again") as failure:
        target.load([rows(message(1))])
    assert "as it was before" not in str(failure.value)


@pytest.fixture
def pooled(
    postgres_warehouse: Warehouse, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DbApiHook]:
    """The database by way of a real PgBouncer, in the mode that the test names."""
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
        "ignore_startup_parameters": "extra_float_digits",     }  # fmt: skip
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
def test_a_pooler_that_changes_sessions_is_refused_before_anything_is_read(
    postgres_warehouse: Warehouse, pooled: DbApiHook
) -> None:
    with pytest.raises(UnsuitableDatabase, match="PgBouncer.*pool_mode = session"):
        Table(pooled).load(unreadable())
    assert postgres_warehouse.tables() == []


@pytest.mark.parametrize("sessions", [2, 3, 4])
@pytest.mark.parametrize("pooled", [("transaction", "1")], indirect=True)
def test_a_pooler_that_takes_its_sessions_in_turn_is_refused_however_many_it_has(
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
def test_a_pooler_that_keeps_sessions_is_loaded_through(postgres_warehouse: Warehouse, pooled: DbApiHook) -> None:
    for number in (1, 2):
        Table(pooled).load([rows(message(number))])
    assert postgres_warehouse.query("SELECT count(*) FROM messages") == [(2,)]


def test_fifteen_phone_numbers_fit_the_key_of_the_statuses(warehouse: Warehouse) -> None:
    numbers = ",".join(f"+{650_555_000_000_000 + number}" for number in range(15))
    row = (
        FIRST_LOAD, FIRST_LOAD, "3157ac7d-38ba-4f1a-9a7b-1c5f0e9d2a34", "Outbound", numbers, "DeliveryFailed", 1,
        Decimal("1234567.5"), "{}", FIRST_LOAD,
    )  # fmt: skip
    statuses = dataclasses.replace(table(), layout=STATUSES)
    for _ in range(2):
        statuses.load([[row]])
    assert warehouse.query("SELECT phone_numbers, cost FROM messages") == [
        (numbers, pytest.approx(Decimal("1234567.5")))
    ]


def test_mysql_refuses_an_index_of_a_prefix_as_key(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages DROP PRIMARY KEY, ADD UNIQUE INDEX by_id (id(3))")
    with pytest.raises(TableMismatch, match=r"without a primary key or unique constraint on \(id\)"):
        table().load(unreadable())


def test_mysql_refuses_a_collation_in_which_ids_that_differ_are_one(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages MODIFY id VARCHAR(180) COLLATE utf8mb4_general_ci NOT NULL")
    with pytest.raises(TableMismatch, match="collation utf8mb4_general_ci for 'id'.*utf8mb4_bin"):
        table().load(unreadable())


def test_mysql_refuses_a_table_that_cannot_roll_back(mysql_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    mysql_warehouse.run("ALTER TABLE messages ENGINE = MyISAM")
    with pytest.raises(TableMismatch, match="MyISAM, which cannot take back .* ENGINE = InnoDB"):
        table().load(unreadable())


def test_mysql_creates_tables_that_can_roll_back_whatever_its_default(mysql_warehouse: Warehouse) -> None:
    mysql_warehouse.run("SET GLOBAL default_storage_engine = MyISAM")
    try:
        table().load([rows(message(1))])
        with pytest.raises(LoadRefused, match="as it was before"):
            table().load([rows(message(2), message(3, id=None))])
    finally:
        mysql_warehouse.run("SET GLOBAL default_storage_engine = InnoDB")
    assert mysql_warehouse.query("SELECT id FROM messages") == [("1",)]


@pytest.mark.parametrize("charset", ["utf8", "latin1"])
def test_mysql_takes_every_text_whatever_the_character_set_of_the_connection(
    mysql_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, charset: str
) -> None:
    extra = {**mysql_warehouse.connection["extra"], "charset": charset}
    connection = {**mysql_warehouse.connection, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    table().load([rows(message(1, text="línea 🎉"))])
    assert mysql_warehouse.query("SELECT text FROM messages") == [("línea 🎉",)]


def test_mysql_cuts_no_value_whatever_its_sql_mode(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages MODIFY text VARCHAR(5), MODIFY cost NUMERIC(9, 6)")
    mysql_warehouse.run("SET GLOBAL sql_mode = ''")
    try:
        with pytest.raises(LoadRefused, match="too long"):
            table().load([rows(message(1, text="too long for it"))])
        with pytest.raises(LoadRefused, match="Out of range"):
            table().load([rows(message(1, cost=Decimal("123456.5")))])
    finally:
        mysql_warehouse.run("SET GLOBAL sql_mode = DEFAULT")
    assert mysql_warehouse.query("SELECT count(*) FROM messages") == [(0,)]


def test_mysql_may_demand_a_key_of_every_table(mysql_warehouse: Warehouse) -> None:
    mysql_warehouse.run("SET GLOBAL innodb_force_primary_key = ON")
    try:
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1)), REJECTS.rows([REJECT], FIRST_LOAD))
            sink.finish({})
    finally:
        mysql_warehouse.run("SET GLOBAL innodb_force_primary_key = OFF")
    assert mysql_warehouse.tables() == ["messages", "messages_rejects"]


@pytest.mark.parametrize(
    ("name", "long", "limit"),
    [
        ("postgres", "m" * 64, "63 bytes"),
        ("postgres", "é" * 32, "63 bytes"),
        ("mysql", "m" * 65, "64 characters"),
        ("mysql", "é" * 65, "64 characters"),
    ],
)
def test_a_name_that_the_database_cannot_take_is_refused(
    request: pytest.FixtureRequest, name: str, long: str, limit: str
) -> None:
    request.getfixturevalue(f"{name}_warehouse")
    with pytest.raises(TableMismatch, match=f"is too long for this database: it takes {limit}"):
        table(long).load(unreadable())


@pytest.mark.parametrize(("name", "longest"), [("postgres", "é" * 31), ("mysql", "é" * 64)])
def test_the_longest_name_that_the_database_takes_is_loaded_into(
    request: pytest.FixtureRequest, name: str, longest: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    for number in (1, 2):
        table(longest).load([rows(message(number))])
    assert warehouse.tables() == [longest]


def test_a_name_whose_rejects_would_be_cut_off_is_refused(postgres_warehouse: Warehouse) -> None:
    name = "m" * 60
    table(name).load([rows(message(1))])
    with pytest.raises(TableMismatch, match="_rejects' is too long"):
        with open_table(table().hook, name, MESSAGES, with_rejects=True):
            pass


@pytest.mark.parametrize("database", ["sqlite", "postgres", "duckdb", "mysql"])
def test_a_name_in_other_case_is_the_table_that_the_database_takes_it_for(
    request: pytest.FixtureRequest, database: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{database}_warehouse")
    for name in ("messages", "Messages"):
        table(name).load([rows(message(1))])
        table(name).load([rows(message(1), message(2))])
    assert warehouse.tables() in (["messages"], ["Messages", "messages"])
    assert warehouse.query("SELECT count(*) FROM messages") == [(2,)]


@pytest.mark.parametrize("name", ["postgres", "mysql", "duckdb"])
def test_a_table_of_the_older_money_is_taken_and_says_what_to_do_when_a_cost_does_not_fit(
    request: pytest.FixtureRequest, name: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    alter = "MODIFY cost NUMERIC(12, 6)" if name == "mysql" else "ALTER COLUMN cost TYPE NUMERIC(12, 6)"
    warehouse.run(f"ALTER TABLE messages {alter}")
    table().load([rows(message(1))])
    with pytest.raises(LoadRefused, match=r"as it was before\. .*cost.*NUMERIC\(18, 6\)"):
        table().load([rows(message(2, cost=Decimal(1000000)))])
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_a_cost_of_a_million_and_more_is_stored_exactly(warehouse: Warehouse) -> None:
    table().load([rows(message(1, cost=Decimal("123456789.654321")))])
    [(cost,)] = warehouse.query("SELECT cost FROM messages")
    assert float(cost) == 123456789.654321
