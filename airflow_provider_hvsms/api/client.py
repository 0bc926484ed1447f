"""The reads of the message store and their pages."""

from __future__ import annotations

import functools
import itertools
import logging
import math
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TypeVar, get_args
from urllib.parse import quote

import msgspec
from requests.auth import AuthBase

from airflow_provider_hvsms.api.auth.credentials import Credentials
from airflow_provider_hvsms.api.auth.session import MOST_RENEWALS, Login
from airflow_provider_hvsms.api.auth.shared_session import TokenStore
from airflow_provider_hvsms.api.delivered import Delivered, Rest
from airflow_provider_hvsms.api.errors import InvalidRecord, PageTokenExpired, UnexpectedAnswer
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
from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup
from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.api.records import (
    Batch,
    Message,
    OptOut,
    Page,
    StatusTotals,
    decode_page,
    decode_record,
    decode_statuses,
)
from airflow_provider_hvsms.api.slices import Slices, page_length
from airflow_provider_hvsms.api.transport import (
    Answer,
    Request,
    TimeLimits,
    Transport,
    raise_for_refusal,
)
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)

_QUICK = 0.1
"""Seconds. Pages that come sooner are fetched about as fast as they are used, so one at a time is enough."""

_MAX_RESTARTS = 3
"""Times that a listing is read again from its first page because a page token expired."""

_MIN_PAGES_TO_CUT = 5
_SPARE_READERS = 1.5

RecordT = TypeVar("RecordT", bound=msgspec.Struct)
ResultT = TypeVar("ResultT")


def connect(
    credentials: Credentials,
    *,
    account_id: str = "~",
    limits: TimeLimits | None = None,
    quota_share: float = 1.0,
    token_store: TokenStore | None = None,
) -> MessageStoreClient:
    """A client of the store. All clients in a process that were made with the same arguments share login and quota.

    Nothing is sent before the first read.

    :param account_id: `~` for the account of the user who logs in.
    :param quota_share: the part of the quota that may be used, above 0 and up to 1 (default). Clients of one user with
        different shares know of each other only what the service's headers tell, as different programs do.
    :param token_store: shares the login with other processes too; `None` (default): each process logs in for itself.
    """
    limits = limits or TimeLimits()
    transport = Transport(credentials.server, quota=_quota_of(credentials, quota_share), limits=limits)
    login = _login_of(credentials, limits, quota_share, token_store)
    return MessageStoreClient(transport, login, account_id=account_id)


