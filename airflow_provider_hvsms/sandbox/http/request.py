"""An HTTP request as the application receives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A request: ``target`` is path and query as sent, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        """The query, still percent-encoded."""
        return urlsplit(self.target).query

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty string."""
        return self.headers.get(name, "")

    @property
    def accepts_csv(self) -> bool:
        """Whether CSV is requested."""
        return "text/csv" in self.header("accept").lower()
