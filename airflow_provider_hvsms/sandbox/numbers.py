"""Phone numbers that belong to nobody: the lines 555-0100 to 555-0199 of North American area codes."""

from __future__ import annotations

OWN_NUMBERS = tuple(f"+1650555{line:04d}" for line in range(100, 106))
"""The account's senders."""

_AREAS = tuple(
    area
    for area in range(201, 990)
    if area % 100 != 11 and area not in (555, 650) and area // 10 % 10 != 9 and area // 100 != 8
)

_CUSTOMERS = tuple(f"+1{area}55501{line:02d}" for area in _AREAS for line in range(100))

CUSTOMER_COUNT = len(_CUSTOMERS)
"""How many customer numbers there are."""


def customer(code: int) -> str:
    """Return the customer number of a code from 0 to ``CUSTOMER_COUNT - 1``."""
    return _CUSTOMERS[code]


_CODES = {area: code for code, area in enumerate(_AREAS)}


def customer_code(number: str) -> int | None:
    """Return the code of a customer number, or ``None`` for any other number."""
    if len(number) != 12 or not number.startswith("+1") or number[5:10] != "55501" or not number[2:].isdecimal():
        return None
    area = _CODES.get(int(number[2:5]))
    return None if area is None else area * 100 + int(number[10:])
