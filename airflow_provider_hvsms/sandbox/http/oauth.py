"""The OAuth endpoints: logins, sessions and their tokens."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from airflow_provider_hvsms.sandbox.data.phone_numbers import without_plus
from airflow_provider_hvsms.sandbox.http.counters import Counters
from airflow_provider_hvsms.sandbox.http.quota import Quota
from airflow_provider_hvsms.sandbox.http.response import (
    HttpError,
    Response,
    error_response,
    invalid_token,
    oauth_error,
    too_many_requests,
)
from airflow_provider_hvsms.sandbox.settings import JWT_GRANT, PASSWORD_GRANT, REFRESH_GRANT, Settings

_FORM = "application/x-www-form-urlencoded"
_MIN_TOKEN_TTL, _MAX_TOKEN_TTL = 600, 3600


@dataclass(frozen=True, slots=True)
class Session:
    """An OAuth session; times are seconds since the epoch."""

    access_token: str
    access_until: float
    refresh_token: str
    refresh_until: float
    endpoint_id: str


class OAuth:
    """The OAuth endpoints and the check of access tokens, for one app and one user."""

    def __init__(self, settings: Settings, clock: Callable[[], float], counters: Counters) -> None:
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._quota = Quota("auth", settings.auth, settings.window, settings.penalty, clock)
        self._lock = Lock()
        self._sessions: list[Session] = []

    @property
    def sessions(self) -> list[Session]:
        """The open sessions, oldest first."""
        with self._lock:
            return list(self._sessions)

    def token(self, content_type: str, authorization: str, form: Mapping[str, str]) -> Response:
        """Respond to ``POST /restapi/oauth/token``."""
        response = self._within_quota(content_type, authorization, lambda: self._grant(form))
        if response.status not in (200, 429):
            self._counters.count_failed_login()
        return response

    def revoke(self, content_type: str, authorization: str, form: Mapping[str, str]) -> Response:
        """Respond to ``POST /restapi/oauth/revoke``: end the session that has the token."""
        return self._within_quota(content_type, authorization, lambda: self._end_session(form))

    def uncounted(self, response: Response) -> Response:
        """Return a response with the headers of the quota that its request was not counted in."""
        quota = self._quota.peek(self._settings.client_id)
        return response.with_headers(quota.headers(self._settings.rate_headers))

    def _within_quota(self, content_type: str, authorization: str, make: Callable[[], Response]) -> Response:
        """Check the client, then the quota of the group ``auth``, to which both endpoints belong."""
        try:
            self._check_request(content_type, authorization)
        except HttpError as error:
            return self.uncounted(error.response)
        decision = self._quota.admit(self._settings.client_id)
        self._counters.count_decision(decision, is_oauth=True)
        try:
            response = make() if decision.is_admitted else too_many_requests()
        except HttpError as error:
            response = error.response
        return response.with_headers(decision.headers(self._settings.rate_headers))

    def _end_session(self, form: Mapping[str, str]) -> Response:
        token = _field(form, "token")
        with self._lock:
            self._sessions = [one for one in self._sessions if token not in (one.access_token, one.refresh_token)]
        self._counters.count_revoke()
        return Response(200, b"")

    def authenticate(self, authorization: str) -> str:
        """Return the user of an ``Authorization`` header; raise ``HttpError`` if it is not valid."""
        if not authorization:
            raise HttpError(invalid_token("AGW-401", "Authorization header is not specified"))
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip().isalnum():
            raise HttpError(invalid_token("OAU-149", "Unparsable access token"))
        with self._lock:
            session = next((one for one in self._sessions if one.access_token == token.strip()), None)
        if session is None:
            raise HttpError(invalid_token("OAU-129", "Access token corrupted"))
        if self._clock() >= session.access_until:
            raise HttpError(invalid_token("OAU-128", "Access token expired"))
        return self.user

    @property
    def user(self) -> str:
        """The app and the user, by whom requests are counted."""
        return f"{self._settings.client_id} {self._settings.owner_id}"

    def _check_request(self, content_type: str, authorization: str) -> None:
        if content_type.partition(";")[0].strip().lower() != _FORM:
            raise HttpError(error_response(415, "CMN-415", "Unsupported Media Type"))
        credentials = _basic_credentials(authorization)
        if credentials is None:
            raise HttpError(_wrong_client("OAU-123", "Client authentication is required"))
        client_id, secret = credentials
        if not _is_equal(client_id, self._settings.client_id):
            raise HttpError(_wrong_client("OAU-153", f"Invalid client: {client_id}"))
        if not _is_equal(secret, self._settings.client_secret):
            raise HttpError(_wrong_client("OAU-146", "Invalid client credentials"))

    def _grant(self, form: Mapping[str, str]) -> Response:
        grant = _field(form, "grant_type")
        checks = {
            JWT_GRANT: self._check_jwt,
            PASSWORD_GRANT: self._check_password,
            REFRESH_GRANT: self._end_refreshed_session,
        }
        if grant not in checks:
            raise HttpError(oauth_error(400, "unsupported_grant_type", "OAU-250", "Unsupported grant type"))
        if grant not in self._settings.grants:
            raise HttpError(oauth_error(400, "unauthorized_client", "OAU-251", "Unauthorized for this grant type"))
        with self._lock:
            endpoint_id = checks[grant](form)
            session = self._open_session(form, endpoint_id)
        self._counters.count_login(grant)
        return Response.of_json(self._token_info(session))

    def _check_jwt(self, form: Mapping[str, str]) -> str:
        if not _is_equal(_field(form, "assertion"), self._settings.jwt):
            raise HttpError(_invalid_grant("OAU-211", "Invalid assertion"))
        return secrets.token_urlsafe(16)

    def _check_password(self, form: Mapping[str, str]) -> str:
        expected = self._settings
        username, _, extension = _field(form, "username").partition("*")
        password = _field(form, "password")
        is_right = _is_equal(without_plus(username), without_plus(expected.username))
        is_right &= _is_equal(password, expected.password)
        # Without an extension the administrator logs in, who is the only user here.
        is_right &= (form.get("extension") or extension) in ("", expected.extension)
        if not is_right:
            raise HttpError(_invalid_grant("OAU-140", "Invalid resource owner credentials."))
        return secrets.token_urlsafe(16)

    def _end_refreshed_session(self, form: Mapping[str, str]) -> str:
        token, now = _field(form, "refresh_token"), self._clock()
        old = next((one for one in self._sessions if one.refresh_token == token and now < one.refresh_until), None)
        if old is None:
            raise HttpError(_invalid_grant("OAU-213", "Token not found"))
        self._sessions.remove(old)
        return old.endpoint_id

    def _open_session(self, form: Mapping[str, str], endpoint_id: str) -> Session:
        now = self._clock()
        self._sessions = [one for one in self._sessions if now < one.refresh_until]
        if len(self._sessions) >= self._settings.max_sessions:
            del self._sessions[0]
            self._counters.count_ended_session()
        settings = self._settings
        access_ttl = _ttl(form.get("access_token_ttl"), _MIN_TOKEN_TTL, _MAX_TOKEN_TTL, settings.token_ttl)
        refresh_ttl = _ttl(form.get("refresh_token_ttl"), 1, settings.refresh_token_ttl, settings.refresh_token_ttl)
        session = Session(
            f"SBX01{secrets.token_hex(24)}",
            now + access_ttl,
            f"SBX02{secrets.token_hex(24)}",
            now + refresh_ttl,
            form.get("endpoint_id") or endpoint_id,
        )
        self._sessions.append(session)
        return session

    def _token_info(self, session: Session) -> Mapping[str, str | int]:
        now = self._clock()
        return {
            "access_token": session.access_token,
            "token_type": "bearer",
            "expires_in": round(session.access_until - now),
            "refresh_token": session.refresh_token,
            "refresh_token_expires_in": round(session.refresh_until - now),
            "scope": "A2PSMS ReadAccounts" if self._settings.permission else "ReadAccounts",
            "owner_id": self._settings.owner_id,
            "endpoint_id": session.endpoint_id,
        }


def _field(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise HttpError(oauth_error(400, "invalid_request", "OAU-101", f"Parameter [{name}] is not specified"))
    return form[name]


def _basic_credentials(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (client_id, secret) if colon else None


def _is_equal(value: str, expected: str) -> bool:
    return hmac.compare_digest(value.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def _ttl(requested: str | None, minimum: int, maximum: int, default: int) -> int:
    if requested is None or not requested.isascii() or not requested.isdecimal():
        return default
    return int(requested) if minimum <= int(requested) <= maximum else default


def _wrong_client(code: str, description: str) -> Response:
    return oauth_error(401, "invalid_client", code, description).with_headers([("WWW-Authenticate", "Basic")])


def _invalid_grant(code: str, description: str) -> Response:
    return oauth_error(400, "invalid_grant", code, description)
