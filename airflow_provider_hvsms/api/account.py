"""The message store of one account: its requests, each with the session's token."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TypeVar, get_args
from urllib.parse import quote

from requests.auth import AuthBase

from airflow_provider_hvsms.api.auth.session import Session
from airflow_provider_hvsms.api.decoding import DecodePage
from airflow_provider_hvsms.api.filters import OnInvalid, Parameters, check_choice, check_id, check_per_page
from airflow_provider_hvsms.api.listing import fail_on_rejects, follow_pages
from airflow_provider_hvsms.api.quota.quota import UsageGroup
from airflow_provider_hvsms.api.records import Page, RecordT
from airflow_provider_hvsms.api.request import Request
from airflow_provider_hvsms.api.response import Response
from airflow_provider_hvsms.api.status_codes import raise_for_refusal
from airflow_provider_hvsms.api.transport import Transport

ResultT = TypeVar("ResultT")

Decode = Callable[[bytes], ResultT]
"""Turns the body of a success into a result."""


class Account:
    """Sends the requests for one account. Close it.

    :param transport: sends the requests.
    :param session: provides access tokens.
    :param account_id: `~` for the account of the user who logs in.
    """

    def __init__(self, transport: Transport, session: Session, account_id: str) -> None:
        self._root = f"/restapi/v1.0/account/{in_path('account_id', account_id)}/a2p-sms"
        self._transport = transport
        self._session = session
        session.add_client()
        # Also ends the session if it was not closed, once neither the client nor a read of it is in use.
        self.close = weakref.finalize(self, _close, transport, session)

    def read(self, path: str, parameters: Parameters, decode: Decode[ResultT]) -> ResultT:
        """Read a resource, with retries."""

        def send(auth: AuthBase) -> ResultT:
            request = Request("GET", self._root + path, auth, UsageGroup.LIGHT, parameters)
            return self._transport.exchange(request, lambda response: _accept(request, response, decode))

        return self._session.with_token(send)

    def pages(
        self, path: str, parameters: Parameters, per_page: int, on_invalid: OnInvalid, decode: DecodePage[RecordT]
    ) -> Iterator[Page[RecordT]]:
        """Read a listing page by page."""
        check_per_page(per_page)
        check_choice("on_invalid", on_invalid, get_args(OnInvalid))

        def fetch(page_token: str | None) -> Page[RecordT]:
            token = {} if page_token is None else {"pageToken": page_token}
            query = {**parameters, "perPage": per_page, **token}
            return self.read(path, query, decode)

        pages = follow_pages(path, fetch)
        return pages if on_invalid == "quarantine" else fail_on_rejects(pages)

    def change(self, path: str, body: bytes, decode: Decode[ResultT], *, before_sending: Callable[[], None]) -> ResultT:
        """Send a request that changes something. It is repeated only where nothing can have been changed.

        :param body: JSON.
        :param before_sending: called each time right before the request leaves.
        :raises OutcomeUnknown: it is open whether the change was carried out.
        """

        def send(auth: AuthBase) -> ResultT:
            request = Request("POST", self._root + path, auth, UsageGroup.LIGHT, json=body)
            return self._transport.exchange_once(
                request, lambda response: _accept(request, response, decode), before_sending=before_sending
            )

        return self._session.with_token(send)


def in_path(name: str, value: str) -> str:
    """An id as a segment of a path.

    :raises InvalidRequest: the value cannot be an id.
    """
    check_id(name, value)
    return quote(value, safe="~")


def _close(transport: Transport, session: Session) -> None:
    transport.close()
    session.remove_client()


def _accept(request: Request, response: Response, decode: Decode[ResultT]) -> ResultT:
    raise_for_refusal(request, response)
    return decode(response.body)
