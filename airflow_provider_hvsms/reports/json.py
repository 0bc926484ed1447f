"""A delivery report as JSON.

The shape, which a new `version` changes only by adding to it::

    {"version": 1, "table": …, "window": {"start": …, "end": …}, "created_at": …,
     "outbound": OUTCOMES, "inbound": 0,
     "days": [{"day": "2026-11-01", "outbound": OUTCOMES, "inbound": 0}],
     "senders": [{"name": "+1650•••0100", "outbound": OUTCOMES, "inbound": 0}], "other_senders": 0,
     "batches": [{"name": …, "outbound": OUTCOMES}],
     "codes": [{"code": …, "count": 0, "kind": …, "meaning": …, "remedy": …}]}

`OUTCOMES` has `count`, `cost` and `segments`, the same of each of `delivered`, `failed`, `unknown` and `pending`, and
`delivery_rate`, `cost_per_delivered` and `segments_per_message`, which are null where there is nothing to divide by.
Costs are texts of dollars with six decimal places, so that no digit is lost. Times are UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import msgspec

from airflow_provider_hvsms.api.outcomes import Outcome
from airflow_provider_hvsms.reports.numbers import Outcomes, ReportNumbers, Tally

VERSION = 1


def as_json(numbers: ReportNumbers) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(_document(numbers)), indent=2) + b"\n"


def _document(numbers: ReportNumbers) -> dict[str, Any]:
    return {
        "version": VERSION,
        "table": numbers.table,
        "window": {"start": numbers.start, "end": numbers.end},
        "created_at": numbers.created_at,
        "outbound": _outcomes(numbers.outbound),
        "inbound": numbers.inbound,
        "days": [{"day": day.day, "outbound": _outcomes(day.outbound), "inbound": day.inbound} for day in numbers.days],
        "senders": [
            {"name": sender.name, "outbound": _outcomes(sender.outbound), "inbound": sender.inbound}
            for sender in numbers.senders
        ],
        "other_senders": numbers.other_senders,
        "batches": [{"name": batch.name, "outbound": _outcomes(batch.outbound)} for batch in numbers.batches],
        "codes": [
            {
                "code": one.code.code,
                "count": one.count,
                "kind": one.code.kind,
                "meaning": one.code.meaning,
                "remedy": one.code.remedy,
            }
            for one in numbers.codes
        ],
    }


def _outcomes(outcomes: Outcomes) -> dict[str, Any]:
    per_delivered = outcomes.cost_per_delivered
    return {
        **_tally(outcomes.total),
        "delivery_rate": outcomes.delivery_rate,
        "cost_per_delivered": None if per_delivered is None else _dollars(per_delivered),
        "segments_per_message": outcomes.segments_per_message,
        **{name: _tally(getattr(outcomes, name)) for name in get_args(Outcome)},
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {"count": tally.count, "cost": _dollars(tally.cost), "segments": tally.segments}


def _dollars(amount: Decimal) -> str:
    return f"{amount:.6f}"
