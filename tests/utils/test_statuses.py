"""Counts by status as XCom and logs hold them."""

from __future__ import annotations

import json
from decimal import Decimal

from airflow_provider_hvsms.api.records import StatusTotal, StatusTotals
from airflow_provider_hvsms.utils.statuses import as_result, count_errors, errors_in_words

FAILED = StatusTotal(count=9, cost=Decimal("0.063"), error_code_counts={"SMS-CAR-413": 2, "SMS-CAR-430": 4})
UNSENT = StatusTotal(count=3, error_code_counts={"SMS-RC-413": 2, "SMS-CAR-430": 1, "SMS-RC-500": 0})


def test_errors_of_all_statuses_are_added_up_with_the_most_frequent_first() -> None:
    errors = [(counted.code.code, counted.count) for counted in count_errors(FAILED, UNSENT)]
    assert errors == [("SMS-CAR-430", 5), ("SMS-CAR-413", 2), ("SMS-RC-413", 2)]


def test_a_result_explains_each_error() -> None:
    result = as_result(StatusTotals(delivery_failed=FAILED))
    assert result["errors"][1] == {
        "code": "SMS-CAR-413",
        "count": 2,
        "kind": "opted_out",
        "meaning": "recipient opted out",
        "remedy": "remove the number",
    }
    assert json.loads(json.dumps(result)) == result


def test_a_result_without_errors_has_an_empty_list() -> None:
    assert as_result(StatusTotals())["errors"] == []


def test_words_name_the_leading_codes_and_add_up_the_others() -> None:
    codes = {"SMS-CAR-430": 1_500, "SMS-CAR-413": 20, "SMS-CAR-460": 5, "SMS-UP-411": 2, "SMS-RC-500": 1}
    assert errors_in_words(count_errors(StatusTotal(error_code_counts=codes)), 1_530) == (
        ": 1,500 SMS-CAR-430 blocked as spam by the carrier (check the text against the registered campaign), "
        "20 SMS-CAR-413 recipient opted out (remove the number), 5 SMS-CAR-460 short code refused, "
        "3 with other codes, 2 without a code"
    )


def test_words_say_nothing_about_no_failures() -> None:
    assert errors_in_words([], 0) == ""
