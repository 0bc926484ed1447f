"""The settings of a client, read from the fields of an Airflow connection."""

from __future__ import annotations

import dataclasses
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant, PasswordGrant
from airflow_provider_hvsms.api.auth.shared_session import TokenStore
from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.errors import InvalidSettings, PermanentError
from airflow_provider_hvsms.api.transport import TimeLimits

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_SERVER = "https://platform.ringcentral.com"

_MASK = "***"
"""What Airflow's form shows, and submits, in place of a secret."""

_FINGERPRINT_PURPOSE = b"airflow-provider-hvsms: fingerprints of campaigns"
"""Sets the key of fingerprints apart from the secret that it is derived from."""

_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0", ""})


@dataclasses.dataclass(frozen=True)
class ClientSettings:
    """All that a client needs. Equal connections have equal settings.

    :param token_store: shares the session with other tasks; `None`: each process logs in for itself.
    """

    hvsms_conn_id: str
    credentials: Credentials
    account_id: str
    limits: TimeLimits
    quota_share: float
    token_store: TokenStore | None

    def connect(self) -> MessageStoreClient:
        """Return a new client, which the caller closes. Nothing is sent before its first read."""
        try:
            return connect(
                self.credentials,
                account_id=self.account_id,
                limits=self.limits,
                quota_share=self.quota_share,
                token_store=self.token_store,
            )
        except PermanentError as error:
            raise InvalidSettings(f"Connection {self.hvsms_conn_id!r}: {error}") from error


def read_settings(
    connection: Connection, hvsms_conn_id: str, *, limits: TimeLimits, token_store: TokenStore | None
) -> ClientSettings:
    """Read the settings from the fields of a connection.

    :param limits: time limits and attempts where the connection does not set them.
    :param token_store: used only if the connection has a shared session.
    :raises InvalidSettings: a field is missing, or its value cannot be used; the message names it and the connection.
    """
    extra = connection.extra_dejson
    try:
        return ClientSettings(
            hvsms_conn_id=hvsms_conn_id,
            credentials=Credentials(
                server=_server(connection),
                client_id=connection.login or "",
                client_secret=_unmasked(connection.password or "", "The client secret"),
                grant=_grant(extra),
            ),
            account_id=_text(extra, "account_id") or "~",
            limits=dataclasses.replace(
                limits,
                connect=_seconds(extra, "connect_timeout", TimeLimits.connect),
                read=_seconds(extra, "read_timeout", TimeLimits.read),
            ),
            quota_share=_quota_share(extra),
            token_store=token_store if _shares_session(extra) else None,
        )
    except PermanentError as error:
        raise InvalidSettings(f"Connection {hvsms_conn_id!r}: {error}") from error


def read_hash_key(connection: Connection, hvsms_conn_id: str) -> str:
    """The key with which phone numbers are hashed; empty if the connection has none.

    :raises InvalidSettings: it is the mask that Airflow shows in place of a secret.
    """
    try:
        return _secret(connection.extra_dejson, "hash_key")
    except InvalidSettings as error:
        raise InvalidSettings(f"Connection {hvsms_conn_id!r}: {error}") from error


def read_fingerprint_key(connection: Connection, hvsms_conn_id: str) -> bytes:
    """The key of the fingerprints of campaigns: derived from `hash_key`, or else from the client secret.

    :raises InvalidSettings: there is neither, or the mask that Airflow shows in place of a secret.
    """
    secret = read_hash_key(connection, hvsms_conn_id)
    try:
        secret = secret or _unmasked(connection.password or "", "The client secret")
    except InvalidSettings as error:
        raise InvalidSettings(f"Connection {hvsms_conn_id!r}: {error}") from error
    if not secret:
        raise InvalidSettings(f"Connection {hvsms_conn_id!r}: the client secret is missing: fill in the password.")
    return hmac.digest(secret.encode(), _FINGERPRINT_PURPOSE, "sha256")


def _server(connection: Connection) -> str:
    host = (connection.host or "").strip().rstrip("/") or DEFAULT_SERVER
    if not connection.port:
        return host
    named = re.search(r":(\d+)$", host)
    if not named:
        return f"{host}:{connection.port}"
    if int(named[1]) != connection.port:
        raise InvalidSettings(
            f"The host contains port {named[1]}, but the port of the connection is {connection.port}: leave one empty."
        )
    return host


def _grant(extra: Mapping[str, Any]) -> JwtGrant | PasswordGrant:
    if jwt_token := _secret(extra, "jwt_token"):
        return JwtGrant(jwt_token)
    username, user_password = _text(extra, "username"), _secret(extra, "user_password")
    if username and user_password:
        return PasswordGrant(username, _text(extra, "extension"), user_password)
    if username or user_password:
        missing = "user_password" if username else "username"
        raise InvalidSettings(
            f"{missing} is missing in the extra; a login with a password needs username and user_password."
        )
    raise InvalidSettings(
        "jwt_token and username are both missing in the extra: fill in jwt_token, or username and user_password."
    )


def _shares_session(extra: Mapping[str, Any]) -> bool:
    """Whether the tasks of the connection share a session.

    `share_token` is the former name of this setting. Airflow's form took that name for a secret, and stored a mask for
    an unchanged switch.
    """
    if _text(extra, "shared_session") or _text(extra, "share_token") == _MASK:
        return _boolean(extra, "shared_session")
    return _boolean(extra, "share_token")


def _secret(extra: Mapping[str, Any], name: str) -> str:
    return _unmasked(_text(extra, name), f"{name} in the extra")


def _unmasked(secret: str, name: str) -> str:
    if secret == _MASK:
        raise InvalidSettings(
            f"{name} is {_MASK!r}, which Airflow shows in place of a secret: type it again. If only Test says so, fill "
            "in Server and Port: without them, Airflow 3.3.1 tests the connection with masks for its secrets."
        )
    return secret


def _text(extra: Mapping[str, Any], name: str) -> str:
    value = extra.get(name)
    return "" if value is None else str(value).strip()


def _seconds(extra: Mapping[str, Any], name: str, default: float) -> float:
    text = _text(extra, name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InvalidSettings(f"{name} in the extra is {text!r}; it must be a number of seconds above 0.")
    return seconds


def _quota_share(extra: Mapping[str, Any]) -> float:
    text = _text(extra, "quota_share")
    if not text:
        return 1.0
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InvalidSettings(
            f"quota_share in the extra is {text!r}; it must be a number above 0 and up to 1: 0.5 is half the quota."
        )
    return share


def _boolean(extra: Mapping[str, Any], name: str) -> bool:
    text = _text(extra, name).lower()
    if text not in _TRUE | _FALSE:
        raise InvalidSettings(f"{name} in the extra is {text!r}; it must be true or false.")
    return text in _TRUE
