"""The base of all warehouses: what a load needs of one."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any, ClassVar

from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.schema import Changes, Column, Layout, Row
from airflow_provider_hvsms.sinks.sql.sql_types import TypeFamily
from airflow_provider_hvsms.sinks.warehouses.merge_statement import SqlSyntax


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExistingColumn:
    """A column of an existing table.

    :param sql_type: the type's name in the warehouse, for messages.
    :param family: what the column can hold.
    :param is_json: it holds JSON values, and no text.
    :param needs_value: it allows no null and has no default, so a row must bring a value.
    """

    sql_type: str
    family: TypeFamily
    is_json: bool = False
    needs_value: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merge:
    """One staging table that is merged into one target.

    :param table: the target, as the user names it.
    :param stage: the staging table, as `create_stage` returned it.
    :param rows: the number of rows that were loaded into the staging table.
    :param json_columns: the target's columns of the warehouse's JSON type. The staging table holds JSON as text.
    """

    table: str
    stage: str
    rows: int
    layout: Layout[Any]
    json_columns: frozenset[str]


class Warehouse(ABC):
    """A warehouse behind a hook. All methods but `session`, `cursor` and `full_name` are called within `session`.

    A subclass lets errors of the driver pass: the sink turns those of `driver_errors` into errors of this package.

    :param hook: gives the connection.
    """

    name: ClassVar[str]
    """As users know it."""

    def __init__(self, hook: Any) -> None:
        self._hook = hook

    syntax: ClassVar[SqlSyntax]

    @property
    @abstractmethod
    def part_format(self) -> FileFormat:
        """The format of the part files that `load_part` takes."""

    @property
    @abstractmethod
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """The errors that the driver raises."""

    @abstractmethod
    def is_permanent(self, error: Exception) -> bool:
        """Whether the warehouse would refuse the same request again; `error` is one of `driver_errors`."""

    @abstractmethod
    def describe_error(self, error: Exception) -> str:
        """The error in one line, without a value of a row and without a full stop."""

    @contextmanager
    @abstractmethod
    def session(self) -> Iterator[None]:
        """Open a connection, and close it at the end."""
        yield

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A DB-API cursor in a session of its own, for a query of the user whose rows are read as they arrive."""
        with self.session(), self._cursor() as cursor:
            yield cursor

    @abstractmethod
    def _cursor(self) -> AbstractContextManager[Any]:
        """A DB-API cursor, closed at the end; all of its errors are in `driver_errors` or of this package."""

    @abstractmethod
    def check(self, table: str) -> None:
        """Check the table's name, and that its schema or dataset exists and can be used.

        :raises TableMismatch: the name is not valid.
        :raises LoadRefused: something that a load needs is missing or not allowed; the message says what to do.
        """

    def rejects_name(self, table: str) -> str:
        """The name of the table for records that could not be read."""
        return f"{table}_rejects"

    def full_name(self, table: str) -> str | None:
        """The table's name with all that precedes it; `None` if only a session knows it. It needs no session."""
        return None

    @abstractmethod
    def columns(self, table: str) -> Mapping[str, ExistingColumn]:
        """The columns of a table, by the names that a layout would give them; empty if there is no such table."""

    @abstractmethod
    def sample(self, table: str, columns: Sequence[str], count: int, *, not_null: bool) -> Sequence[Sequence[Any]]:
        """The values of some columns in any rows of an existing table, without reading all of it.

        :param count: the most rows.
        :param not_null: only rows in which one of the columns is not null, of which the first one may have to be found.
        """

    @abstractmethod
    def check_readable(self, table: str) -> None:
        """As `check`, of a table that is only read."""

    @abstractmethod
    def table_in_sql(self, table: str) -> str:
        """The name of a table as it is written in a statement."""

    @abstractmethod
    def select(self, statement: str) -> Sequence[Row]:
        """The rows of a SELECT that has few of them."""

    @abstractmethod
    def check_creatable(self, table: str, layout: Layout[Any]) -> None:
        """Check that the missing table can be created, and leave nothing behind."""

    @abstractmethod
    def create(self, table: str, layout: Layout[Any]) -> None:
        """Create the table, unless another load has just created it."""

    @abstractmethod
    def add_columns(self, table: str, columns: Sequence[Column]) -> None:
        """Add empty columns to an existing table, unless another load has just added them."""

    @abstractmethod
    def create_stage(self, table: str, columns: Sequence[Column]) -> str:
        """Create a staging table that vanishes by itself if the load is killed.

        JSON columns hold text, all columns may be null.

        :param table: the target, near which the staging table is created.
        :return: the name of the staging table.
        """

    @abstractmethod
    def load_part(self, stage: str, part: IO[bytes]) -> None:
        """Load a file of `part_format` into a staging table: all of its rows or none.

        :param part: positioned at its start, and without a name, so that nothing is left of it if the load is killed.
        """

    def keep_alive(self) -> None:  # noqa: B027 - not every warehouse has sessions that end
        """Keep the session alive while rows are read; called with each page."""

    @abstractmethod
    def drop_stage(self, stage: str) -> None:
        """Drop a staging table."""

    @abstractmethod
    def check_merge(self, merge: Merge) -> None:
        """Check that rows could be merged into an existing target, without changing it. The staging table is empty."""

    @abstractmethod
    def merge(self, merges: Sequence[Merge]) -> Changes:
        """Merge staged rows into existing targets, all of them or none. Concurrent loads wait for each other.

        :return: what the first one did.
        :raises CommitUnknown: the answer to the commit was lost.
        """
