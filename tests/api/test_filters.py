"""Filters are checked before a request is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import BatchFilter, MessageFilter, check_per_page


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"view": "Full"}, "view is 'Full'.*'Simple', 'Detailed'"),
        ({"direction": "Sideways"}, "direction is 'Sideways'.*'Inbound', 'Outbound'"),
        ({"batch_id": ""}, "batch_id is ''.*rendered to nothing"),
        ({"batch_id": "None"}, "batch_id is 'None'.*rendered to nothing"),
        ({"batch_id": ".."}, "batch_id is '..'"),
        ({"phone_numbers": [f"+1650555{n:04}" for n in range(16)]}, "16 numbers.*at most 15"),
        ({"phone_numbers": "+16505550100"}, "must be a list"),
        ({"phone_numbers": [""]}, "not a phone number"),
        ({"phone_numbers": ["None"]}, "not a phone number"),
        ({"phone_numbers": ["['+16505550100'", "'+16505550101']"]}, "text of a list"),
    ],
)
def test_an_invalid_value_is_refused_and_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        MessageFilter(**arguments)


def test_an_error_about_phone_numbers_does_not_show_them() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        MessageFilter(phone_numbers=["+14155550177", ""])
    assert "0177" not in str(refusal.value)


def test_fifteen_phone_numbers_are_accepted() -> None:
    assert len(MessageFilter(phone_numbers=["+16505550100"] * 15).phone_numbers) == 15


@pytest.mark.parametrize("per_page", [0, -1, 1001, 2.5, "100", None])
def test_a_page_size_outside_1_to_1000_is_refused(per_page: Any) -> None:
    with pytest.raises(InvalidRequest, match="per_page"):
        check_per_page(per_page)


def test_none_equals_an_empty_list() -> None:
    everything: dict[str, Any] = {"phone_numbers": None}
    assert MessageFilter(**everything) == MessageFilter()
    everything = {"statuses": None}
    assert BatchFilter(**everything) == BatchFilter()
