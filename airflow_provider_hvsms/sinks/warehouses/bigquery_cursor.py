"""As much of a DB-API cursor as a query of the user needs, over BigQuery's client."""

from __future__ import annotations

import datetime
import decimal
import importlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_hvsms.api.errors import InvalidRequest

ROWS_PER_PAGE = 5_000


class BigQueryCursor:
    """Reads the rows of a query page by page. Its errors are the client's."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._rows: Iterator[Any] = iter(())
        self.description: list[tuple[str]] = []

    def execute(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> None:
        """Run a query.

        :param parameters: a mapping for `@name` in the statement, or a sequence for each `?`.
        :raises InvalidRequest: BigQuery has no type for one of them.
        """
        bigquery: Any = importlib.import_module("google.cloud.bigquery")
        pairs = parameters.items() if isinstance(parameters, Mapping) else ((None, one) for one in parameters or ())
        values = [bigquery.ScalarQueryParameter(name, _type_of(name, value), value) for name, value in pairs]
        job = self._client.query(statement, job_config=bigquery.QueryJobConfig(query_parameters=values))
        found = job.result(page_size=ROWS_PER_PAGE)
        self.description = [(field.name,) for field in found.schema]
        self._rows = iter(found)

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        """The next rows; empty after the last one."""
        return [tuple(row.values()) for row in itertools.islice(self._rows, count)]


def _type_of(name: str | None, value: object) -> str:
    if value is None:
        return "STRING"
    if isinstance(value, datetime.datetime):
        return "TIMESTAMP" if value.tzinfo else "DATETIME"
    found = _TYPES.get(type(value))
    if found is None:
        which = "A parameter of the query" if name is None else f"The parameter {name!r} of the query"
        raise InvalidRequest(f"{which} is a {type(value).__name__}, for which BigQuery has no type of one value.")
    return found


_TYPES: dict[type, str] = {
    str: "STRING",
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    decimal.Decimal: "NUMERIC",
    datetime.date: "DATE",
    bytes: "BYTES",
}
