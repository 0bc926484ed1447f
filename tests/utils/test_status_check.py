"""Counted messages held against limits, in one sentence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import StatusTotal, StatusTotals
from airflow_provider_hvsms.utils.status_check import StatusCheck
from airflow_provider_hvsms.utils.status_limits import LimitArguments

BAD_DAY = StatusTotals(
    queued=StatusTotal(count=50, cost=Decimal()),
    sent=StatusTotal(count=150, cost=Decimal("1.05")),
    delivered=StatusTotal(count=8_888, cost=Decimal("62.216")),
    delivery_failed=StatusTotal(
        count=700, cost=Decimal("4.9"), error_code_counts={"SMS-CAR-430": 500, "SMS-CAR-104": 100, "SMS-UP-500": 100}
    ),
    sending_failed=StatusTotal(count=212, cost=Decimal(), error_code_counts={"SMS-RC-413": 212}),
)


def check(totals: StatusTotals, **limits: Any) -> StatusCheck:
    return StatusCheck(totals, LimitArguments(**limits).resolve())


def decided(delivered: int, failed: int) -> StatusTotals:
    return StatusTotals(delivered=StatusTotal(count=delivered), delivery_failed=StatusTotal(count=failed))


def test_all_broken_limits_are_in_one_sentence_with_numbers_and_codes() -> None:
    judged = check(BAD_DAY, max_failed_ratio=0.05, max_cost=50, min_messages=20_000)
    assert not judged.is_passed
    assert judged.in_words("[a, b)") == (
        "Of 10,000 messages created in [a, b) (fewer than the 20,000 expected), 812 of the 9,700 that were delivered "
        "or failed have failed (8.4 %, allowed 5 %): 500 SMS-CAR-430 blocked as spam by the carrier (check the text "
        "against the registered campaign), 212 SMS-RC-413 recipient opted out (remove the number; only the recipient's "
        "START opts back in), 100 SMS-UP-500 upstream failure (retry later); they cost $68.166 (allowed $50.00); "
        "200 are pending and 100 unknown."
    )


def test_limits_that_are_kept_are_told_with_the_same_numbers() -> None:
    judged = check(BAD_DAY, max_failed_ratio="0.125", max_cost="68.166", min_messages=10_000)
    assert judged.is_passed
    words = judged.in_words("[a, b)")
    assert words.startswith("Of 10,000 messages created in [a, b) (at least 10,000 expected), 812 of the 9,700 that")
    assert "(8.4 %, within 12.5 %)" in words
    assert "they cost $68.166 (within $68.166); 200 are pending" in words


@pytest.mark.parametrize(
    ("broken", "limits"),
    [
        ("allowed 5 %", {"max_failed_ratio": 0.05}),
        ("allowed $68.00", {"max_cost": 68}),
        ("fewer than the 10,001 expected", {"min_messages": 10_001}),
    ],
)
def test_each_limit_breaks_alone(broken: str, limits: dict[str, Any]) -> None:
    judged = check(BAD_DAY, **limits)
    assert not judged.is_passed
    assert broken in judged.in_words("[a, b)")


def test_a_limit_is_kept_up_to_itself() -> None:
    assert check(decided(95, 5), max_failed_ratio=0.05).is_passed
    assert check(decided(7, 3), max_failed_ratio=0.3).is_passed
    assert not check(decided(94, 6), max_failed_ratio=0.05).is_passed


def test_as_many_digits_are_shown_as_tell_a_broken_limit_from_a_kept_one() -> None:
    judged = check(decided(949_990, 50_010), max_failed_ratio=0.05)
    assert not judged.is_passed
    assert "(5.001 %, allowed 5 %)" in judged.in_words("[a, b)")


def test_a_limit_that_is_off_is_told_as_none() -> None:
    assert "(8.4 %, no limit)" in check(BAD_DAY, max_cost=100).in_words("[a, b)")


def test_messages_whose_outcome_is_unknown_do_not_count_as_failed() -> None:
    lost = StatusTotal(count=50, error_code_counts={"SMS-CAR-104": 30, "SMS-CAR-199": 20})
    judged = check(StatusTotals(delivered=StatusTotal(count=50), delivery_failed=lost), max_failed_ratio=0)
    assert judged.is_passed
    assert judged.in_words("[a, b)").endswith(
        "0 of the 50 that were delivered or failed have failed (0.0 %, within 0 %); 0 are pending and 50 unknown."
    )


@pytest.mark.parametrize("totals", [StatusTotals(), StatusTotals(sent=StatusTotal(count=9))])
def test_a_ratio_of_nothing_passes_and_says_so(totals: StatusTotals) -> None:
    judged = check(totals, max_failed_ratio=0)
    assert judged.is_passed
    assert "none was delivered or has failed, so there is no ratio of failures to check;" in judged.in_words("[a, b)")


def test_a_cost_that_the_service_does_not_give_fails_instead_of_passing() -> None:
    judged = check(decided(95, 5), max_cost=0)
    assert not judged.is_passed
    assert "the service gave no costs, so max_cost ($0.00) cannot be checked;" in judged.in_words("[a, b)")


def test_no_messages_cost_nothing() -> None:
    assert check(StatusTotals(), max_cost=0).is_passed


def test_messages_without_a_cost_beside_others_are_told() -> None:
    totals = StatusTotals(delivered=StatusTotal(count=5, cost=Decimal("0.035")), queued=StatusTotal(count=2))
    judged = check(totals, max_cost=1)
    assert judged.is_passed
    assert "they cost $0.035 (within $1.00), without the 2 for which the service gave no cost;" in judged.in_words("-")


def test_costs_that_nobody_limits_are_told_only_if_the_service_gives_them() -> None:
    assert "they cost $68.166;" in check(BAD_DAY, max_failed_ratio=1).in_words("[a, b)")
    assert "cost" not in check(decided(1, 0), max_failed_ratio=1).in_words("[a, b)")
