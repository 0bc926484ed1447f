"""The credentials that log in to the service."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import re
from urllib.parse import urlsplit

from airflow_provider_hvsms.api.errors import InvalidSettings

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_SERVER_REMEDY = (
    ": set the connection's host to a scheme, a host and optionally a port, such as https://platform.ringcentral.com."
)


@dataclasses.dataclass(frozen=True)
class JwtGrant:
    """A login without a person, recommended for servers (RingCentral: JWT auth flow).

    Example::

        JwtGrant("eyJraWQi…")

    :param jwt_token: a JWT credential of the user.
    """

    jwt_token: str = dataclasses.field(repr=False)

    def as_form(self) -> dict[str, str]:
        return {"grant_type": _JWT_GRANT, "assertion": self.jwt_token}

    @property
    def user(self) -> str:
        """Identifies the user: a JWT credential belongs to one."""
        return self.jwt_token

    @property
    def remedy(self) -> str:
        return "jwt_token in the connection's extra is not valid for this app: it was mistyped, revoked or has expired"


@dataclasses.dataclass(frozen=True)
class PasswordGrant:
    """A login with a user's password, the older grant, which many apps may not use.

    Example::

        PasswordGrant("+16505550100", "101", password)

    :param username: the main number of the company account, or the user's own.
    :param extension: empty for the main administrator.
    :param user_password: the user's password.
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
    def user(self) -> str:
        return f"{self.username}*{self.extension}"

    @property
    def remedy(self) -> str:
        return "username, extension or user_password in the connection's extra is wrong"


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A server, an app, and the user whose rights it has.

    Example::

        Credentials("https://platform.ringcentral.com", client_id, client_secret, JwtGrant(jwt))

    :param server: scheme, host and port, such as `https://platform.ringcentral.com`. A host alone means https;
        plain http is for loopback only.
    :param client_id: of the app.
    :param client_secret: of the app.
    :param grant: how the user is identified.
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
                    f"The {name.replace('_', ' ')} contains a character that is not allowed, perhaps from copying "
                    f"it: correct the connection's {field}."
                )

    @property
    def fingerprint(self) -> str:
        """A hash of server, app and user, without passwords. It does not reveal them."""
        return hashlib.sha256("\n".join((self.server, self.client_id, self.grant.user)).encode()).hexdigest()


def _checked_server(server: str) -> str:
    address = server.strip().rstrip("/")
    if not address:
        raise InvalidSettings("The server is missing: set the connection's host, or leave it empty for the default.")
    shown = address.rpartition("@")[2]  # what precedes it may be a password
    parts = urlsplit(address if "://" in address else f"https://{address}")
    if parts.scheme not in ("http", "https") or not re.fullmatch(
        r"[\w.-]+(:\d+)?|\[[\da-fA-F:.]+](:\d+)?", parts.netloc
    ):
        raise InvalidSettings(f"{shown!r} is not a server{_SERVER_REMEDY}")
    if parts.path or parts.query or parts.fragment:
        raise InvalidSettings(f"{shown!r} has a path after the server{_SERVER_REMEDY}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise InvalidSettings(
            f"Plain http would send the token unencrypted to {parts.netloc}: use https in the connection's host. Plain "
            "http is for loopback addresses only."
        )
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
