"""Credentials -> access token: one login at a time, renewed in time, revoked at the end."""

from __future__ import annotations

import dataclasses
import ipaddress
import logging
import re
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from airflow_provider_hvsms.api.errors import HvsmsError, InvalidSettings, LoginRefused, SessionEnded
from airflow_provider_hvsms.api.quota import UsageGroup
from airflow_provider_hvsms.api.transport import Answer, Request, Transport

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

# A token is renewed this long before it expires, but short-lived ones not before nine tenths of their life.
_RENEWAL_MARGIN = 60.0
_RENEWAL_MARGIN_SHARE = 0.1

_SERVER_REMEDY = (
    ": the connection's host must be a scheme, a host and perhaps a port, such as https://platform.ringcentral.com."
)


@dataclasses.dataclass(frozen=True)
class JwtGrant:
    """A server's own login (RingCentral: JWT auth flow)."""

    jwt_token: str = dataclasses.field(repr=False)

    def as_form(self) -> dict[str, str]:
        return {"grant_type": _JWT_GRANT, "assertion": self.jwt_token}

    @property
    def remedy(self) -> str:
        return "jwt_token in the connection's extra is not valid for this app: it was mistyped, revoked or has expired"


@dataclasses.dataclass(frozen=True)
class PasswordGrant:
    """A user's login with a password: the older way, closed for many apps.

    :param extension: empty for the company's main administrator.
    """

    username: str = dataclasses.field(repr=False)
    extension: str
    user_password: str = dataclasses.field(repr=False)

    def as_form(self) -> dict[str, str]:
        form = {
            "grant_type": "password",
            "username": self.username,
            "extension": self.extension,
            "password": self.user_password,
        }
        return {name: value for name, value in form.items() if value}

    @property
    def remedy(self) -> str:
        return "username, extension or user_password in the connection's extra is wrong"


@dataclasses.dataclass(frozen=True)
class Credentials:
    """Who logs in, and where.

    :param server: scheme, host and port, such as `https://platform.ringcentral.com`. A host alone means https;
        plain http is for loopback only.
    :param client_id: the app.
    :param client_secret: the app's secret.
    :param grant: the user.
    :raises InvalidSettings: a part is missing or cannot be used.
    """

    server: str
    client_id: str
    client_secret: str = dataclasses.field(repr=False)
    grant: JwtGrant | PasswordGrant

    def __post_init__(self) -> None:
        object.__setattr__(self, "server", _checked_server(self.server))
        for name, field in (("client_id", "login"), ("client_secret", "password")):
            if not getattr(self, name):
                raise InvalidSettings(f"The {name.replace('_', ' ')} is missing: set the connection's {field}.")
            if not getattr(self, name).isascii():
                raise InvalidSettings(
                    f"The {name.replace('_', ' ')} holds a character that none has, perhaps from copying it: "
                    f"mend the connection's {field}."
                )


class Login:
    """The session of one user and app, shared by all threads that read with it.

    :param transport: reaches the server.
    :param clock: seconds that only go forward.
    """

    def __init__(
        self, credentials: Credentials, transport: Transport, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._credentials = credentials
        self._transport = transport
        self._clock = clock
        # Re-entrant: a client that is collected while its thread logs in leaves from within.
        self._renewing = threading.RLock()
        self._users = 0
        self._session: _Session | None = None
        self._refused: LoginRefused | None = None

    def join(self) -> None:
        """Count one more user of the session. It logs in at the first call, not here."""
        with self._renewing:
            if self._users == 0:
                self._refused = None
            self._users += 1

    def leave(self) -> None:
        """Count one user less; the last one ends the session at the service.

        A failure to end it is only noted, and if there is no quota for it, nothing is sent: an unused session ends by
        itself.
        """
        with self._renewing:
            self._users -= 1
            if self._users or self._session is None:
                return
            session, self._session = self._session, None
        try:
            self._transport.send_if_free(self._request("/restapi/oauth/revoke", {"token": session.access_token}))
        except HvsmsError as error:
            log.debug("The session could not be revoked: %s", error)
        finally:
            self._transport.close()

    def with_token(self, call: Callable[[AuthBase], ResultT]) -> ResultT:
        """Make a call with the session's token; if the service refuses it (401), once more with a new one.

        :raises LoginRefused: wrong credentials, found once and not tried again.
        :raises SessionEnded: the new token was refused as well.
        """
        token = self._token()
        try:
            return call(_Bearer(token))
        except SessionEnded:
            log.info("The service no longer accepts the access token (401): logging in again.")
        token = self._token(refused=token)
        try:
            return call(_Bearer(token))
        except SessionEnded as error:
            raise SessionEnded(
                f"{error} A token just issued was refused: about five sessions of one user and app may live at a "
                "time, and each further login ends the oldest. Run fewer tasks at once with this connection, or "
                "give each program an app or user of its own."
            ) from error

    def _token(self, *, refused: str | None = None) -> str:
        with self._renewing:
            if self._refused:
                raise self._refused
            session = self._session
            if session is None or session.access_token == refused:
                session = self._log_in()
            elif self._clock() >= session.renew_at:
                session = self._refresh(session)
            self._session = session
            return session.access_token

    def _log_in(self) -> _Session:
        try:
            return self._ask_for_token(self._credentials.grant.as_form())
        except LoginRefused as error:
            self._refused = error
            raise

    def _refresh(self, session: _Session) -> _Session:
        if session.refresh_token is None:
            return self._log_in()
        try:
            return self._ask_for_token({"grant_type": "refresh_token", "refresh_token": session.refresh_token})
        except LoginRefused:
            log.info("The session can no longer be refreshed: logging in again.")
            return self._log_in()

    def _ask_for_token(self, form: dict[str, str]) -> _Session:
        request = self._request("/restapi/oauth/token", form)
        asked_at = self._clock()

        def accept(answer: Answer) -> _Session:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise LoginRefused(self._explain(request, answer))
            return _Session.issued(msgspec.json.decode(answer.body, type=_TokenAnswer), asked_at)

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


@dataclasses.dataclass(frozen=True)
class _Session:
    access_token: str = dataclasses.field(repr=False)
    refresh_token: str | None = dataclasses.field(repr=False)
    renew_at: float

    @classmethod
    def issued(cls, answer: _TokenAnswer, asked_at: float) -> _Session:
        margin = min(_RENEWAL_MARGIN, answer.expires_in * _RENEWAL_MARGIN_SHARE)
        return cls(answer.access_token, answer.refresh_token, asked_at + answer.expires_in - margin)


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str | None = None


class _Bearer(AuthBase):
    """As an `auth` object rather than a header: otherwise `requests` would prefer what a `.netrc` says."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _checked_server(server: str) -> str:
    address = server.strip().rstrip("/")
    if not address:
        raise InvalidSettings("The server is missing: set the connection's host, or leave it out for the default.")
    shown = address.rpartition("@")[2]  # what stands before it may be a password
    parts = urlsplit(address if "://" in address else f"https://{address}")
    if parts.scheme not in ("http", "https") or not re.fullmatch(
        r"[\w.-]+(:\d+)?|\[[\da-fA-F:.]+](:\d+)?", parts.netloc
    ):
        raise InvalidSettings(f"{shown!r} is not a server{_SERVER_REMEDY}")
    if parts.path or parts.query or parts.fragment:
        raise InvalidSettings(f"{shown!r} has a path behind the server{_SERVER_REMEDY}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise InvalidSettings(
            f"Plain http would show the token to anybody on the way to {parts.netloc}: use https in the "
            "connection's host. Http is for loopback addresses only."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
