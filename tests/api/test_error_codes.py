"""Error codes in words."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.api.error_codes import DOCUMENTED, ErrorCode, explain


def test_a_documented_code_has_a_meaning_a_kind_and_a_remedy() -> None:
    assert explain("SMS-CAR-413") == ErrorCode("SMS-CAR-413", "recipient opted out", "opted_out", "remove the number")


@pytest.mark.parametrize("code", DOCUMENTED)
def test_each_documented_code_explains_itself_completely(code: str) -> None:
    explained = explain(code)
    assert explained.code == code
    assert explained.meaning
    assert explained.remedy
    assert explained.kind != "other"


def test_only_codes_that_leave_the_outcome_open_are_unknown() -> None:
    unknown = [code for code in DOCUMENTED if explain(code).kind == "unknown"]
    assert unknown == ["SMS-CAR-104", "SMS-CAR-199"]


@pytest.mark.parametrize(
    ("code", "meaning", "kind"),
    [
        ("SMS-UP-411", "the upstream gateway reports an error in the message, its numbers or its sender", "other"),
        ("SMS-CAR-599", "the recipient's carrier reports an error of its own service", "other"),
        ("SMS-RC-404", "RingCentral reports an error in the message, its numbers or its sender", "other"),
        ("SMS-CAR-150", "the recipient's carrier reports a status that is not final", "unknown"),
    ],
)
def test_a_code_that_is_not_documented_is_explained_by_its_prefix_and_hundreds(
    code: str, meaning: str, kind: str
) -> None:
    explained = explain(code)
    assert (explained.code, explained.meaning, explained.kind) == (code, meaning, kind)
    assert explained.remedy


@pytest.mark.parametrize(
    "code", ["SMS-XX-413", "SMS-CAR-900", "SMS-CAR-4130", "CMN-100", "sms-car-413", "", "SMS-CAR-"]
)
def test_anything_else_passes_through_as_not_documented(code: str) -> None:
    explained = explain(code)
    assert (explained.code, explained.kind) == (code, "other")
    assert explained.meaning == "a code that is not documented"
