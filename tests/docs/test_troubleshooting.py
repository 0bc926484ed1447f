"""The page about messages quotes what the package logs and raises, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.messages import all_texts, logged_or_raised

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def quoted() -> list[str]:
    """The messages that the page's lists begin with."""
    return [quote for _, quote in re.findall(r"^\* (`+) ?(.+?) ?\1$", PAGE.read_text(), re.MULTILINE)]


def test_every_message_that_is_quoted_is_one_of_the_package() -> None:
    texts = all_texts()
    unknown = [quote for quote in quoted() if not any(quote in text for text in texts)]
    assert unknown == []


def test_every_message_that_is_logged_as_a_warning_or_raised_is_explained() -> None:
    quotes = quoted()
    unexplained = [text for text in logged_or_raised() if not any(quote in text for quote in quotes)]
    assert unexplained == []