class MessageStoreClient:
    """Reads one account's message store. Usable from several threads; close it, or use it in a `with` block.

    :param account_id: `~` for the account of the user who logs in.
    """

    def __init__(self, transport: Transport, login: Login, *, account_id: str = "~") -> None:
        self._store = f"/restapi/v1.0/account/{_in_path('account_id', account_id)}/a2p-sms"
        self._transport = transport
        self._login = login
        login.join()
        # Also ends the session of a client that was forgotten, when it is collected or the process exits.
        self.close = weakref.finalize(self, _leave, transport, login)

    @property
    def requests(self) -> int:
        """Requests sent by this client, repeated ones too, logins not."""
        return self._transport.requests

    @property
    def waited(self) -> float:
        """Seconds that this client's requests waited for quota."""
        return self._transport.waited

    def message_pages(
        self,
        window: Window,
        wanted: MessageFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        concurrency: int = 1,
    ) -> Iterator[Page[Message]]:
        """Messages created in a window, page by page, with no promise of order.

        :param per_page: records a page, 1 to 1000.
        :param on_invalid: `fail` raises for a record that cannot be read, `quarantine` leaves it in the page's rejects.
        :param concurrency: 1 (default) reads one page after the other. More: where the quota allows several requests in
            the time that one takes, the window is cut into spans, and so many of them are read at once, or up to twice
            as many where the quota would not be used otherwise. A span costs one more request at most, and so does the
            page that shows how to cut.
        """

        def read(span: Window) -> Iterator[Page[Message]]:
            parameters = {**span.as_parameters(), **(wanted or MessageFilter()).as_parameters()}
            return self._pages("/messages", parameters, per_page, on_invalid, Message)

        check_concurrency(concurrency)
        return read(window) if concurrency == 1 else self._at_once(read, window, per_page, concurrency)

    def iter_messages(
        self, window: Window, wanted: MessageFilter | None = None, *, per_page: int = MAX_PER_PAGE
    ) -> Iterator[Message]:
        """Messages created in a window, one by one; one page is in memory at a time."""
        return _records(self.message_pages(window, wanted, per_page=per_page))

    def get_message(self, message_id: str) -> Message:
        """One message, with its text."""
        path = f"/messages/{_in_path('message id', message_id)}"
        return self._read(path, {}, lambda body: decode_record(body, Message))

    def batch_pages(
        self,
        window: Window,
        wanted: BatchFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
    ) -> Iterator[Page[Batch]]:
        """Batches created in a window, page by page; otherwise as `message_pages`."""
        parameters = {**window.as_parameters(), **(wanted or BatchFilter()).as_parameters()}
        return self._pages("/batches", parameters, per_page, on_invalid, Batch)

    def iter_batches(
        self, window: Window, wanted: BatchFilter | None = None, *, per_page: int = MAX_PER_PAGE
    ) -> Iterator[Batch]:
        """Batches created in a window, one by one."""
        return _records(self.batch_pages(window, wanted, per_page=per_page))

    def get_batch(self, batch_id: str) -> Batch:
        """One batch."""
        path = f"/batches/{_in_path('batch id', batch_id)}"
        return self._read(path, {}, lambda body: decode_record(body, Batch))

    def get_statuses(self, window: Window, wanted: StatusFilter | None = None) -> StatusTotals:
        """How many messages created in a window have which status, and what they cost."""
        parameters = {**window.as_parameters(), **(wanted or StatusFilter()).as_parameters()}
        return self._read("/statuses", parameters, decode_statuses)

    def opt_out_pages(
        self,
        wanted: OptOutFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
    ) -> Iterator[Page[OptOut]]:
        """Opt-outs of today, page by page; they have no window."""
        return self._pages("/opt-outs", (wanted or OptOutFilter()).as_parameters(), per_page, on_invalid, OptOut)

    def iter_opt_outs(self, wanted: OptOutFilter | None = None, *, per_page: int = MAX_PER_PAGE) -> Iterator[OptOut]:
        """Opt-outs of today, one by one."""
        return _records(self.opt_out_pages(wanted, per_page=per_page))

    def window_of_batch(self, batch_id: str, *, now: datetime | None = None) -> Window:
        """From the creation of a batch to now: where its messages are.

        Without dates the service would take the last 24 hours, also beside a batch id.
        """
        batch = self.get_batch(batch_id)
        if batch.status != "Completed":
            log.warning(
                "Batch %s is %s: %s of %s processed. What follows later is not read now.",
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

    def _at_once(
        self, read: Callable[[Window], Iterator[Page[Message]]], window: Window, per_page: int, concurrency: int
    ) -> Iterator[Page[Message]]:
        """Read one page; then go on from there, or begin anew in several spans if that is sooner done."""
        pages = read(window)
        first = next(pages)
        readers = self._useful_readers(concurrency)
        if readers == 1 or window.length < _MIN_PAGES_TO_CUT * page_length(window, first, per_page):
            yield first
            yield from pages
            return
        log.info("Reading %d spans of the window at once.", readers)
        spans = Slices(window, first, per_page=per_page, readers=readers)
        yield from read_ahead([spans.pages(read) for _ in range(readers)])

    def _useful_readers(self, concurrency: int) -> int:
        """As many as the quota has requests for in the time that one takes, and some more, as spans end unevenly."""
        fitting = self._transport.requests_in_the_time_of_one(UsageGroup.LIGHT)
        if fitting <= 1 or self._transport.seconds_a_request < _QUICK:
            return 1
        return math.ceil(min(2 * concurrency, _SPARE_READERS * fitting))

    def _pages(
        self, path: str, parameters: Parameters, per_page: int, on_invalid: OnInvalid, record_type: type[RecordT]
    ) -> Iterator[Page[RecordT]]:
        check_per_page(per_page)
        check_choice("on_invalid", on_invalid, get_args(OnInvalid))
        pages = self._follow(path, {**parameters, "perPage": per_page}, record_type)
        return pages if on_invalid == "quarantine" else _without_rejects(pages)

    def _follow(self, path: str, parameters: Parameters, record_type: type[RecordT]) -> Iterator[Page[RecordT]]:
        """All pages; when a page token expires, again from the first page on, without what was delivered before."""
        delivered = Delivered()
        rest: Rest | None = None
        for restart in itertools.count(1):
            try:
                for page in self._follow_once(path, parameters, record_type):
                    new = rest.of(page) if rest else page
                    delivered.add(new)
                    yield new
            except PageTokenExpired as error:
                if restart > _MAX_RESTARTS:
                    raise
                log.warning("%s Reading again from the first page, restart %d of %d.", error, restart, _MAX_RESTARTS)
                rest = delivered.rest()
            else:
                return

    def _follow_once(self, path: str, parameters: Parameters, record_type: type[RecordT]) -> Iterator[Page[RecordT]]:
        asked = dict(parameters)
        seen: set[str] = set()
        while True:
            page = self._read(path, asked, lambda body: decode_page(body, record_type))
            yield page
            token = page.next_page_token
            if token is None:
                return
            if token in seen:
                raise UnexpectedAnswer(
                    f"{path}: after {len(seen) + 1} pages the service sent a page token for the second time, so its "
                    "pages go round in a circle. Nothing more was read; run it again."
                )
            seen.add(token)
            asked["pageToken"] = token

    def _read(self, path: str, parameters: Parameters, decode: Callable[[bytes], ResultT]) -> ResultT:
        def call(auth: AuthBase) -> ResultT:
            request = Request("GET", self._store + path, auth, UsageGroup.LIGHT, parameters)

            def accept(answer: Answer) -> ResultT:
                raise_for_refusal(request, answer)
                return decode(answer.body)

            return self._transport.exchange(request, accept)

        return self._login.with_token(call)


@functools.cache
def _quota_of(credentials: Credentials, share: float) -> Quota:  # noqa: ARG001 - part of the cache's key
    return Quota(share=share)


@functools.cache
def _login_of(
    credentials: Credentials, limits: TimeLimits, quota_share: float, token_store: TokenStore | None
) -> Login:
    transport = Transport(credentials.server, quota=_quota_of(credentials, quota_share), limits=limits)
    return Login(credentials, transport, store=token_store, renewals=min(MOST_RENEWALS, limits.tries - 1))


def _without_rejects(pages: Iterator[Page[RecordT]]) -> Iterator[Page[RecordT]]:
    for page in pages:
        if page.rejects:
            raise InvalidRecord(f"{page.rejects[0].reason}. {len(page.rejects)} of its page cannot be read.")
        yield page


def _records(pages: Iterator[Page[RecordT]]) -> Iterator[RecordT]:
    for page in pages:
        yield from page.records


def _leave(transport: Transport, login: Login) -> None:
    transport.close()
    login.leave()


def _in_path(name: str, value: str) -> str:
    check_id(name, value)
    return quote(value, safe="~")
