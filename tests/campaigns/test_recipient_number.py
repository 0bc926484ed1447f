"""Phone numbers as people write them."""

from __future__ import annotations

import re

import pytest

from airflow_provider_hvsms.campaigns.recipient_number import explain_invalid, normalize_number


@pytest.mark.parametrize(
    "value",
    ["+14155550100", " +14155550100\n", "+1 (415) 555-0100", "+1.415.555.0100", "+1\u00a0415\u2011555\u20110100"],
)
def test_usual_separators_are_removed(value: str) -> None:
    assert normalize_number(value) == "+14155550100"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("4155550100", "does not start with +"),
        ("(415) 555-0100", "does not start with +"),
        ("001 415 555 0100", "does not start with +"),
        ("+44 (0)20 7946 0958", r"a \(0\)"),
        ("+44 ( 0 ) 20 7946 0958", r"a \(0\)"),
        ("+1415555010a", "not in E.164 format"),
        ("+14155550100\0", "not in E.164 format"),
        ("+1415\n5550100", "not in E.164 format"),
        ("+04155550100", "not in E.164 format"),
        ("+1415", "not in E.164 format"),
        ("+1415555010012345", "not in E.164 format"),
        ("+1\u0664\u0661\u0665\u0665\u0665\u0665\u0660\u0661\u0660\u0660", "not in E.164 format"),
        ("+14155550100, +14155550101", "not in E.164 format"),
        ("++14155550100", "not in E.164 format"),
        ("", "no number"),
        (None, "no number"),
        (14155550100, "is a int"),
    ],
)
def test_anything_else_is_invalid_for_a_reason(value: object, reason: str) -> None:
    assert normalize_number(value) is None
    assert re.search(reason, explain_invalid(value))
