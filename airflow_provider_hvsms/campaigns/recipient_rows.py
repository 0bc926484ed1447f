"""Recipients as they come from a list, a query or a file."""

from __future__ import annotations

import ast
import dataclasses
import decimal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.api.sending import OutgoingMessage

NUMBER_COLUMNS = ("to", "to_number")
"""The column of the recipient's number has one of these names."""

TEXT_COLUMN = "text"


@dataclasses.dataclass(frozen=True, slots=True)
class RecipientRow:
    """A recipient, not checked yet. Its representation shows neither number nor text.

    :param source: where it comes from, such as `Row`.
    :param place: its place there, from 1.
    :param to: what stands in place of the number.
    :param text: its own text, taken as it is; `None`: the campaign's text, with its placeholders filled.
    :param columns: all columns, by their names in lower case.
    """

    source: str
    place: int
    to: object = dataclasses.field(repr=False)
    text: object = dataclasses.field(default=None, repr=False)
    columns: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Names the recipient in errors, such as `Row 7`."""
        return f"{self.source} {self.place:,}"


class RecipientColumns:
    """The columns of a query or a file: which one holds the number, and which one the text.

    :param names: in any case; Snowflake has them in upper case.
    :param where: what has them, such as `The query`.
    :raises InvalidRequest: no column or several hold the number, or two names differ in case only.
    """

    def __init__(self, names: Sequence[str], where: str) -> None:
        self.names = tuple(name.strip().lower() for name in names)
        found = redact(", ".join(names)) or "none"
        if len(set(self.names)) < len(self.names):
            raise InvalidRequest(f"{where} has several columns of the same name. Its columns are: {found}.")
        number_columns = [name for name in NUMBER_COLUMNS if name in self.names]
        if not number_columns:
            raise InvalidRequest(
                f"{where} has no column `to` (or `to_number`) for the recipient's number. Its columns are: {found}. "
                'In SQL, `to` is a reserved word: write phone AS "to", or phone AS to_number.'
            )
        if len(number_columns) > 1:
            raise InvalidRequest(f"{where} has columns `to` and `to_number`. Keep the one that the texts are sent to.")
        self._number = number_columns[0]

    def row(self, source: str, place: int, values: Iterable[Any]) -> RecipientRow:
        """The recipient that a row of values holds."""
        columns = dict(zip(self.names, values, strict=True))
        return RecipientRow(source, place, columns[self._number], columns.get(TEXT_COLUMN), columns)


class RowReader:
    """Makes recipients of single values, each of which may have other columns.

    :param source: where they come from, such as `Recipient`.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._names: tuple[Any, ...] = ()
        self._columns: RecipientColumns | None = None

    def row(self, place: int, value: object) -> RecipientRow:
        """The recipient that a value describes.

        :param value: a number, a mapping with `to`, perhaps `text` and other columns, or an `OutgoingMessage`.
        :raises InvalidRequest: it is none of these.
        """
        if isinstance(value, str):
            return RecipientRow(self._source, place, value)
        if isinstance(value, OutgoingMessage):
            return RecipientRow(self._source, place, value.to, value.text)
        if not isinstance(value, Mapping):
            raise InvalidRequest(
                f"{self._source} {place:,} is a {type(value).__name__}. A recipient is a number such as +14155550100, "
                "or a mapping with `to` and perhaps `text` and the columns of the text's placeholders."
            )
        names = tuple(value)
        if self._columns is None or names != self._names:
            if not all(isinstance(name, str) for name in names):
                raise InvalidRequest(f"{self._source} {place:,} has a column whose name is not a text.")
            self._names, self._columns = names, RecipientColumns(names, f"{self._source} {place:,}")
        return self._columns.row(self._source, place, value.values())


def read_list(recipients: object) -> Iterator[RecipientRow]:
    """The recipients of a list.

    :param recipients: an iterable of numbers, mappings or messages; or a list as text, as a template renders it: JSON,
        a Python list, or numbers split on commas.
    :raises InvalidRequest: it is no list, or one of its items is no recipient.
    """
    items = _parse_list(recipients) if isinstance(recipients, str) else recipients
    if not isinstance(items, Iterable) or isinstance(items, Mapping | bytes | OutgoingMessage):
        raise InvalidRequest(
            f"recipients is a {type(items).__name__}, but must be a list of numbers, or of mappings with `to`. A "
            "template that rendered to something else looks like this."
        )
    reader = RowReader("Recipient")
    return (reader.row(place, item) for place, item in enumerate(items, start=1))


def _parse_list(text: str) -> object:
    text = text.strip()
    if not text.startswith(("[", "(", "{")):
        return [number.strip() for number in text.split(",")] if text else []
    try:
        return JSON.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise InvalidRequest(
            f"recipients is a text of {len(text):,} characters that is neither JSON nor a Python list. In a template, "
            "write {{ … | tojson }}."
        ) from None


JSON = msgspec.json.Decoder(float_hook=decimal.Decimal)
"""Keeps the digits of numbers: 19.90 stays 19.90 in a text."""
