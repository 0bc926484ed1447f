"""The hook: reads the message store, and sends to it, with an Airflow connection."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import HvsmsError, InvalidRequest
from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    BatchFilter,
    BatchStatus,
    Direction,
    MessageFilter,
    OnInvalid,
    OptOutFilter,
    OptOutStatus,
    StatusFilter,
    View,
)
from airflow_provider_hvsms.api.sending import OptOutAssignment, OutgoingBatch, OutgoingMessage
from airflow_provider_hvsms.api.transport import TimeLimits
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.hooks import connection_form
from airflow_provider_hvsms.hooks.client_settings import ClientSettings, read_hash_key, read_settings
from airflow_provider_hvsms.hooks.token_store import VariableTokenStore, is_in_task
from airflow_provider_hvsms.utils.data_interval import as_utc_datetime
from airflow_provider_hvsms.utils.failures import explain_missing_connection
from airflow_provider_hvsms.utils.log_masking import mask

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Page, StatusTotals


_MIN_KEY_LENGTH = 16
"""Characters of a `hash_key` that draws no warning."""


class HvsmsHook(BaseHook):
    """Reads RingCentral's High Volume SMS message store with an Airflow connection.

    In a task::

        hook = HvsmsHook("hvsms_default")
        yesterday = {"date_from": "2026-11-01T00:00:00Z", "date_to": "2026-11-02T00:00:00Z"}
        for message in hook.iter_messages(**yesterday, direction="Outbound"):
            print(message.id, message.message_status)

    All hooks with the same connection in one process share one session and one quota. The methods that read keep the
    session until the hook is closed or garbage collected. Each of them may raise `ConnectionUnavailable` and
    `InvalidSettings`, and the errors of `MessageStoreClient`; `api/errors.py` draws their tree.

    With `shared_session` in the connection's extra, all tasks of the connection share one session, on any worker: its
    token is kept in an Airflow Variable, and is not revoked when a task ends. Triggers, the form's Test button and
    scripts still log in for themselves.

    :param hvsms_conn_id: a connection of type `hvsms`: host = server, login = client id, password = client secret,
        extra = `jwt_token`, or `username`, `extension` and `user_password`; optional `account_id`, `connect_timeout`
        and `read_timeout` (seconds), `shared_session` (default false), and `quota_share`, the part of the quota that
        may be used (above 0 and up to 1, the default), and `hash_key`, for loads with `personal_data="hash"`.
    """

    conn_name_attr = "hvsms_conn_id"
    default_conn_name = "hvsms_default"
    conn_type = "hvsms"
    hook_name = "RingCentral High Volume SMS"

    def __init__(self, hvsms_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.hvsms_conn_id = hvsms_conn_id

    def get_conn(self) -> MessageStoreClient:
        """Return a new client, which the caller closes. Nothing is sent before its first read.

        Example::

            with HvsmsHook().get_conn() as client:
                batch = client.get_batch("b1")

        :raises ConnectionUnavailable: Airflow does not find the connection.
        :raises InvalidSettings: a field of the connection is missing, or its value cannot be used.
        """
        return self.client_settings(may_share=is_in_task()).connect()

    def hash_key(self) -> str:
        """Return the key with which transfers hash phone numbers, `hash_key` in the extra; empty if there is none.

        Airflow does not take it for a secret by its name, so it is masked in logs from here on.

        :raises ConnectionUnavailable: Airflow does not find the connection.
        :raises InvalidSettings: the field holds the mask of a secret.
        """
        with explain_missing_connection(self.hvsms_conn_id):
            connection = self.get_connection(self.hvsms_conn_id)
        key = read_hash_key(connection, self.hvsms_conn_id)
        mask(key)
        if 0 < len(key) < _MIN_KEY_LENGTH:
            self.log.warning(
                "Connection %r: hash_key in the extra has fewer than %d characters, so that who has the hashes may "
                "guess it, and then the numbers. Use a long random text; the hashes will be others.",
                self.hvsms_conn_id, _MIN_KEY_LENGTH,
            )  # fmt: skip
        return key

    def iter_messages(
        self,
        *,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        batch_id: str | None = None,
        phone_numbers: Sequence[str] = (),
        direction: Direction | None = None,
        view: View = "Simple",
        per_page: int = MAX_PER_PAGE,
    ) -> Iterator[Message]:
        """Iterate over the messages created in `[date_from, date_to)`. One page is in memory at a time.

        :param date_from: start of the window (inclusive), aware, or ISO 8601 with a time zone. With a `batch_id`, both
            dates may be left out: the window is then from the creation of the batch to now.
        :param date_to: end of the window (exclusive), likewise.
        :param batch_id: only messages of this batch.
        :param phone_numbers: only messages from or to one of these numbers, at most 15, such as `+16505550100`.
        :param direction: `Inbound` or `Outbound`; `None` (default): both.
        :param view: `Simple` (default), or `Detailed`, which includes the text of each message.
        :param per_page: records in a page, 1 to 1,000; the maximum by default, as it takes the fewest requests.
        :raises InvalidRequest: an argument is not acceptable; raised by the call, before the first message.
        :raises InvalidRecord: a record does not have the documented shape.
        """
        wanted = MessageFilter(batch_id=batch_id, phone_numbers=phone_numbers, direction=direction, view=view)
        return self._client.iter_messages(self._window(date_from, date_to, batch_id), wanted, per_page=per_page)

    def message_pages(
        self,
        *,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        batch_id: str | None = None,
        phone_numbers: Sequence[str] = (),
        direction: Direction | None = None,
        view: View = "Simple",
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
    ) -> Iterator[Page[Message]]:
        """Iterate over the same messages as `iter_messages`, page by page.

        The other arguments are those of `iter_messages`.

        :param on_invalid: `fail` (default) raises `InvalidRecord` for a record that does not have the documented
            shape; `quarantine` puts it into the `rejects` of its page.
        """
        wanted = MessageFilter(batch_id=batch_id, phone_numbers=phone_numbers, direction=direction, view=view)
        window = self._window(date_from, date_to, batch_id)
        return self._client.message_pages(window, wanted, per_page=per_page, on_invalid=on_invalid)

    def get_message(self, message_id: str) -> Message:
        """Return one message, with its text.

        :raises NotFound: the message does not exist.
        """
        return self._client.get_message(message_id)

    def iter_batches(
        self,
        *,
        date_from: datetime | str,
        date_to: datetime | str,
        from_number: str | None = None,
        statuses: Sequence[BatchStatus] = (),
        per_page: int = MAX_PER_PAGE,
    ) -> Iterator[Batch]:
        """Iterate over the batches created in `[date_from, date_to)`.

        :param date_from: start of the window (inclusive), aware, or ISO 8601 with a time zone.
        :param date_to: end of the window (exclusive), likewise.
        :param from_number: only batches sent from this number, such as `+16505550100`.
        :param statuses: `Queued`, `Processing`, `Sent` or `Completed`; empty (default): batches in any status.
        :param per_page: records in a page, 1 to 1,000.
        """
        wanted = BatchFilter(from_number=from_number, statuses=statuses)
        return self._client.iter_batches(self._window(date_from, date_to, None), wanted, per_page=per_page)

    def get_batch(self, batch_id: str) -> Batch:
        """Return one batch.

        :raises NotFound: the batch does not exist.
        """
        return self._client.get_batch(batch_id)

    def get_statuses(
        self,
        *,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        batch_id: str | None = None,
        phone_numbers: Sequence[str] = (),
        direction: Direction | None = None,
    ) -> StatusTotals:
        """Return the number and cost of the messages created in `[date_from, date_to)`, by status.

        The arguments are those of `iter_messages`.
        """
        wanted = StatusFilter(batch_id=batch_id, phone_numbers=phone_numbers, direction=direction)
        return self._client.get_statuses(self._window(date_from, date_to, batch_id), wanted)

    def iter_opt_outs(
        self,
        *,
        from_number: str | None = None,
        to_number: str | None = None,
        status: OptOutStatus = "optout",
        per_page: int = MAX_PER_PAGE,
    ) -> Iterator[OptOut]:
        """Iterate over the current opt-outs.

        :param from_number: only opt-outs from this sender; `*` for any.
        :param to_number: only opt-outs of this recipient.
        :param status: `optout` (default); `optin` for recipients who opted in again; or `all`.
        :param per_page: records in a page, 1 to 1,000.
        """
        wanted = OptOutFilter(from_number=from_number, to_number=to_number, status=status)
        return self._client.iter_opt_outs(wanted, per_page=per_page)

    def send_batch(self, *, from_number: str, messages: Sequence[OutgoingMessage], text: str | None = None) -> Batch:
        """Send a batch by one request, and return it as created: with the recipients that the service rejected.

        Calling it again sends the messages again. `HvsmsSendBatchOperator` sends each batch once, whatever happens.

        :param from_number: the sender, a number that the account may send from.
        :param messages: one for each recipient, at least one; each may have a text of its own.
        :param text: the text of the others, at most 1,000 characters.
        :raises InvalidRequest: a number, a text or the number of messages is not acceptable.
        :raises OutcomeUnknown: no answer says whether the batch was created.
        """
        return self._client.send_batch(OutgoingBatch(from_number=from_number, messages=tuple(messages), text=text))

    def assign_opt_outs(
        self, *, from_number: str, opt_outs: Sequence[str] = (), opt_ins: Sequence[str] = ()
    ) -> OptOutAssignment:
        """Opt recipients out of messages from a sender, or in again, by one request, and return which were set.

        :raises OutcomeUnknown: no answer says which were set. Calling it again does no harm.
        """
        return self._client.assign_opt_outs(from_number, opt_outs=opt_outs, opt_ins=opt_ins)

    def test_connection(self) -> tuple[bool, str]:
        """Log in and read one page, without retries or waiting for quota. Returns the success and a message."""
        now = datetime.now(UTC)
        try:
            with self.client_settings(limits=TimeLimits(tries=1, quota=0.0)).connect() as client:
                next(client.message_pages(Window(now - timedelta(days=1), now), per_page=1))
        except HvsmsError as error:
            # The form tests the connection under a generated id.
            return False, str(error).removeprefix(f"Connection {self.hvsms_conn_id!r}: ")
        return True, "Logged in, and read the message store."

    def close(self) -> None:
        """Close the client that the methods of this hook use, if one of them was called."""
        if "_client" in vars(self):
            self._client.close()
            del self._client

    def _window(self, date_from: datetime | str | None, date_to: datetime | str | None, batch_id: str | None) -> Window:
        if date_from is not None and date_to is not None:
            return Window(as_utc_datetime("date_from", date_from), as_utc_datetime("date_to", date_to))
        if date_from is None and date_to is None and batch_id is not None:
            return self._client.window_of_batch(batch_id)
        raise InvalidRequest("Give both date_from and date_to. Only with a batch_id may both be left out.")

    @functools.cached_property
    def _client(self) -> MessageStoreClient:
        return self.get_conn()

    def client_settings(self, *, limits: TimeLimits | None = None, may_share: bool = False) -> ClientSettings:
        """Look up the connection, and read the settings of a client from it. A client needs nothing else of Airflow.

        :param limits: time limits and attempts where the connection does not set them.
        :param may_share: whether to use a shared session if the connection says so.
        :raises ConnectionUnavailable: Airflow does not find the connection.
        :raises InvalidSettings: a field of the connection is missing, or its value cannot be used.
        """
        with explain_missing_connection(self.hvsms_conn_id):
            connection = self.get_connection(self.hvsms_conn_id)
        store = VariableTokenStore(self.hvsms_conn_id) if may_share else None
        return read_settings(connection, self.hvsms_conn_id, limits=limits or TimeLimits(), token_store=store)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The standard fields of the connection form, for Airflow before 3.2."""
        return connection_form.standard_fields()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the connection form, for Airflow before 3.2."""
        return connection_form.extra_fields()
