"""Fictional phone numbers: lines 555-0100 to 555-0199 of North American area codes, which are reserved for fiction."""

from __future__ import annotations

from collections.abc import Iterable

OWN_NUMBERS = tuple(f"+1650555{line:04d}" for line in range(100, 106))
"""The account's senders."""

_AREA_CODES = tuple(
    code
    for code in range(201, 990)
    if code % 100 != 11 and code not in (555, 650) and code // 10 % 10 != 9 and code // 100 != 8
)

CUSTOMER_NUMBERS = tuple(f"+1{code}55501{line:02d}" for code in _AREA_CODES for line in range(100))


def without_plus(number: str) -> str:
    """Return a phone number without its leading ``+``."""
    return number.removeprefix("+")


def with_and_without_plus(numbers: Iterable[str]) -> frozenset[str]:
    """Return both forms of each phone number; the service accepts either."""
    bare = frozenset(map(without_plus, numbers))
    return bare | {f"+{number}" for number in bare}
