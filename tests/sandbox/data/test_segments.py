"""Segments of a text, by GSM 03.38."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.sandbox.data.segments import segment_count


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ß" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("[]{}\\^~|" * 10, 1),
        ("[]{}\\^~|" * 10 + "a", 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("🎉" * 35, 1),
        ("🎉" * 36, 2),
        ("a" * 70 + "я", 2),
    ],
)
def test_a_text_has_the_segments_of_its_alphabet(text: str, segments: int) -> None:
    assert segment_count(text) == segments
