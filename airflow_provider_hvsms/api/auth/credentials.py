"""Who logs in, and where."""

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
    ": the connection's host must be a scheme, a host and perhaps a port, such as https://platform.ringcentral.com."
)


@dataclasses.dataclass(frozen=True)
class JwtGrant:
    """A server's own login (RingCentral: JWT auth flow)."""

    jwt_token: str = dataclasses.field(repr=False)

    def as_form(self) -> dict[str, str]:
        return {"grant_type": _JWT_GRANT, "assertion": self.jwt_token}

    @property
    def user(self) -> str:
        """What stands for the user: a JWT credential belongs to one."""
        return self.jwt_token

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
    def user(self) -> str:
        return f"{self.username}*{self.extension}"

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

    @property
    def fingerprint(self) -> str:
        """A hash of the server, the app and the user. It gives none of them away, and holds no password."""
        return hashlib.sha256("\n".join((self.server, self.client_id, self.grant.user)).encode()).hexdigest()


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
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
