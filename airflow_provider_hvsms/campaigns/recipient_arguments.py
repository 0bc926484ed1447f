"""The arguments that say who is sent what."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_id
from airflow_provider_hvsms.api.sending import check_sender
from airflow_provider_hvsms.campaigns.campaign_text import CampaignText
from airflow_provider_hvsms.campaigns.file_rows import read_file
from airflow_provider_hvsms.campaigns.plan import DEFAULT_BATCH_SIZE, MAX_BATCH_SIZE
from airflow_provider_hvsms.campaigns.query_rows import read_query
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow, read_list
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.utils.connections import as_sql_hook, get_hook, get_path
from airflow_provider_hvsms.utils.hidden_arguments import reveal
from airflow_provider_hvsms.utils.values import is_known


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipientArguments:
    """The arguments that say who is sent what. Exactly one of `recipients`, `sql` and `path` is given.

    :param from_number: the sender, a number that the account may send from.
    :param recipients: a list of numbers, or of mappings with `to`, perhaps `text`, and the columns of the text's
        placeholders; also another task's output or a template that gives one. An empty list sends nothing; a template
        that renders to nothing fails.
    :param sql_conn_id: the connection to the database or warehouse that `sql` is run in.
    :param sql: a query for the recipients, with a column `to` (or `to_number`), perhaps `text`, and the columns of the
        text's placeholders. Its rows are read as a stream.
    :param parameters: of the query, as the database's driver takes them.
    :param path: a file of recipients, `.jsonl` or `.csv`, perhaps with `.gz`, with the same columns. What precedes an
        `@` is the Airflow connection, as in `s3://aws_default@lake/recipients.csv`.
    :param text: the text of all recipients without their own, at most 1,000 characters; `{name}` stands for the
        recipient's column `name`.
    :param max_batch_size: the most recipients of a batch, 10,000 by default; more are sent as several batches. One page
        of RingCentral's documentation names 10,000 for a request, and another no limit but 50 MB.
    """

    template_fields: ClassVar[tuple[str, ...]] = (
        "from_number", "recipients", "sql_conn_id", "sql", "parameters", "path", "text",
    )  # fmt: skip
    personal_fields: ClassVar[tuple[str, ...]] = ("from_number",)

    from_number: Any
    recipients: Any = None
    sql_conn_id: str | None = None
    sql: str | None = None
    parameters: Any = None
    path: Any = None
    text: Any = None
    max_batch_size: int = DEFAULT_BATCH_SIZE

    def check_known(self) -> None:
        self._check_source()
        if is_known(self.from_number):
            check_sender(self.from_number)
        text = reveal(self.text)
        if isinstance(text, str) and is_known(text):
            CampaignText(text)
        if not isinstance(self.max_batch_size, int) or not 1 <= self.max_batch_size <= MAX_BATCH_SIZE:
            raise InvalidRequest(
                f"max_batch_size is {self.max_batch_size!r}; it must be an integer from 1 to {MAX_BATCH_SIZE:,}."
            )

    def check_rendered(self) -> None:
        """Check the rendered arguments.

        :raises InvalidRequest: naming the argument, not its value.
        """
        self.check_known()
        if self.sql is not None:
            check_id("sql", self.sql)
            check_id("sql_conn_id", self.sql_conn_id)
        if self.path is not None:
            check_id("path", str(self.path))
        if reveal(self.text) == "None":
            raise InvalidRequest("text is 'None': a template that rendered to nothing looks like this.")
        recipients = reveal(self.recipients)
        if isinstance(recipients, str) and recipients.strip() in ("", "None"):
            raise InvalidRequest(
                "recipients is empty or 'None': a template that rendered to nothing looks like this. Check the task or "
                "variable that it comes from; if there may be nobody to send to, have it give an empty list."
            )

    def rows(self) -> Iterator[RecipientRow]:
        """The recipients, not checked yet, of the one source that is given."""
        if self.sql is not None:
            sql_conn_id = str(self.sql_conn_id)
            hook = get_hook(sql_conn_id)
            readable = hook if find_warehouse(hook) else as_sql_hook(sql_conn_id, hook)
            return read_query(readable, self.sql, self.parameters, sql_conn_id=sql_conn_id)
        if self.path is not None:
            return read_file(get_path(self.path))
        return read_list(reveal(self.recipients))

    def _check_source(self) -> None:
        given = [name for name in ("recipients", "sql", "path") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidRequest(
                f"Give exactly one of recipients, sql (with sql_conn_id) and path; given are: "
                f"{' and '.join(given) or 'none of them'}. A template or task that gave nothing looks like this."
            )
        if (self.sql is None) != (self.sql_conn_id is None):
            raise InvalidRequest("sql and sql_conn_id belong together: one of them is given, and the other is not.")
        if self.parameters is not None and self.sql is None:
            raise InvalidRequest("parameters are of a query, and sql is not given.")
