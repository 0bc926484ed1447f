"""Each page says which part of its window it completes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hvsms.api.coverage import with_coverage
from airflow_provider_hvsms.api.records import Message, Page
from airflow_provider_hvsms.api.window import Window

HOUR = timedelta(hours=1)
END = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = Window(END - 24 * HOUR, END)


def pages(*hours: list[int]) -> Iterator[Page[Message]]:
    """Pages of messages that were created so many hours before the end."""
    for number, page in enumerate(hours):
        records = [Message(id=f"{number}-{before}", creation_time=END - before * HOUR) for before in page]
        yield Page(records, (), "more" if number < len(hours) - 1 else None)


def covered(*hours: list[int]) -> list[float]:
    return [page.covered / HOUR for page in with_coverage(pages(*hours), WINDOW)]


def test_a_page_reaches_from_the_page_before_it_to_its_oldest_record() -> None:
    assert covered([1, 2], [5, 6], [7]) == [2, 4, 18]


def test_the_last_page_completes_the_window_also_without_records() -> None:
    assert covered([]) == [24]
    assert covered([3], []) == [3, 21]


def test_a_page_without_records_completes_nothing_before_the_last_one() -> None:
    assert covered([3], [], [4]) == [3, 0, 21]


@pytest.mark.parametrize(
    "hours", [([20, 19], [18, 2], [1]), ([5, 20], [3, 9], [1, 23]), ([1, 2], [1, 2], [3])], ids=str
)
def test_in_any_other_order_the_parts_are_the_window_all_the_same(hours: tuple[list[int], ...]) -> None:
    parts = covered(*hours)
    assert sum(parts) == 24
    assert min(parts) >= 0


def test_records_outside_the_window_do_not_count() -> None:
    assert covered([-5, -4], [30], [31]) == [0, 24, 0]
