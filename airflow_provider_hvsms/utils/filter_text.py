"""How the log shows filters."""

from __future__ import annotations

from typing import Any


def describe_filters(**filters: Any) -> str:
    """Filters as a text such as `batch_id=b1, direction=Inbound`; empty if none is set."""
    return ", ".join(f"{name}={value}" for name, value in filters.items() if value)


def hide_numbers(numbers: Any) -> str:
    """`***` for each phone number of a filter; empty if it has none.

    :param numbers: a list of them, one number, or nothing.
    """
    return ", ".join("***" for _ in ([numbers] if isinstance(numbers, str) else numbers or ()))
