"""The service's OAuth: gives sessions and ends them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import msgspec
from requests.auth import HTTPBasicAuth

from airflow_provider_hvsms.api.auth.credentials import Credentials
from airflow_provider_hvsms.api.auth.shared_session import Session
from airflow_provider_hvsms.api.errors import LoginRefused
from airflow_provider_hvsms.api.quota.quota import UsageGroup
from airflow_provider_hvsms.api.transport import Answer, Request, Transport, raise_unless_from_service

# A token is renewed this long before it expires, but short-lived ones not before nine tenths of their life.
_RENEWAL_MARGIN = 60.0
_RENEWAL_MARGIN_SHARE = 0.1


class TokenEndpoint:
    """The service's OAuth: gives sessions and ends them."""

    def __init__(self, credentials: Credentials, transport: Transport, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._transport = transport
        self._clock = clock

    def log_in(self) -> Session:
        return self._ask(self._credentials.grant.as_form())

    def refresh(self, refresh_token: str) -> Session:
        return self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def revoke(self, session: Session) -> None:
        self._transport.send_if_free(self._request("/restapi/oauth/revoke", {"token": session.access_token}))

    def _ask(self, form: dict[str, str]) -> Session:
        request = self._request("/restapi/oauth/token", form)
        asked_at = self._clock()

        def accept(answer: Answer) -> Session:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise_unless_from_service(request, answer)
                raise LoginRefused(self._explain(request, answer))
            return msgspec.json.decode(answer.body, type=_TokenAnswer).as_session(asked_at)

        return self._transport.exchange(request, accept)

    def _request(self, path: str, form: dict[str, str]) -> Request:
        client = HTTPBasicAuth(self._credentials.client_id, self._credentials.client_secret)
        return Request("POST", path, client, UsageGroup.AUTH, form=form)

    def _explain(self, request: Request, answer: Answer) -> str:
        remedies = {
            "invalid_client": "the client id (the connection's login) or the client secret (its password) is wrong, "
            "or belongs to another server",
            "invalid_grant": self._credentials.grant.remedy,
            "unauthorized_client": "the app may not use this way to log in: allow it in the app's settings, or fill "
            "in jwt_token instead of username, extension and user_password, or the other way round",
        }
        by_status = "invalid_client" if answer.status == HTTPStatus.UNAUTHORIZED else "invalid_grant"
        remedy = remedies.get(answer.error.error or by_status, remedies[by_status])
        return f"{request}: {self._credentials.server} refused the login: {answer}. Mend the connection: {remedy}."


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str | None = None

    def as_session(self, asked_at: float) -> Session:
        margin = min(_RENEWAL_MARGIN, self.expires_in * _RENEWAL_MARGIN_SHARE)
        expires_at = asked_at + self.expires_in
        return Session(self.access_token, self.refresh_token, expires_at - margin, expires_at)
