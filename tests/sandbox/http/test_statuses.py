"""Statuses: counts and costs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.conftest import STARTED
from tests.sandbox.expected import EXAMPLES, example_queries, expected_message, matching_messages, to_micros

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener


@pytest.mark.parametrize("name", EXAMPLES)
def test_statuses_add_up_what_the_messages_are(big: Client, name: str) -> None:
    query = example_queries(big)[name]
    content = big.read("/statuses", query).json()
    records = [expected_message(one, to_micros(STARTED), False) for one in matching_messages(big, query)]
    assert list(content) == ["queued", "sent", "delivered", "deliveryFailed", "sendingFailed"]
    for status, totals in content.items():
        own = [record for record in records if record["messageStatus"].lower() == status.lower()]
        assert totals["count"] == len(own)
        assert totals["cost"] == pytest.approx(sum(record.get("cost", 0) for record in own), abs=1e-6)
        codes = Counter(record["errorCode"] for record in own if "errorCode" in record)
        assert totals.get("errorCodeCounts", {}) == dict(codes)
        assert ("errorCodeCounts" in totals) == status.endswith("Failed")


def test_legacy_statuses_are_optional(open_client: Opener) -> None:
    totals = open_client(legacy_statuses=True).read("/statuses", {"dateTo": "2026-03-01T00:00:00Z"}).json()
    statuses = totals["messageStatuses"]
    assert list(statuses) == ["Queued", "Sent", "Delivered", "DeliveryFailed", "SendingFailed"]
    assert "cost" not in json.dumps(totals)
    assert sum(one["count"] for one in statuses.values()) > 0
    assert "errorCodeCounts" in statuses["SendingFailed"]


def test_prerendered_totals_are_those_that_are_added_up(open_client: Opener) -> None:
    whole = {"dateFrom": "2026-02-01T00:00:00Z", "dateTo": "2026-03-01T00:00:00Z"}
    for query in (whole, {**whole, "direction": "Inbound"}, {**whole, "dateFrom": "2026-02-27T00:00:00Z"}):
        ready, added_up = (
            open_client(prerendered=prerendered).read("/statuses", query).json() for prerendered in (True, False)
        )
        assert ready == added_up
        assert ready["delivered"]["count"] > 0
