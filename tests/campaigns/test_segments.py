"""Segments of texts."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.campaigns.segments import count_segments

EMOJI = "\U0001f600"


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà" + "a" * 110, 1),
    ],
)
def test_a_text_in_gsm_has_room_for_160_characters_or_153_in_each_segment(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@pytest.mark.parametrize("character", "\f^{}\\[~]|€")
def test_a_character_of_the_extension_table_counts_two(character: str) -> None:
    assert count_segments("a" * 158 + character) == 1
    assert count_segments("a" * 159 + character) == 2


def test_a_character_of_the_extension_table_is_not_divided() -> None:
    """Its escape would be the last place of the first segment, so 306 places need three segments."""
    assert count_segments("a" * 152 + "€" + "a" * 152) == 3
    assert count_segments("a" * 151 + "€" + "a" * 153) == 2


@pytest.mark.parametrize(
    ("text", "segments"),
    [("я", 1), ("я" * 70, 1), ("я" * 71, 2), ("я" * 134, 2), ("я" * 135, 3), ("a" * 70 + "ç", 2), ("a\0" * 35, 1)],
)
def test_one_character_outside_gsm_makes_it_ucs_2(text: str, segments: int) -> None:
    assert count_segments(text) == segments


def test_an_emoji_counts_two() -> None:
    assert count_segments(EMOJI * 35) == 1
    assert count_segments(EMOJI * 35 + "a") == 2


def test_an_emoji_is_not_divided() -> None:
    """67 places hold 33 emoji."""
    assert count_segments(EMOJI * 66) == 2
    assert count_segments(EMOJI * 67) == 3
    assert count_segments("я" * 66 + EMOJI + "я" * 66) == 3
