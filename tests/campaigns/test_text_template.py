"""Placeholders of texts."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.campaigns.text_template import TextTemplate


def test_placeholders_are_filled_with_columns() -> None:
    template = TextTemplate("Hello {name}, you owe {amount} since {day}: {{pay}} {name}")
    columns = {"name": "{Ada}", "amount": Decimal("19.90"), "day": datetime.date(2026, 1, 2)}

    assert template.render(columns, "Row 1") == "Hello {Ada}, you owe 19.90 since 2026-01-02: {pay} {Ada}"


def test_a_placeholder_may_have_any_case() -> None:
    assert TextTemplate("Hello {First_Name}").render({"first_name": "Ada"}, "Row 1") == "Hello Ada"


def test_a_text_without_placeholders_is_one_for_all() -> None:
    assert TextTemplate("{{10 % off}}").constant == "{10 % off}"
    assert TextTemplate("{a}").constant is None


@pytest.mark.parametrize(
    "text", ["{a.b}", "{a[0]}", "{a!r}", "{a:>8}", "{}", "{0}", "{ a }", "{a", "a}", "{{a}", "{{{", "{a{b}}"]
)
def test_anything_but_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="placeholder"):
        TextTemplate(text)


def test_a_missing_column_is_named_with_the_row_and_the_columns_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"Row 7 has no column 'city'.* Its columns are: name, to"):
        TextTemplate("{city}").render({"to": "+14155550100", "name": "Ada"}, "Row 7")


def test_a_null_is_refused_and_an_empty_text_is_not() -> None:
    template = TextTemplate("Hello {name}!")

    assert template.render({"name": ""}, "Row 1") == "Hello !"
    with pytest.raises(InvalidRequest, match="Row 7 has no value in column 'name'"):
        template.render({"name": None}, "Row 7")


@pytest.mark.parametrize("value", [True, b"a", [1], {"a": 1}])
def test_a_value_without_a_usual_form_is_refused_without_the_value(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=rf"^Row 7 has a {type(value).__name__} in column 'name'"):
        TextTemplate("{name}").render({"name": value}, "Row 7")
