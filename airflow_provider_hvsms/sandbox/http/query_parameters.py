"""The query parameters of a request, parsed and checked; all invalid ones are reported together."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from airflow_provider_hvsms.sandbox.data import timestamps
from airflow_provider_hvsms.sandbox.data.phone_numbers import with_and_without_plus
from airflow_provider_hvsms.sandbox.data.timestamps import DAY
from airflow_provider_hvsms.sandbox.http.response import HttpError, invalid_parameters

MAX_PER_PAGE = 1000
MAX_PHONE_NUMBERS = 15

_PHONE_NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class QueryParameters:
    """The parameters of one request. An invalid value is noted; ``check`` then raises the error."""

    def __init__(self, query: str) -> None:
        self._values: dict[str, list[str]] = {}
        self._filters: set[str] = set()
        self._invalid: list[str] = []
        for name, value in parse_qsl(query, keep_blank_values=True):
            self._values.setdefault(name, []).append(value)

    def check(self) -> None:
        """Raise ``HttpError`` if there are invalid values."""
        if self._invalid:
            raise HttpError(invalid_parameters(dict.fromkeys(self._invalid)))

    def binding(self, resource: str) -> str:
        """Return what a page token is bound to: the list, and the filters that were read so far, as they were sent."""
        sent = [f"{name}={value}" for name in sorted(self._filters) for value in sorted(self._values.get(name, ()))]
        return "\0".join([resource, *sent])

    def text(self, name: str) -> str | None:
        """Return a value that may be given once and must not be empty."""
        values = self._all(name)
        if not values:
            return None
        if len(values) > 1 or not values[0]:
            self._invalid.append(name)
            return None
        return values[0]

    def one_of(self, name: str, choices: Collection[str]) -> str | None:
        """Return a value that must be one of ``choices``."""
        value = self.text(name)
        if value is not None and value not in choices:
            self._invalid.append(name)
        return value

    def some_of(self, name: str, choices: Collection[str]) -> frozenset[str]:
        """Return the values of a parameter that may be repeated."""
        values = frozenset(self._all(name))
        if not values <= frozenset(choices):
            self._invalid.append(name)
        return values

    def phone_number(self, name: str, wildcard: str | None = None) -> frozenset[str]:
        """Return one phone number with and without ``+``; empty if it is missing or the ``wildcard``."""
        value = self.text(name)
        return self._check_phone_numbers(name, [] if value is None or value == wildcard else [value])

    def up_to_15_phone_numbers(self, name: str) -> frozenset[str]:
        """Return phone numbers with and without ``+``."""
        values = self._all(name)
        if len(values) > MAX_PHONE_NUMBERS:
            self._invalid.append(name)
        return self._check_phone_numbers(name, values)

    def per_page(self) -> int:
        """Return the page size; default and maximum are 1000."""
        value = self.text("perPage")
        if value is None:
            return MAX_PER_PAGE
        if not _INTEGER.fullmatch(value) or int(value) < 1:
            self._invalid.append("perPage")
            return MAX_PER_PAGE
        return min(int(value), MAX_PER_PAGE)

    def window(self, now: int) -> tuple[int, int]:
        """Return the time window in microseconds; default is the last 24 hours."""
        end = self._timestamp("dateTo")
        start = self._timestamp("dateFrom")
        end = now if end is None else end
        start = end - DAY if start is None else start
        if start > end:
            self._invalid.append("dateFrom")
        return start, end

    def _all(self, name: str) -> list[str]:
        self._filters.add(name)
        return self._values.get(name, [])

    def _check_phone_numbers(self, name: str, values: list[str]) -> frozenset[str]:
        # An unescaped "+" in a query is decoded to a blank.
        numbers = [f"+{value[1:]}" if value.startswith(" ") else value for value in values]
        if not all(map(_PHONE_NUMBER.fullmatch, numbers)):
            self._invalid.append(name)
        return with_and_without_plus(numbers)

    def _timestamp(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return timestamps.parse(value)
        except (ValueError, OverflowError):
            self._invalid.append(name)
            return None
