"""The text of a campaign, whose placeholders are filled with a recipient's columns."""

from __future__ import annotations

import datetime
import decimal
import functools
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.redaction import redact

_TOKENS = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_NAME = re.compile(r"[^\W\d]\w*")

_AS_TEXT: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    float: str,
    decimal.Decimal: str,
    uuid.UUID: str,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.datetime: functools.partial(datetime.datetime.isoformat, sep=" "),
}
"""By type: how a value stands in a text. Of other values it is not known how a reader wants to see them."""


class TextTemplate:
    """A text with placeholders such as `{first_name}`; `{{` and `}}` stand for braces.

    A placeholder is the name of a column, in any case, and nothing else: `{a.b}`, `{a[0]}` and `{a:>8}` are refused.
    Numbers stand as Python writes them and dates as ISO 8601; other formats are made in the query.

    Example::

        TextTemplate("Hello {first_name}").render({"first_name": "Ada"}, "Row 1")

    :raises InvalidRequest: a brace is not closed, or a placeholder is not a name.
    """

    def __init__(self, text: str) -> None:
        self._pieces = _parse(text)
        self.names = tuple(dict.fromkeys(name for _, name in self._pieces if name))
        """The columns that it needs, in lower case."""
        self.constant = None if self.names else "".join(literal for literal, _ in self._pieces)
        """The text of all recipients; `None` if it has placeholders."""

    def render(self, columns: Mapping[str, Any], label: str) -> str:
        """The text of one recipient.

        :param columns: by their names in lower case.
        :param label: names the recipient in errors, such as `Row 7`.
        :raises InvalidRequest: a column is missing or null, or its value cannot stand in a text.
        """
        if self.constant is not None:
            return self.constant
        return "".join(literal + _value_of(name, columns, label) if name else literal for literal, name in self._pieces)


def _parse(text: str) -> list[tuple[str, str]]:
    """Pairs of a literal and the placeholder that follows it; the last placeholder is empty."""
    pieces: list[tuple[str, str]] = []
    literal, end = "", 0
    for token in _TOKENS.finditer(text):
        literal, end = literal + text[end : token.start()], token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
            continue
        name = token["name"]
        if name is None:
            raise InvalidRequest(
                f"The text has a {token[0]!r} at character {token.start() + 1:,} that belongs to no placeholder. "
                "A placeholder is {column}; write {{ or }} for a brace."
            )
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"The placeholder at character {token.start() + 1:,} of the text is not the name of a column. "
                "Attributes, indexes and formats are not supported: make them a column of the query."
            )
        pieces.append((literal, name.lower()))
        literal = ""
    return [*pieces, (literal + text[end:], "")]


def _value_of(name: str, columns: Mapping[str, Any], label: str) -> str:
    value = columns.get(name)
    if value is None:
        if name in columns:
            raise InvalidRequest(
                f"{label} has no value in column {name!r}, which the text needs. Give it one, or leave the row out."
            )
        found = redact(", ".join(sorted(columns))) or "none"
        raise InvalidRequest(f"{label} has no column {name!r}, which the text needs. Its columns are: {found}.")
    as_text = _AS_TEXT.get(type(value))
    if as_text is None:
        raise InvalidRequest(
            f"{label} has a {type(value).__name__} in column {name!r}, which cannot stand in a text. Make it a text "
            "where it comes from."
        )
    return as_text(value)
