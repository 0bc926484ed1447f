"""Query parameters: read, checked, and all complaints together."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from airflow_provider_hvsms.sandbox import moments
from airflow_provider_hvsms.sandbox.answers import Refusal, invalid_parameters
from airflow_provider_hvsms.sandbox.moments import DAY
from airflow_provider_hvsms.sandbox.selection import bare_number

MOST_PER_PAGE = 1000
MOST_PHONE_NUMBERS = 15

_PHONE_NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class Parameters:
    """The query of one request. A value that is no good is noted; ``check`` refuses the request if there is any."""

    def __init__(self, query: str) -> None:
        self._values: dict[str, list[str]] = {}
        self._invalid: list[str] = []
        for name, value in parse_qsl(query, keep_blank_values=True):
            self._values.setdefault(name, []).append(value)

    def check(self) -> None:
        """Raise the ``Refusal`` of a request that has invalid values."""
        if self._invalid:
            raise Refusal(invalid_parameters(list(dict.fromkeys(self._invalid))))

    def refuse(self, name: str) -> None:
        """Note that a parameter is invalid."""
        self._invalid.append(name)

    def binding(self, resource: str, names: Collection[str]) -> str:
        """Return what a page token is bound to: the list, and its filters as they were sent."""
        sent = [f"{name}={value}" for name in sorted(names) for value in sorted(self._values.get(name, ()))]
        return "\0".join([resource, *sent])

    def one(self, name: str) -> str | None:
        """Return the value of a parameter that may be given once, and then not empty."""
        values = self._values.get(name)
        if not values:
            return None
        if len(values) > 1 or not values[0]:
            self.refuse(name)
            return None
        return values[0]

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """Return a value that must be one of ``choices``."""
        value = self.one(name)
        if value is not None and value not in choices:
            self.refuse(name)
        return value

    def choices(self, name: str, choices: Collection[str]) -> frozenset[str]:
        """Return the values of a parameter that may be repeated."""
        values = frozenset(self._values.get(name, ()))
        if not values <= frozenset(choices):
            self.refuse(name)
        return values

    def phone_number(self, name: str, wildcard: str | None = None) -> str | None:
        """Return one phone number without ``+``; ``wildcard`` stands for any number."""
        value = self.one(name)
        if value is None or value == wildcard:
            return None
        value = _with_plus(value)
        if not _PHONE_NUMBER.fullmatch(value):
            self.refuse(name)
        return bare_number(value)

    def phone_numbers(self, name: str) -> frozenset[str]:
        """Return up to 15 phone numbers without ``+``."""
        values = list(map(_with_plus, self._values.get(name, [])))
        if len(values) > MOST_PHONE_NUMBERS or not all(map(_PHONE_NUMBER.fullmatch, values)):
            self.refuse(name)
        return frozenset(map(bare_number, values))

    def per_page(self) -> int:
        """Return the page size: 1000 unless a smaller one is asked for."""
        value = self.one("perPage")
        if value is None:
            return MOST_PER_PAGE
        if not _INTEGER.fullmatch(value) or int(value) < 1:
            self.refuse("perPage")
            return MOST_PER_PAGE
        return min(int(value), MOST_PER_PAGE)

    def window(self, now: int) -> tuple[int, int]:
        """Return the window in microseconds: the last 24 hours unless told otherwise."""
        end = self._moment("dateTo")
        start = self._moment("dateFrom")
        end = now if end is None else end
        start = end - DAY if start is None else start
        if start > end:
            self.refuse("dateFrom")
        return start, end

    def _moment(self, name: str) -> int | None:
        value = self.one(name)
        if value is None:
            return None
        try:
            return moments.parse(value)
        except (ValueError, OverflowError):
            self.refuse(name)
            return None


def _with_plus(number: str) -> str:
    """Return a phone number whose ``+`` came unescaped, which stands for a blank in a query, with its ``+``."""
    return f"+{number[1:]}" if number.startswith(" ") else number
