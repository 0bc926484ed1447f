"""JSON of the service, of any shape, without phone numbers and texts.

What is known to be harmless stays, so that a record can be found again and its fault be seen: ids, times, statuses,
codes, counts. Everything else becomes null, for it may hold anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from airflow_provider_hvsms.api.records import Reject
from airflow_provider_hvsms.api.redaction import is_id, redact
from airflow_provider_hvsms.sinks.personal_data import Protection

_MAX_COUNT = 10_000_000
"""An integer from here on could be a phone number."""

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_TIME = re.compile(r"\d{4,5}-\d\d?-\d\d?([T ][\d:.,]{1,18})?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z]{1,40}(-[A-Za-z]{1,10}){0,3}(-\d{1,4})?", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,6}(\.\d{1,6})?", re.ASCII)
_DIGITS = re.compile(r"\+?\d{3,}")


def protected_reject(protection: Protection, reject: Reject) -> Reject:
    """The reject with a record that holds neither numbers nor texts, of which its fingerprint is then made."""
    if protection.setting == "keep":
        return reject
    return Reject(protected_json(protection, reject.record).encode(), reject.reason)


def protected_json(protection: Protection, value: str | bytes) -> str:
    """The JSON as the setting wants it: numbers in known fields, everything else that is not known to be harmless null.

    :param value: JSON; of what is none, or not valid text, nothing is left but `null`.
    """
    text = value if isinstance(value, str) else value.decode("utf-8", "replace")
    if protection.setting == "keep":
        return text
    try:
        protected = _protected(protection, json.loads(text), "")
    except (ValueError, RecursionError):
        return "null"
    return msgspec.json.encode(protected, order="deterministic").decode()


def _protected(protection: Protection, value: Any, field: str) -> Any:
    if isinstance(value, dict):
        named = {name: inner for name, inner in value.items() if _FIELD_NAME.fullmatch(name)}
        return {name: _protected(protection, inner, name) for name, inner in named.items()}
    if isinstance(value, list):
        return [_protected(protection, item, field) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if field in _NUMBERS:
        return protection.numbers(str(value))
    harmless = _HARMLESS.get(field)
    return harmless(value) if harmless else None


def _of_form(form: re.Pattern[str]) -> Callable[[str | float], str | float | None]:
    def checked(value: str | float) -> str | float | None:
        return value if isinstance(value, str) and form.fullmatch(value) else None

    return checked


def _record_id(value: str | float) -> str | float | None:
    if isinstance(value, str):
        return value if is_id(value) else None
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _count(value: str | float) -> str | float | None:
    if isinstance(value, str):
        return value if _DECIMAL.fullmatch(value) else None
    return value if abs(value) < _MAX_COUNT else None


def protected_description(protection: Protection, value: str | None) -> str | None:
    """Words of the service as the setting wants them: with no phone number, or with nothing that could be part of one.

    A number is in a column of its own, so it is removed with `keep`, too.
    """
    if value is None or protection.setting == "keep":
        return value and redact(value)
    return _description(value)


def _description(value: str | float) -> str | None:
    if not isinstance(value, str):
        return None
    return _DIGITS.sub("***", redact(value)).encode("utf-8", "replace").decode()


_NUMBERS = frozenset({"from", "to", "phoneNumber"})

_HARMLESS: dict[str, Callable[[str | float], str | float | None]] = {
    **dict.fromkeys(("id", "batchId"), _record_id),
    **dict.fromkeys(("creationTime", "lastModifiedTime", "createdAt", "lastUpdatedAt"), _of_form(_TIME)),
    **dict.fromkeys(("direction", "messageStatus", "status", "errorCode", "source"), _of_form(_WORD)),
    **dict.fromkeys(("segmentCount", "cost", "batchSize", "processedCount", "index"), _count),
    "description": _description,
}
