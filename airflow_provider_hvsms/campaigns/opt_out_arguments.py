"""The arguments that say which recipients are opted out, and which in again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_id
from airflow_provider_hvsms.api.sending import check_sender
from airflow_provider_hvsms.campaigns.file_rows import read_file
from airflow_provider_hvsms.campaigns.opt_out_changes import OptOutChanges, State
from airflow_provider_hvsms.campaigns.query_rows import read_query
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow, read_list
from airflow_provider_hvsms.utils.connections import get_hook, get_path
from airflow_provider_hvsms.utils.hidden_arguments import reveal
from airflow_provider_hvsms.utils.values import is_known

DEFAULT_BATCH_SIZE = 1_000
"""Numbers of a request. How many the service takes is not documented; an answer names each of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptOutArguments:
    """The arguments that say which recipients are opted out of which sender's messages, and which in again.

    :param from_number: the sender that recipients no longer get messages from, or get again.
    :param opt_outs: numbers that are opted out: a list, or a text with commas or JSON, as a template renders it.
    :param opt_ins: numbers that are opted in again, in the same forms.
    :param sql_conn_id: the connection to the database or warehouse that `sql` is run in.
    :param sql: in place of the lists, a query with a column `to_number` (or `to`), and perhaps `status`: `OptOut`, for
        which null stands, too, or `OptIn`. Tables of opt-outs that were loaded have these columns.
    :param parameters: of the query, as the database's driver takes them.
    :param path: in place of the lists, a file with the same columns, `.jsonl` or `.csv`, perhaps with `.gz`. What
        precedes an `@` is the Airflow connection, as in `s3://aws_default@crm/opt_outs.csv`.
    :param max_batch_size: the most numbers of a request, 1,000 by default.
    """

    template_fields: ClassVar[tuple[str, ...]] = (
        "from_number",
        "opt_outs",
        "opt_ins",
        "sql_conn_id",
        "sql",
        "parameters",
        "path",
    )
    personal_fields: ClassVar[tuple[str, ...]] = ("from_number",)

    from_number: str
    opt_outs: Any = ()
    opt_ins: Any = ()
    sql_conn_id: str | None = None
    sql: str | None = None
    parameters: Any = None
    path: str | ObjectStoragePath | None = None
    max_batch_size: int = DEFAULT_BATCH_SIZE

    def check_known(self) -> None:
        if is_known(self.from_number):
            check_sender(self.from_number)
        self._check_source()
        for name in ("sql", "sql_conn_id", "path"):
            value = getattr(self, name)
            if value is not None and (is_known(value) or isinstance(value, ObjectStoragePath)):
                check_id(name, str(value))
        if not isinstance(self.max_batch_size, int) or self.max_batch_size < 1:
            raise InvalidRequest(f"max_batch_size is {self.max_batch_size!r}; it must be a whole number, at least 1.")

    def read(self) -> OptOutChanges:
        """All numbers, checked.

        :raises InvalidRequest: a source is not valid, or a number is to be opted out and in.
        """
        changes = OptOutChanges()
        for rows, state in self._rows():
            changes.add(rows, state)
        changes.check()
        return changes

    def _rows(self) -> Iterator[tuple[Iterator[RecipientRow], State | None]]:
        if self.sql is not None:
            yield self._read_query(self.sql), None
        elif self.path is not None:
            yield read_file(get_path(self.path)), None
        else:
            yield _read_numbers("opt_outs", self.opt_outs), "OptOut"
            yield _read_numbers("opt_ins", self.opt_ins), "OptIn"

    def _read_query(self, sql: str) -> Iterator[RecipientRow]:
        conn_id = str(self.sql_conn_id)
        return read_query(get_hook(conn_id), sql, self.parameters, sql_conn_id=conn_id)

    def _check_source(self) -> None:
        has_lists = any(not _is_default(reveal(value)) for value in (self.opt_outs, self.opt_ins))
        given = ["opt_outs or opt_ins"] * has_lists
        given += [name for name in ("sql", "path") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidRequest(
                "Give opt_outs and opt_ins, or sql (with sql_conn_id), or path; given are: "
                f"{' and '.join(given) or 'none of them'}."
            )
        if (self.sql is None) != (self.sql_conn_id is None):
            raise InvalidRequest("sql and sql_conn_id belong together: one of them is given, and the other is not.")
        if self.parameters is not None and self.sql is None:
            raise InvalidRequest("parameters are of a query, and sql is not given.")


def _is_default(value: object) -> bool:
    return isinstance(value, tuple) and not value


def _read_numbers(name: str, hidden: object) -> Iterator[RecipientRow]:
    value = reveal(hidden)
    is_list = isinstance(value, Sequence) and not isinstance(value, bytes)
    if not is_list or (isinstance(value, str) and value.strip() in ("", "None")):
        raise InvalidRequest(
            f"{name} is not a list of phone numbers such as +14155550100. A template or task that gave nothing looks "
            "like this: for no numbers, give []."
        )
    return read_list(value)
