"""The numbers of a report as JSON have the documented shape."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.error_codes import CodeCount, explain
from airflow_provider_hvsms.reports.json import as_json
from airflow_provider_hvsms.reports.numbers import Day, Group, Outcomes, ReportNumbers, Tally

OUTBOUND = Outcomes(
    delivered=Tally(count=3, cost=Decimal("0.0255"), segments=3),
    failed=Tally(count=1, cost=Decimal("0.01"), segments=2),
)
NOTHING: dict[str, Any] = {"count": 0, "cost": "0.000000", "segments": 0}
AS_JSON = {
    "count": 4,
    "cost": "0.035500",
    "segments": 5,
    "delivery_rate": 0.75,
    "cost_per_delivered": "0.011833",
    "segments_per_message": 1.25,
    "delivered": {"count": 3, "cost": "0.025500", "segments": 3},
    "failed": {"count": 1, "cost": "0.010000", "segments": 2},
    "unknown": NOTHING,
    "pending": NOTHING,
}
NUMBERS = ReportNumbers(
    table="messages",
    start=datetime(2026, 11, 1, tzinfo=UTC),
    end=datetime(2026, 11, 2, tzinfo=UTC),
    created_at=datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC),
    outbound=OUTBOUND,
    inbound=2,
    days=(Day(day=date(2026, 11, 1), outbound=OUTBOUND, inbound=2),),
    senders=(Group(name="+1650•••0100", outbound=OUTBOUND, inbound=2),),
    batches=(Group(name="7", outbound=OUTBOUND),),
    codes=(CodeCount(code=explain("SMS-CAR-413"), count=1),),
    other_senders=9,
)


def test_json_has_the_documented_shape() -> None:
    assert json.loads(as_json(NUMBERS)) == {
        "version": 1,
        "table": "messages",
        "window": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"},
        "created_at": "2026-11-02T03:04:05Z",
        "outbound": AS_JSON,
        "inbound": 2,
        "days": [{"day": "2026-11-01", "outbound": AS_JSON, "inbound": 2}],
        "senders": [{"name": "+1650•••0100", "outbound": AS_JSON, "inbound": 2}],
        "other_senders": 9,
        "batches": [{"name": "7", "outbound": AS_JSON}],
        "codes": [
            {
                "code": "SMS-CAR-413",
                "count": 1,
                "kind": "opted_out",
                "meaning": "recipient opted out",
                "remedy": "remove the number",
            }
        ],
    }


def test_rates_of_nothing_are_null() -> None:
    empty = json.loads(as_json(dataclasses.replace(NUMBERS, outbound=Outcomes())))["outbound"]
    rates = [empty[name] for name in ("delivery_rate", "cost_per_delivered", "segments_per_message")]
    assert rates == [None, None, None]
