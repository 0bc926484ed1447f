"""What became of messages."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.api.outcomes import Outcome, OutcomeCounts, count_outcomes, outcome_of
from airflow_provider_hvsms.api.records import StatusTotal, StatusTotals


@pytest.mark.parametrize(
    ("status", "error_code", "outcome"),
    [
        ("Queued", None, "pending"),
        ("Sent", None, "pending"),
        ("Delivered", None, "delivered"),
        ("DeliveryFailed", None, "failed"),
        ("SendingFailed", "SMS-RC-413", "failed"),
        ("DeliveryFailed", "SMS-CAR-999", "failed"),
        ("DeliveryFailed", "SMS-CAR-104", "unknown"),
        ("DeliveryFailed", "SMS-CAR-199", "unknown"),
        ("DeliveryFailed", "SMS-UP-150", "unknown"),
        ("Paused", None, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_status_and_error_code_decide_the_outcome(status: str | None, error_code: str | None, outcome: Outcome) -> None:
    assert outcome_of(status, error_code) == outcome


def test_failures_whose_code_leaves_the_outcome_open_count_as_neither_delivered_nor_failed() -> None:
    totals = StatusTotals(
        queued=StatusTotal(count=1),
        sent=StatusTotal(count=2),
        delivered=StatusTotal(count=80),
        delivery_failed=StatusTotal(count=10, error_code_counts={"SMS-CAR-104": 3, "SMS-CAR-199": 1, "SMS-CAR-430": 6}),
        sending_failed=StatusTotal(count=5),
        others={"paused": StatusTotal(count=2)},
    )
    counts = count_outcomes(totals)
    assert counts == OutcomeCounts(delivered=80, failed=11, unknown=6, pending=3)
    assert counts.decided == 91


def test_outcomes_add_up_to_the_total_even_if_a_code_is_counted_too_often() -> None:
    totals = StatusTotals(delivery_failed=StatusTotal(count=2, error_code_counts={"SMS-CAR-104": 5}))
    assert count_outcomes(totals) == OutcomeCounts(unknown=2)


def test_nothing_has_no_outcome() -> None:
    assert count_outcomes(StatusTotals()) == OutcomeCounts()
