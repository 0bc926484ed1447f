"""Airflow connection -> client of the message store."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException, BaseHook

from airflow_provider_hvsms.api.errors import (
    ConnectionUnavailable,
    HvsmsError,
    InvalidRequest,
    LoginRefused,
    PermanentError,
    PermissionDenied,
)
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
from airflow_provider_hvsms.api.transport import TimeLimits
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.get_provider_info import get_provider_info
from airflow_provider_hvsms.hooks.client_settings import ClientSettings, read_settings
from airflow_provider_hvsms.hooks.token_store import VariableTokenStore, is_in_task
from airflow_provider_hvsms.utils.data_interval import as_moment

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Page, StatusTotals


class HvsmsHook(BaseHook):
    """Reads RingCentral's High Volume SMS message store with an Airflow connection.

    All hooks with the same connection in one process share one login and one quota. The hook's own methods keep the
    session until the hook is dropped or closed.

    With `shared_session` in the connection's extra, all tasks of the connection share one login, wherever they run:
    its token is kept in an Airflow Variable. Such a session is not revoked when a task ends. Triggers, the form's Test
    button and scripts still log in for themselves.

    :param hvsms_conn_id: a connection of type `hvsms`: host = server, login = client id, password = client secret,
        extra = `jwt_token`, or `username`, `extension` and `user_password`; optional `account_id`, `connect_timeout`
        and `read_timeout` (seconds), `shared_session` (default false), and `quota_share`, the part of the quota that
        may be used (above 0 and up to 1, the default).
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

        :raises InvalidSettings: the connection lacks a field, or holds one that cannot be used.
        """
        return self.client_settings(may_share=is_in_task()).connect()

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
        """Messages created in `[date_from, date_to)`, one by one; one page is in memory at a time.

        :param date_from: aware, or ISO 8601 with a time zone. Only beside a `batch_id` may both dates be left out: the
            batch is read first then, and its messages from its creation to now.
        :param batch_id: only those of one batch.
        :param phone_numbers: only those from or to one of these, at most 15.
        :param direction: `Inbound` or `Outbound`; both without it.
        :param view: `Simple`, or `Detailed` for the texts too.
        :param per_page: records a page, 1 to 1000.
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
        """The same as `iter_messages`, page by page.

        :param on_invalid: `fail` raises for a record that cannot be read, `quarantine` leaves it in the page's rejects.
        """
        wanted = MessageFilter(batch_id=batch_id, phone_numbers=phone_numbers, direction=direction, view=view)
        window = self._window(date_from, date_to, batch_id)
        return self._client.message_pages(window, wanted, per_page=per_page, on_invalid=on_invalid)

    def get_message(self, message_id: str) -> Message:
        """One message, with its text."""
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
        """Batches created in `[date_from, date_to)`, one by one.

        :param from_number: only those sent from this number.
        :param statuses: only those in one of `Queued`, `Processing`, `Sent`, `Completed`.
        """
        wanted = BatchFilter(from_number=from_number, statuses=statuses)
        return self._client.iter_batches(self._window(date_from, date_to, None), wanted, per_page=per_page)

    def get_batch(self, batch_id: str) -> Batch:
        """One batch."""
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
        """How many messages created in `[date_from, date_to)` have which status, and what they cost.

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
        """Who opted out as of today, one by one.

        :param from_number: only those from this sender, `*` for any.
        :param to_number: only this recipient's.
        :param status: `optout`, `optin` for those who opted in again, or `all`.
        """
        wanted = OptOutFilter(from_number=from_number, to_number=to_number, status=status)
        return self._client.iter_opt_outs(wanted, per_page=per_page)

    def test_connection(self) -> tuple[bool, str]:
        """Log in and read one page, without waiting for quota; say in words what is wrong, or that nothing is."""
        now = datetime.now(UTC)
        try:
            with self.client_settings(limits=TimeLimits(tries=1, quota=0.0)).connect() as client:
                next(client.message_pages(Window(now - timedelta(days=1), now), per_page=1))
        except HvsmsError as error:
            # The form gives the connection an id of its own, which would tell nobody anything.
            return False, str(error).removeprefix(f"Connection {self.hvsms_conn_id!r}: ")
        return True, "Logged in, and read the message store."

    def close(self) -> None:
        """End the session that the hook's own methods use, if they did."""
        if "_client" in vars(self):
            self._client.close()
            del self._client

    def _window(self, date_from: datetime | str | None, date_to: datetime | str | None, batch_id: str | None) -> Window:
        if date_from is not None and date_to is not None:
            return Window(as_moment("date_from", date_from), as_moment("date_to", date_to))
        if date_from is None and date_to is None and batch_id is not None:
            return self._client.window_of_batch(batch_id)
        raise InvalidRequest("Give both date_from and date_to; only beside a batch_id may both be left out.")

    @functools.cached_property
    def _client(self) -> MessageStoreClient:
        return self.get_conn()

    def client_settings(self, *, limits: TimeLimits | None = None, may_share: bool = False) -> ClientSettings:
        """Look the connection up, and read from it what a client needs; nothing further is asked of Airflow then.

        :param limits: how long to wait, as far as the connection does not say it.
        :param may_share: whether the session may be shared with other tasks, if the connection says so.
        :raises ConnectionUnavailable: Airflow does not find the connection.
        :raises InvalidSettings: the connection lacks a field, or holds one that cannot be used.
        """
        with explain_missing_connection(self.hvsms_conn_id):
            connection = self.get_connection(self.hvsms_conn_id)
        store = VariableTokenStore(self.hvsms_conn_id) if may_share else None
        return read_settings(connection, self.hvsms_conn_id, limits=limits or TimeLimits(), token_store=store)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The standard fields of the form, for Airflow before 3.2, which does not read the provider info's."""
        behaviour = _connection_type()["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the form, for Airflow before 3.2, which does not read the provider info's."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, PasswordField, StringField

        kinds = {
            "text": functools.partial(StringField, widget=BS3TextFieldWidget()),
            "password": functools.partial(PasswordField, widget=BS3PasswordFieldWidget()),
            "boolean": BooleanField,
        }
        return {
            name: kinds[_kind_of(field["schema"])](field["label"], description=field["description"])
            for name, field in _connection_type()["conn-fields"].items()
        }


@contextmanager
def fail_without_retry(hvsms_conn_id: str) -> Iterator[None]:
    """Fail the task without retries for what a retry cannot cure; let passing trouble through to Airflow's retries.

    These errors say all there is to say, so the task log is spared the stack below them.
    """
    try:
        yield
    except (LoginRefused, PermissionDenied) as error:
        raise AirflowFailException(f"Connection {hvsms_conn_id!r}: {error}") from None
    except PermanentError as error:
        raise AirflowFailException(str(error)) from None


@contextmanager
def explain_missing_connection(conn_id: str) -> Iterator[None]:
    """Say what it means that Airflow does not find a connection, and leave it to Airflow's retries.

    It is no proof that there is none: Airflow says the same when a secrets backend or its API server fails.
    """
    try:
        yield
    except AirflowNotFoundException as error:
        raise ConnectionUnavailable(
            f"Airflow did not find the connection {conn_id!r} ({error}). Either there is none: create it, or correct "
            "the connection id. Or a secrets backend or the API server did not answer just now: run it again."
        ) from error


def _connection_type() -> dict[str, Any]:
    connection_type: dict[str, Any] = get_provider_info()["connection-types"][0]
    return connection_type


def _kind_of(schema: Mapping[str, Any]) -> str:
    return "boolean" if "boolean" in schema["type"] else schema.get("format", "text")
