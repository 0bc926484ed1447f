"""The client: the reads of the message store."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TypeVar, get_args
from urllib.parse import quote

from requests.auth import AuthBase

from airflow_provider_hvsms.api.auth.credentials import Credentials
from airflow_provider_hvsms.api.auth.session import MAX_RENEWALS, Session
from airflow_provider_hvsms.api.auth.shared_session import TokenStore
from airflow_provider_hvsms.api.coverage import with_coverage
from airflow_provider_hvsms.api.decoding import DecodePage, decode_record, decode_statuses, page_decoder
from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    BatchFilter,
    MessageFilter,
    OnInvalid,
    OptOutFilter,
    Parameters,
    StatusFilter,
    check_choice,
    check_concurrency,
    check_id,
    check_per_page,
)
from airflow_provider_hvsms.api.listing import fail_on_rejects, follow_pages, iter_records
from airflow_provider_hvsms.api.quota.quota import Quota, QuotaLeft, UsageGroup
from airflow_provider_hvsms.api.reader_count import count_readers
from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Page, RecordT, StatusTotals
from airflow_provider_hvsms.api.request import Request
from airflow_provider_hvsms.api.response import Response
from airflow_provider_hvsms.api.slices import read_in_slices
from airflow_provider_hvsms.api.status_codes import raise_for_refusal
from airflow_provider_hvsms.api.transport import TimeLimits, Transport
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


def connect(
    credentials: Credentials,
    *,
    account_id: str = "~",
    limits: TimeLimits | None = None,
    quota_share: float = 1.0,
    token_store: TokenStore | None = None,
) -> MessageStoreClient:
    """Return a client of the message store. Nothing is sent before its first read.

    Clients of one process that were made with equal arguments share one session and one quota.

    Example::

        credentials = Credentials("https://platform.ringcentral.com", client_id, client_secret, JwtGrant(jwt))
        with connect(credentials) as client:
            batch = client.get_batch("b1")

    :param credentials: server, app and user.
    :param account_id: `~` (default) for the account of the user who logs in.
    :param limits: how long to wait, and how often to try; see `TimeLimits` for the defaults.
    :param quota_share: the part of the quota that may be used, above 0 and up to 1 (default). Clients of one user with
        different shares learn of each other only from the service's headers, as different programs do.
    :param token_store: shares the session with other processes; `None` (default): each process logs in for itself.
    :raises InvalidRequest: the account id is empty.
    """
    limits = limits or TimeLimits()
    transport = Transport(credentials.server, quota=_quota_of(credentials, quota_share), limits=limits)
    session = _session_of(credentials, limits, quota_share, token_store)
    return MessageStoreClient(transport, session, account_id=account_id)


class MessageStoreClient:
    """Reads the message store of one account. Usable by threads. Close it, or use it in a `with` block.

    Every read may raise `LoginRefused`, `PermissionDenied` or `InvalidRequest` at once, and `ServiceUnavailable`,
    `UnexpectedResponse`, `QuotaExceeded` or `SessionEnded` when its retries are used up.

    Example::

        with connect(credentials) as client:
            yesterday = Window(midnight - timedelta(days=1), midnight)
            for message in client.iter_messages(yesterday, MessageFilter(direction="Outbound")):
                print(message.id, message.message_status)

    :param transport: sends the requests.
    :param session: provides access tokens.
    :param account_id: `~` (default) for the account of the user who logs in.
    """

    def __init__(self, transport: Transport, session: Session, *, account_id: str = "~") -> None:
        self._root = f"/restapi/v1.0/account/{_in_path('account_id', account_id)}/a2p-sms"
        self._transport = transport
        self._session = session
        session.add_client()
        # Also ends the session of a client that was not closed, when it is collected or the process exits.
        self.close = weakref.finalize(self, _close, transport, session)

    @property
    def requests(self) -> int:
        """Requests that this client sent, retries included, logins not."""
        return self._transport.requests

    @property
    def waited(self) -> float:
        """Seconds in which requests of this client waited for quota."""
        return self._transport.waited

    @property
    def quota_left(self) -> QuotaLeft | None:
        """What is left of the quota for reads; `None` while no limit is known."""
        return self._transport.quota_left(UsageGroup.LIGHT)

    def message_pages(
        self,
        window: Window,
        wanted: MessageFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        concurrency: int = 1,
        find_unknown: bool = False,
    ) -> Iterator[Page[Message]]:
        """The messages created in a window, page by page, in no particular order.

        :param per_page: records in a page, 1 to 1000 (default).
        :param on_invalid: `fail` (default) raises `InvalidRecord` for a record that cannot be read, `quarantine` puts
            it into the page's rejects.
        :param concurrency: 1 (default) reads one page after the other. With 2 to 16, where the quota allows several
            requests in the time that one takes, the window is cut into slices and this many of them are read at once,
            or up to twice as many if part of the quota would otherwise be unused. A slice costs at most one request
            more than reading in sequence, and so does the first page, by which the slices are cut.
        :param find_unknown: also find fields that this version does not know: the page's `unknown_fields` has their
            names, each record's `extra` their values. Records may then be of a subtype. By default they are ignored.
        """

        def read(part: Window) -> Iterator[Page[Message]]:
            parameters = {**part.as_parameters(), **(wanted or MessageFilter()).as_parameters()}
            return with_coverage(self._list("/messages", parameters, per_page, on_invalid, decode), part)

        decode = page_decoder(Message, find_unknown=find_unknown)
        check_concurrency(concurrency)
        if concurrency == 1:
            return read(window)
        return read_in_slices(
            read, window, per_page=per_page, count_readers=lambda: count_readers(self._transport, concurrency)
        )

    def iter_messages(
        self, window: Window, wanted: MessageFilter | None = None, *, per_page: int = MAX_PER_PAGE
    ) -> Iterator[Message]:
        """The messages created in a window, one by one; one page is in memory at a time."""
        return iter_records(self.message_pages(window, wanted, per_page=per_page))

    def get_message(self, message_id: str) -> Message:
        """A message with its text.

        :raises NotFound: it does not exist.
        """
        path = f"/messages/{_in_path('message id', message_id)}"
        return self._read(path, {}, lambda body: decode_record(body, Message))

    def batch_pages(
        self,
        window: Window,
        wanted: BatchFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        find_unknown: bool = False,
    ) -> Iterator[Page[Batch]]:
        """The batches created in a window, page by page. Arguments are those of `message_pages`."""
        parameters = {**window.as_parameters(), **(wanted or BatchFilter()).as_parameters()}
        decode = page_decoder(Batch, find_unknown=find_unknown)
        return with_coverage(self._list("/batches", parameters, per_page, on_invalid, decode), window)

    def iter_batches(
        self, window: Window, wanted: BatchFilter | None = None, *, per_page: int = MAX_PER_PAGE
    ) -> Iterator[Batch]:
        """The batches created in a window, one by one."""
        return iter_records(self.batch_pages(window, wanted, per_page=per_page))

    def get_batch(self, batch_id: str) -> Batch:
        """A batch.

        :raises NotFound: it does not exist.
        """
        path = f"/batches/{_in_path('batch id', batch_id)}"
        return self._read(path, {}, lambda body: decode_record(body, Batch))

    def get_statuses(self, window: Window, wanted: StatusFilter | None = None) -> StatusTotals:
        """How many messages created in a window have each status, and what they cost."""
        parameters = {**window.as_parameters(), **(wanted or StatusFilter()).as_parameters()}
        return self._read("/statuses", parameters, decode_statuses)

    def opt_out_pages(
        self,
        wanted: OptOutFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        find_unknown: bool = False,
    ) -> Iterator[Page[OptOut]]:
        """The present opt-outs, page by page; they have no window. Arguments are those of `message_pages`."""
        parameters = (wanted or OptOutFilter()).as_parameters()
        return self._list(
            "/opt-outs", parameters, per_page, on_invalid, page_decoder(OptOut, find_unknown=find_unknown)
        )

    def iter_opt_outs(self, wanted: OptOutFilter | None = None, *, per_page: int = MAX_PER_PAGE) -> Iterator[OptOut]:
        """The present opt-outs, one by one."""
        return iter_records(self.opt_out_pages(wanted, per_page=per_page))

    def window_of_batch(self, batch_id: str, *, now: datetime | None = None) -> Window:
        """The window from the creation of a batch to now, in which its messages are.

        Without dates the service would read the last 24 hours only, even with a batch id (RingCentral: dateFrom).

        :param now: aware; the present by default.
        :raises NotFound: the batch does not exist.
        """
        batch = self.get_batch(batch_id)
        if batch.status != "Completed":
            log.warning(
                "Batch %s is %s: %s of %s messages processed. Messages that follow later are not read now.",
                batch_id, batch.status, batch.processed_count, batch.batch_size,
            )  # fmt: skip
        now = now or datetime.now(UTC)
        return Window(batch.creation_time, max(now, batch.creation_time + timedelta(seconds=1)))

    def __enter__(self) -> MessageStoreClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _list(
        self, path: str, parameters: Parameters, per_page: int, on_invalid: OnInvalid, decode: DecodePage[RecordT]
    ) -> Iterator[Page[RecordT]]:
        check_per_page(per_page)
        check_choice("on_invalid", on_invalid, get_args(OnInvalid))

        def fetch(page_token: str | None) -> Page[RecordT]:
            token = {} if page_token is None else {"pageToken": page_token}
            query = {**parameters, "perPage": per_page, **token}
            return self._read(path, query, decode)

        pages = follow_pages(path, fetch)
        return pages if on_invalid == "quarantine" else fail_on_rejects(pages)

    def _read(self, path: str, parameters: Parameters, decode: Callable[[bytes], ResultT]) -> ResultT:
        def send(auth: AuthBase) -> ResultT:
            request = Request("GET", self._root + path, auth, UsageGroup.LIGHT, parameters)

            def accept(response: Response) -> ResultT:
                raise_for_refusal(request, response)
                return decode(response.body)

            return self._transport.exchange(request, accept)

        return self._session.with_token(send)


@functools.cache
def _quota_of(credentials: Credentials, share: float) -> Quota:  # noqa: ARG001 - part of the cache's key
    return Quota(share=share)


@functools.cache
def _session_of(
    credentials: Credentials, limits: TimeLimits, quota_share: float, token_store: TokenStore | None
) -> Session:
    transport = Transport(credentials.server, quota=_quota_of(credentials, quota_share), limits=limits)
    return Session(credentials, transport, token_store=token_store, max_renewals=min(MAX_RENEWALS, limits.tries - 1))


def _close(transport: Transport, session: Session) -> None:
    transport.close()
    session.remove_client()


def _in_path(name: str, value: str) -> str:
    check_id(name, value)
    return quote(value, safe="~")
