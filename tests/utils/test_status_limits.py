"""The limits of a check, as users and templates write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.utils.status_limits import LimitArguments, Limits


@pytest.mark.parametrize("ratio", [0.05, "0.05", " 0.05 ", Decimal("0.05")])
@pytest.mark.parametrize("cost", [50, 50.0, "50", Decimal(50)])
@pytest.mark.parametrize("fewest", [1000, "1000", 1000.0])
def test_numbers_and_their_texts_are_the_same_limits(ratio: Any, cost: Any, fewest: Any) -> None:
    arguments = LimitArguments(max_failed_ratio=ratio, max_cost=cost, min_messages=fewest)
    arguments.check_known()
    assert arguments.resolve() == Limits(max_failed_ratio=Decimal("0.05"), max_cost=Decimal(50), min_messages=1000)


@pytest.mark.parametrize("ratio", [0, 1, "0", "1.0"])
def test_a_ratio_may_be_all_or_nothing(ratio: Any) -> None:
    assert LimitArguments(max_failed_ratio=ratio).resolve().max_failed_ratio == Decimal(str(ratio))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_failed_ratio", 5),
        ("max_failed_ratio", -0.1),
        ("max_failed_ratio", "5 %"),
        ("max_failed_ratio", True),
        ("max_failed_ratio", float("nan")),
        ("max_failed_ratio", "None"),
        ("max_failed_ratio", ""),
        ("max_failed_ratio", [0.05]),
        ("max_cost", -1),
        ("max_cost", "$50"),
        ("max_cost", "inf"),
        ("min_messages", 0.5),
        ("min_messages", -1),
        ("min_messages", "many"),
    ],
)
def test_what_is_no_limit_is_refused_in_words(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} is .*; it must be a .*number.*or None for no limit"):
        LimitArguments(**{name: value}).resolve()


@pytest.mark.parametrize(
    ("name", "value"), [("max_failed_ratio", 5), ("max_cost", "$50"), ("min_messages", Decimal(-1))]
)
def test_a_mistake_that_is_known_shows_beside_a_template(name: str, value: Any) -> None:
    others = {other: "{{ params.limit }}" for other in LimitArguments.template_fields if other != name}
    with pytest.raises(InvalidRequest, match=name):
        LimitArguments(**{name: value}, **others).check_known()


def test_templates_are_left_to_the_run() -> None:
    LimitArguments(max_failed_ratio="{{ params.ratio }}", max_cost=object(), min_messages=None).check_known()


def test_a_check_without_any_limit_is_refused() -> None:
    for check in (LimitArguments().check_known, LimitArguments().resolve):
        with pytest.raises(InvalidRequest, match="all None: give at least one limit"):
            check()
