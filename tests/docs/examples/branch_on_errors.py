"""What follows the statuses of a batch, by the reason of most of its failures."""

from __future__ import annotations

from typing import Any


def what_follows(statuses: dict[str, Any]) -> str:
    """Return the id of the next task."""
    leading = next(iter(statuses["errors"]), None)
    match leading and leading["kind"]:
        case "bad_number" | "opted_out":
            return "remove_numbers"
        case "spam" | "content":
            return "review_text"
        case _:
            return "report"
