"""Phone numbers as a report shows them: enough to tell one's own senders apart, and no number in full."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

NOT_KEPT = "not kept"
"""Stands for the numbers of a table that was loaded with `personal_data="drop"`."""

_HASH = re.compile(r"[0-9a-f]{64}")
_SHOWN_OF_HASH = 8
_MIN_LENGTH = 10
"""Of a number with its country code. A shorter one, such as a short code, shows its last two digits only."""
_SHOWN = (5, 4)
"""Characters at the beginning and at the end of a number."""
_MIN_HIDDEN = 3


def mask_numbers(numbers: Sequence[str | None]) -> list[str]:
    """The numbers masked, in the same order. Different numbers with one mask are numbered: `+1650•••0100 (2)`."""
    seen: Counter[str] = Counter()
    names = []
    for number in numbers:
        mask = mask_number(number)
        seen[mask] += 1
        names.append(mask if seen[mask] == 1 else f"{mask} ({seen[mask]})")
    return names


def mask_number(number: str | None) -> str:
    """A number such as `+1650•••0100`, the beginning of a hash, or `NOT_KEPT`."""
    if not number:
        return NOT_KEPT
    if _HASH.fullmatch(number):
        return f"{number[:_SHOWN_OF_HASH]}…"
    if len(number) >= _MIN_LENGTH:
        first, last = _SHOWN
        return f"{number[: min(first, len(number) - last - _MIN_HIDDEN)]}•••{number[-last:]}"
    return f"•••{number[-2:]}"
