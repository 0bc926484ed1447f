"""What a connection's fields say about a client."""

from __future__ import annotations

import dataclasses
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
"""What Airflow's form shows, and sends back, in place of a secret."""

_SAID_YES = frozenset({"true", "yes", "1"})
_SAID_NO = frozenset({"false", "no", "0", ""})


@dataclasses.dataclass(frozen=True)
class ClientSettings:
    """All that a client needs. Settings are equal if the connection says the same.

    :param token_store: shares the login with other tasks; `None`: each process logs in for itself.
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
    """Read the settings from a connection's fields.

    :param limits: what the connection does not say of them.
    :param token_store: used only if the connection says that its tasks share a session.
    :raises InvalidSettings: a field is missing, or cannot be used; it and the connection are named.
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
            quota_share=_share(extra, "quota_share"),
            token_store=token_store if _shares_session(extra) else None,
        )
    except PermanentError as error:
        raise InvalidSettings(f"Connection {hvsms_conn_id!r}: {error}") from error


def _server(connection: Connection) -> str:
    host = (connection.host or "").strip().rstrip("/") or DEFAULT_SERVER
    if not connection.port:
        return host
    named = re.search(r":(\d+)$", host)
    if not named:
        return f"{host}:{connection.port}"
    if int(named[1]) != connection.port:
        raise InvalidSettings(
            f"The host names port {named[1]}, but the connection's port is {connection.port}: leave one of them empty."
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
        raise InvalidSettings(f"{missing} is missing in the extra; a login with a password needs both.")
    raise InvalidSettings(
        "jwt_token and username are both missing in the extra: fill in jwt_token, or username and user_password."
    )


def _shares_session(extra: Mapping[str, Any]) -> bool:
    """Whether the tasks of the connection share a session.

    The setting was called `share_token` before. That name made Airflow's form take the switch for a secret, and store
    its mask where nobody had touched it.
    """
    if _text(extra, "shared_session") or _text(extra, "share_token") == _MASK:
        return _is_set(extra, "shared_session")
    return _is_set(extra, "share_token")


def _secret(extra: Mapping[str, Any], name: str) -> str:
    return _unmasked(_text(extra, name), f"{name} in the extra")


def _unmasked(secret: str, what: str) -> str:
    if secret == _MASK:
        raise InvalidSettings(
            f"{what} is {_MASK!r}, which Airflow shows in place of a secret: type it again. If only Test says so, fill "
            "in Server and Port: without them Airflow 3.3.1 sends masks to Test."
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


def _share(extra: Mapping[str, Any], name: str) -> float:
    text = _text(extra, name)
    if not text:
        return 1.0
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InvalidSettings(
            f"{name} in the extra is {text!r}; it must be a number above 0 and up to 1, such as 0.5 for half the quota."
        )
    return share


def _is_set(extra: Mapping[str, Any], name: str) -> bool:
    text = _text(extra, name).lower()
    if text not in _SAID_YES | _SAID_NO:
        raise InvalidSettings(f"{name} in the extra is {text!r}; it must be true or false.")
    return text in _SAID_YES
