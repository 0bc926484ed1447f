"""A report shows no phone number in full."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.reports.masking import mask_number, mask_numbers


@pytest.mark.parametrize(
    ("number", "mask"),
    [
        ("+16505550100", "+1650•••0100"),
        ("+4512345678", "+451•••5678"),
        ("6505550100", "650•••0100"),
        ("123456", "•••56"),
        ("12345", "•••45"),
        ("", "not kept"),
        (None, "not kept"),
        ("0" * 63 + "f", "00000000…"),
    ],
)
def test_mask_leaves_out_what_tells_a_number(number: str | None, mask: str) -> None:
    assert mask_number(number) == mask


def test_numbers_with_one_mask_stay_apart() -> None:
    assert mask_numbers(["+16505550100", "+16505560100", "12345", "+16505570100"]) == [
        "+1650•••0100",
        "+1650•••0100 (2)",
        "•••45",
        "+1650•••0100 (3)",
    ]
