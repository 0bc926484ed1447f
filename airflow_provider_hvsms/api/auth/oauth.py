"""The OAuth calls of the service: they issue, refresh and revoke tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from requests.auth import HTTPBasicAuth

from airflow_provider_hvsms.api.auth.credentials import Credentials
from airflow_provider_hvsms.api.errors import LoginRefused
from airflow_provider_hvsms.api.quota.quota import UsageGroup
from airflow_provider_hvsms.api.request import Request
from airflow_provider_hvsms.api.response import Response
from airflow_provider_hvsms.api.status_codes import raise_unless_from_service
from airflow_provider_hvsms.api.transport import Transport

# A token is renewed a minute before it expires, a short-lived one after nine tenths of its lifetime.
_RENEWAL_MARGIN = 60.0
_RENEWAL_MARGIN_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Token:
    """An access token. Times are in seconds, of the clock of the process that obtained it.

    :param refresh_token: obtains a new token once, and ends this one.
    :param renew_at: from then on the token is renewed before it is used.
    :param expires_at: from then on the service refuses it.
    """

    access_token: str = dataclasses.field(repr=False)
    refresh_token: str | None = dataclasses.field(repr=False)
    renew_at: float
    expires_at: float


class OAuth:
    """The OAuth calls for one app and user.

    :param clock: seconds that never go back.
    """

    def __init__(self, credentials: Credentials, transport: Transport, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._transport = transport
        self._clock = clock

    def log_in(self) -> Token:
        """Obtain a token with the credentials.

        :raises LoginRefused: the service rejects them.
        """
        return self._obtain(self._credentials.grant.as_form())

    def refresh(self, refresh_token: str) -> Token:
        """Obtain a token with the refresh token of another.

        :raises LoginRefused: the refresh token was used, or has expired.
        """
        return self._obtain({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def revoke(self, token: Token) -> None:
        """End a token, if the quota has room for the request now."""
        self._transport.send_if_free(self._request("/restapi/oauth/revoke", {"token": token.access_token}))

    def _obtain(self, form: dict[str, str]) -> Token:
        request = self._request("/restapi/oauth/token", form)
        sent_at = self._clock()

        def accept(response: Response) -> Token:
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise_unless_from_service(request, response)
                raise LoginRefused(self._explain(request, response))
            return msgspec.json.decode(response.body, type=_TokenResponse).as_token(sent_at)

        return self._transport.exchange(request, accept)

    def _request(self, path: str, form: dict[str, str]) -> Request:
        client = HTTPBasicAuth(self._credentials.client_id, self._credentials.client_secret)
        return Request("POST", path, client, UsageGroup.AUTH, form=form)

    def _explain(self, request: Request, response: Response) -> str:
        remedies = {
            "invalid_client": "the client id (the connection's login) or the client secret (its password) is wrong, "
            "or belongs to another server",
            "invalid_grant": self._credentials.grant.remedy,
            "unauthorized_client": "the app may not use this grant: allow it in the app's settings, or use the other "
            "one in the connection's extra (jwt_token, or username, extension and user_password)",
        }
        default = "invalid_client" if response.status == HTTPStatus.UNAUTHORIZED else "invalid_grant"
        remedy = remedies.get(response.error.error or default, remedies[default])
        return f"{request}: {self._credentials.server} refused the login: {response}. Correct the connection: {remedy}."


class _TokenResponse(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str | None = None

    def as_token(self, sent_at: float) -> Token:
        expires_at = sent_at + self.expires_in
        margin = min(_RENEWAL_MARGIN, self.expires_in * _RENEWAL_MARGIN_SHARE)
        return Token(self.access_token, self.refresh_token, expires_at - margin, expires_at)
