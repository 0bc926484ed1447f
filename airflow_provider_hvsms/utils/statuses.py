"""Counts of messages by status, as XCom and logs hold them: with their error codes in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow_provider_hvsms.api.error_codes import CodeCount, by_frequency
from airflow_provider_hvsms.api.records import StatusTotal, StatusTotals

_MAX_CODES = 3
"""Error codes in a sentence: the others are added up."""


def count_errors(*totals: StatusTotal) -> list[CodeCount]:
    """The error codes of the totals, the most frequent first."""
    counts: Counter[str] = Counter()
    for total in totals:
        counts.update(total.error_code_counts)
    return by_frequency(counts)


def errors_in_words(errors: Sequence[CodeCount], failed: int) -> str:
    """The leading error codes of so many failed messages, as the end of a sentence; empty if there is nothing to say.

    For example `: 500 SMS-CAR-430 blocked as spam by the carrier (check the text against the registered campaign)`.
    """
    parts = [_in_words(error) for error in errors[:_MAX_CODES]]
    if others := sum(error.count for error in errors[_MAX_CODES:]):
        parts.append(f"{others:,} with other codes")
    without_code = failed - sum(error.count for error in errors)
    if without_code > 0:
        parts.append(f"{without_code:,} without a code")
    return f": {', '.join(parts)}" if parts else ""


def as_result(totals: StatusTotals) -> dict[str, Any]:
    """The totals as plain values."""
    return {
        "queued": _as_counts(totals.queued),
        "sent": _as_counts(totals.sent),
        "delivered": _as_counts(totals.delivered),
        "delivery_failed": _as_counts(totals.delivery_failed),
        "sending_failed": _as_counts(totals.sending_failed),
        "others": {status: _as_counts(total) for status, total in totals.others.items()},
        "total": totals.total,
        "delivered_ratio": totals.delivered_ratio,
        "failed_ratio": totals.failed_ratio,
        "errors": [_as_values(error) for error in count_errors(*totals.by_status().values())],
    }


def _as_counts(total: StatusTotal) -> dict[str, Any]:
    return {
        "count": total.count,
        "cost": None if total.cost is None else float(total.cost),
        "error_code_counts": dict(total.error_code_counts),
    }


def _as_values(counted: CodeCount) -> dict[str, Any]:
    code, meaning, kind, remedy = counted.code
    return {"code": code, "count": counted.count, "kind": kind, "meaning": meaning, "remedy": remedy}


def _in_words(counted: CodeCount) -> str:
    remedy = "" if counted.code.remedy == "none" else f" ({counted.code.remedy})"
    return f"{counted.count:,} {counted.code.code} {counted.code.meaning}{remedy}"
