"""The floors of the load benchmarks: the least code that reads the pages, decodes them and copies them with the driver.

No upsert, no checks, no repeated requests: the table is there and empty, and one transaction fills it. Each is what a
good engineer writes in forty lines for one database.
"""

from __future__ import annotations

import csv
import importlib
import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec
import requests

from airflow_provider_hvsms.sandbox import Settings
from tests.benchmarks.load_databases import TABLE
from tests.benchmarks.load_store import END, PER_PAGE, START

COLUMNS = {
    "id": "TEXT PRIMARY KEY",
    "batch_id": "TEXT",
    "direction": "TEXT",
    "from_number": "TEXT",
    "to_number": "TEXT",
    "message_status": "TEXT",
    "error_code": "TEXT",
    "segment_count": "BIGINT",
    "cost": "NUMERIC(18, 6)",
    "creation_time": "TIMESTAMP WITH TIME ZONE",
    "last_modified_time": "TIMESTAMP WITH TIME ZONE",
    "text": "TEXT",
    "loaded_at": "TIMESTAMP WITH TIME ZONE",
}
"""As the operator makes them."""
MYSQL_TYPES = {
    "TEXT PRIMARY KEY": "VARCHAR(180) COLLATE utf8mb4_bin PRIMARY KEY",
    "TIMESTAMP WITH TIME ZONE": "DATETIME(6)",
}
"""In place of the others'."""


def create_table(database: str) -> str:
    """The statement that makes the table."""
    types = MYSQL_TYPES if database == "mysql" else {}
    columns = ", ".join(f"{name} {types.get(type_, type_)}" for name, type_ in COLUMNS.items())
    return f"CREATE TABLE {TABLE} ({columns}){' CHARACTER SET utf8mb4' if database == 'mysql' else ''}"


Row = tuple[Any, ...]


class Message(msgspec.Struct, rename="camel"):
    """A record; the database reads the times."""

    id: int
    sender: str = msgspec.field(name="from")
    to: list[str]
    creation_time: str
    last_modified_time: str
    message_status: str
    segment_count: int
    direction: str
    cost: float | None = None
    batch_id: str | None = None
    error_code: str | None = None
    text: str | None = None


class Paging(msgspec.Struct, rename="camel"):
    next_page_token: str | None = None


class Page(msgspec.Struct):
    records: list[Message]
    paging: Paging


def log_in(url: str, session: requests.Session) -> str:
    """Return an access token."""
    settings = Settings()
    login = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": settings.jwt}
    client = (settings.client_id, settings.client_secret)
    answer = session.post(f"{url}/restapi/oauth/token", data=login, auth=client, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def first_query() -> dict[str, str]:
    """The parameters of the first page."""
    return {"dateFrom": START.isoformat(), "dateTo": END.isoformat(), "perPage": str(PER_PAGE)}


def to_postgresql(url: str, connection: dict[str, Any]) -> Callable[[], None]:
    import psycopg2

    where = {"host": connection["host"], "user": connection["login"], "dbname": connection["schema"]}
    with closing(psycopg2.connect(**where)) as database, database, database.cursor() as cursor:
        cursor.execute(create_table("postgresql"))

    def load() -> None:
        with closing(psycopg2.connect(**where)) as database, database, database.cursor() as cursor:
            for rows in _pages_of_rows(url):
                lines = io.StringIO()
                csv.writer(lines).writerows(rows)
                lines.seek(0)
                cursor.copy_expert(f"COPY {TABLE} FROM STDIN (FORMAT csv)", lines)

    return load


def to_sqlite(url: str, connection: dict[str, Any]) -> Callable[[], None]:
    with closing(sqlite3.connect(connection["host"])) as database:
        database.execute(create_table("sqlite"))
    places = ", ".join("?" * len(COLUMNS))

    def load() -> None:
        with closing(sqlite3.connect(connection["host"])) as database, database:
            for rows in _pages_of_rows(url):
                database.executemany(f"INSERT INTO {TABLE} VALUES ({places})", rows)

    return load


def to_duckdb(url: str, connection: dict[str, Any]) -> Callable[[], None]:
    import duckdb
    import pyarrow

    with duckdb.connect(connection["host"]) as database:
        database.execute(create_table("duckdb"))

    def load() -> None:
        with duckdb.connect(connection["host"]) as database:
            database.begin()
            for rows in _pages_of_rows(url):
                columns = [pyarrow.array(values) for values in zip(*rows, strict=True)]
                database.register("page", pyarrow.table(columns, names=list(COLUMNS)))
                database.execute(f"INSERT INTO {TABLE} SELECT * FROM page")
            database.commit()

    return load


def to_mysql(url: str, connection: dict[str, Any]) -> Callable[[], None]:
    driver = importlib.import_module("MySQLdb")
    socket = connection["extra"]["unix_socket"]
    where = {"user": connection["login"], "db": connection["schema"], "unix_socket": socket, "charset": "utf8mb4"}
    with closing(driver.connect(**where)) as database, database.cursor() as cursor:
        cursor.execute(create_table("mysql"))
    insert = f"INSERT INTO {TABLE} VALUES ({', '.join(['%s'] * len(COLUMNS))})"

    def load() -> None:
        with closing(driver.connect(**where)) as database, database.cursor() as cursor:
            for rows in _pages_of_rows(url):
                cursor.executemany(insert, [_for_mysql(row) for row in rows])
            database.commit()

    return load


def _for_mysql(row: Row) -> Row:
    """MySQL takes no `Z` as a time zone."""
    return (*row[:9], row[9].replace("Z", ""), row[10].replace("Z", ""), row[11], row[12].replace("+00:00", ""))


FLOORS = {"postgresql": to_postgresql, "sqlite": to_sqlite, "duckdb": to_duckdb, "mysql": to_mysql}


def _pages_of_rows(url: str) -> Iterator[list[Row]]:
    loaded_at = datetime.now(UTC).isoformat()
    for page in _pages(url):
        yield [
            (
                record.id,
                record.batch_id,
                record.direction,
                record.sender,
                ",".join(record.to),
                record.message_status,
                record.error_code,
                record.segment_count,
                record.cost,
                record.creation_time,
                record.last_modified_time,
                record.text,
                loaded_at,
            )
            for record in page.records
        ]


def _pages(url: str) -> Iterator[Page]:
    decoder = msgspec.json.Decoder(Page)
    query = first_query()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {log_in(url, session)}"
        while True:
            answer = session.get(f"{url}/restapi/v1.0/account/~/a2p-sms/messages", params=query, timeout=60)
            answer.raise_for_status()
            page = decoder.decode(answer.content)
            yield page
            if not page.paging.next_page_token:
                return
            query["pageToken"] = page.paging.next_page_token
