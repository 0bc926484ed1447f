"""The reads of the message store and their pages."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

import msgspec
from requests.auth import AuthBase

from airflow_provider_hvsms.api.auth import Credentials, Login
from airflow_provider_hvsms.api.errors import UnexpectedAnswer
from airflow_provider_hvsms.api.filters import MOST_PER_PAGE, MessageFilter, check_id, check_per_page
from airflow_provider_hvsms.api.quota import Quota, UsageGroup
from airflow_provider_hvsms.api.records import Message, Page, decode_page, decode_record
from airflow_provider_hvsms.api.transport import (
    Answer,
    Parameters,
    Request,
    TimeLimits,
    Transport,
    raise_for_refusal,
)
from airflow_provider_hvsms.api.window import Window

RecordT = TypeVar("RecordT", bound=msgspec.Struct)
ResultT = TypeVar("ResultT")


def connect(credentials: Credentials, *, account_id: str = "~", limits: TimeLimits | None = None) -> MessageStoreClient:
    """A client of the store. All clients of one user in a process share one login and one quota.

    Nothing is sent before the first read.
    """
    limits = limits or TimeLimits()
    transport = Transport(credentials.server, quota=_quota_of(credentials), limits=limits)
    return MessageStoreClient(transport, _login_of(credentials, limits), account_id=account_id)


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
        self, window: Window, wanted: MessageFilter | None = None, *, per_page: int = MOST_PER_PAGE
    ) -> Iterator[Page[Message]]:
        """Messages created in a window, page by page, with no promise of order.

        :param per_page: records a page, 1 to 1000.
        """
        check_per_page(per_page)
        parameters = {**window.as_parameters(), **(wanted or MessageFilter()).as_parameters()}
        return self._pages("/messages", parameters, per_page, Message)

    def iter_messages(
        self, window: Window, wanted: MessageFilter | None = None, *, per_page: int = MOST_PER_PAGE
    ) -> Iterator[Message]:
        """Messages created in a window, one by one; one page is in memory at a time."""
        for page in self.message_pages(window, wanted, per_page=per_page):
            yield from page.records

    def get_message(self, message_id: str) -> Message:
        """One message, with its text."""
        path = f"/messages/{_in_path('message id', message_id)}"
        return self._read(path, {}, lambda body: decode_record(body, Message))

    def __enter__(self) -> MessageStoreClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pages(
        self, path: str, parameters: Parameters, per_page: int, record_type: type[RecordT]
    ) -> Iterator[Page[RecordT]]:
        asked = {**parameters, "perPage": per_page}
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
def _quota_of(credentials: Credentials) -> Quota:  # noqa: ARG001 - the key of the cache
    return Quota()


@functools.cache
def _login_of(credentials: Credentials, limits: TimeLimits) -> Login:
    return Login(credentials, Transport(credentials.server, quota=_quota_of(credentials), limits=limits))


def _leave(transport: Transport, login: Login) -> None:
    login.leave()
    transport.close()


def _in_path(name: str, value: str) -> str:
    check_id(name, value)
    return quote(value, safe="~")
