"""The phone numbers of recipients, as people write them."""

from __future__ import annotations

import re

from airflow_provider_hvsms.api.sending import is_recipient

_SEPARATORS = re.compile(r"[ \u00a0\u202f.()\u2010\u2011-]")
_TRUNK_PREFIX = re.compile(r"\(\s*0\s*\)")


def normalize_number(value: object) -> str | None:
    """The number in E.164 format; `None` if it is none.

    Of a number that starts with `+`, spaces, dots, hyphens and parentheses are removed: `+1 (415) 555-0100` is
    `+14155550100`. Nothing is added: without `+` and country code a number can be one of several countries. `(0)` is
    no separator: it is dialled in the country only, so a number with it is invalid.
    """
    if not isinstance(value, str):
        return None
    number = value.strip()
    if not number.startswith("+"):
        return None
    if not is_recipient(number):
        if _TRUNK_PREFIX.search(number):
            return None
        number = _SEPARATORS.sub("", number)
    return number if number.isascii() and is_recipient(number) else None


def explain_invalid(value: object) -> str:
    """Why a value is no number, without the value."""
    if value is None or value == "":
        return "it has no number"
    if not isinstance(value, str):
        return f"its number is a {type(value).__name__}, not a text"
    if not value.strip().startswith("+"):
        return "its number does not start with + and a country code"
    if _TRUNK_PREFIX.search(value):
        return "its number has a (0), which is dialled within the country only"
    return "its number is not in E.164 format"
