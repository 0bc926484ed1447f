"""Logins, sessions and their tokens."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from airflow_provider_hvsms.sandbox import answers
from airflow_provider_hvsms.sandbox.answers import Answer, Refusal, oauth_error
from airflow_provider_hvsms.sandbox.counters import Counters
from airflow_provider_hvsms.sandbox.limits import Quota
from airflow_provider_hvsms.sandbox.selection import bare_number
from airflow_provider_hvsms.sandbox.settings import JWT_GRANT, PASSWORD_GRANT, REFRESH_GRANT, Settings

_FORM = "application/x-www-form-urlencoded"
_SHORTEST, _LONGEST = 600, 3600


@dataclass(frozen=True, slots=True)
class Session:
    """One login; moments are seconds since the epoch."""

    access_token: str
    access_until: float
    refresh_token: str
    refresh_until: float
    endpoint_id: str


class OAuth:
    """The token endpoints and the check of access tokens. There is one app and one user."""

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

    def token(self, content_type: str, authorization: str, form: Mapping[str, str]) -> Answer:
        """Answer ``POST /restapi/oauth/token``."""
        answer = self._metered(content_type, authorization, lambda: self._grant(form))
        if answer.status not in (200, 429):
            self._counters.failed_login()
        return answer

    def revoke(self, content_type: str, authorization: str, form: Mapping[str, str]) -> Answer:
        """Answer ``POST /restapi/oauth/revoke``: end the session of either of its tokens."""
        return self._metered(content_type, authorization, lambda: self._end(form))

    def with_quota(self, answer: Answer) -> Answer:
        """Return an answer with the headers of the group Auth, in which it was not counted."""
        unused = self._quota.unused(self._settings.client_id)
        return answer.having(unused.headers(self._settings.rate_headers))

    def _metered(self, content_type: str, authorization: str, make: Callable[[], Answer]) -> Answer:
        """Check the client, then the quota of the group Auth, to which both calls belong."""
        try:
            self._check_request(content_type, authorization)
        except Refusal as refusal:
            return self.with_quota(refusal.answer)
        verdict = self._quota.ask(self._settings.client_id)
        self._counters.asked(verdict, counts_as_read=False)
        try:
            answer = make() if verdict.allowed else answers.too_many()
        except Refusal as refusal:
            answer = refusal.answer
        return answer.having(verdict.headers(self._settings.rate_headers))

    def _end(self, form: Mapping[str, str]) -> Answer:
        token = _field(form, "token")
        with self._lock:
            self._sessions = [one for one in self._sessions if token not in (one.access_token, one.refresh_token)]
        self._counters.revoked()
        return Answer(200, b"")

    def user_of(self, authorization: str) -> str:
        """Return who a read's ``Authorization`` header stands for, or raise the ``Refusal`` that it deserves."""
        if not authorization:
            raise Refusal(answers.unauthorized("AGW-401", "Authorization header is not specified"))
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip().isalnum():
            raise Refusal(answers.unauthorized("OAU-149", "Unparsable access token"))
        with self._lock:
            session = next((one for one in self._sessions if one.access_token == token.strip()), None)
        if session is None:
            raise Refusal(answers.unauthorized("OAU-129", "Access token corrupted"))
        if self._clock() >= session.access_until:
            raise Refusal(answers.unauthorized("OAU-128", "Access token expired"))
        return self.user

    @property
    def user(self) -> str:
        """The one app and user, whose requests are counted together."""
        return f"{self._settings.client_id} {self._settings.owner_id}"

    def _check_request(self, content_type: str, authorization: str) -> None:
        if content_type.partition(";")[0].strip().lower() != _FORM:
            raise Refusal(answers.error(415, "CMN-415", "Unsupported Media Type"))
        credentials = _basic(authorization)
        if credentials is None:
            raise Refusal(_wrong_client("OAU-123", "Client authentication is required"))
        client_id, secret = credentials
        if not _same(client_id, self._settings.client_id):
            raise Refusal(_wrong_client("OAU-153", f"Invalid client: {client_id}"))
        if not _same(secret, self._settings.client_secret):
            raise Refusal(_wrong_client("OAU-146", "Invalid client credentials"))

    def _grant(self, form: Mapping[str, str]) -> Answer:
        grant = _field(form, "grant_type")
        checks = {
            JWT_GRANT: self._check_jwt,
            PASSWORD_GRANT: self._check_password,
            REFRESH_GRANT: self._end_refreshed,
        }
        if grant not in checks:
            raise Refusal(oauth_error(400, "unsupported_grant_type", "OAU-250", "Unsupported grant type"))
        if grant not in self._settings.grants:
            raise Refusal(oauth_error(400, "unauthorized_client", "OAU-251", "Unauthorized for this grant type"))
        with self._lock:
            endpoint_id = checks[grant](form)
            session = self._open(form, endpoint_id)
        self._counters.logged_in(grant)
        return answers.of_json(self._token_info(session))

    def _check_jwt(self, form: Mapping[str, str]) -> str:
        if not _same(_field(form, "assertion"), self._settings.jwt):
            raise Refusal(_invalid_grant("OAU-211", "Invalid assertion"))
        return secrets.token_urlsafe(16)

    def _check_password(self, form: Mapping[str, str]) -> str:
        wanted = self._settings
        username, _, extension = _field(form, "username").partition("*")
        password = _field(form, "password")
        right = _same(bare_number(username), bare_number(wanted.username))
        right &= _same(password, wanted.password)
        # Left out, the extension is the administrator's, and the sandbox has no other user.
        right &= (form.get("extension") or extension) in ("", wanted.extension)
        if not right:
            raise Refusal(_invalid_grant("OAU-140", "Invalid resource owner credentials."))
        return secrets.token_urlsafe(16)

    def _end_refreshed(self, form: Mapping[str, str]) -> str:
        token, now = _field(form, "refresh_token"), self._clock()
        old = next((one for one in self._sessions if one.refresh_token == token and now < one.refresh_until), None)
        if old is None:
            raise Refusal(_invalid_grant("OAU-213", "Token not found"))
        self._sessions.remove(old)
        return old.endpoint_id

    def _open(self, form: Mapping[str, str], endpoint_id: str) -> Session:
        now = self._clock()
        self._sessions = [one for one in self._sessions if now < one.refresh_until]
        if len(self._sessions) >= self._settings.max_sessions:
            del self._sessions[0]
            self._counters.ended_session()
        access_ttl = _wanted_ttl(form.get("access_token_ttl"), _SHORTEST, _LONGEST, self._settings.token_ttl)
        longest = self._settings.refresh_token_ttl
        refresh_ttl = _wanted_ttl(form.get("refresh_token_ttl"), 1, longest, longest)
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
        raise Refusal(oauth_error(400, "invalid_request", "OAU-101", f"Parameter [{name}] is not specified"))
    return form[name]


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (client_id, secret) if colon else None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


def _wanted_ttl(asked: str | None, shortest: int, longest: int, default: int) -> int:
    if asked is None or not asked.isascii() or not asked.isdecimal() or not shortest <= int(asked) <= longest:
        return default
    return int(asked)


def _wrong_client(code: str, description: str) -> Answer:
    return oauth_error(401, "invalid_client", code, description).having([("WWW-Authenticate", "Basic")])


def _invalid_grant(code: str, description: str) -> Answer:
    return oauth_error(400, "invalid_grant", code, description)
