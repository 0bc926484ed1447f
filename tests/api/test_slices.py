"""A window read in slices returns every record once, for few additional requests, however records are distributed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.api.records import Message, Page
from airflow_provider_hvsms.api.slices import Slices
from airflow_provider_hvsms.api.window import Window

END = datetime(2026, 11, 1, tzinfo=UTC)
DAY = Window(END - timedelta(days=1), END)
PER_PAGE = 20


class Store:
    """Reads the messages of a window page by page, in the given order."""

    def __init__(self, times: Sequence[datetime], arrange: Callable[[list[Message]], list[Message]]) -> None:
        self._messages = [Message(id=str(number), creation_time=time) for number, time in enumerate(times)]
        self._arrange = arrange
        self.requests: list[Window] = []

    def read(self, window: Window) -> Iterator[Page[Message]]:
        within = [message for message in self._messages if window.start <= message.creation_time < window.end]
        arranged = self._arrange(within)
        for position in range(0, max(1, len(arranged)), PER_PAGE):
            self.requests.append(window)
            more = position + PER_PAGE < len(arranged)
            yield Page(arranged[position : position + PER_PAGE], (), "more" if more else None)


def newest_first(messages: list[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: message.creation_time, reverse=True)


def oldest_first(messages: list[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: message.creation_time)


def shuffled(messages: list[Message]) -> list[Message]:
    return random.Random(1).sample(messages, len(messages))


def at(fractions: Sequence[float]) -> list[datetime]:
    return [DAY.start + fraction * DAY.length for fraction in fractions]


rng = random.Random(7)
TIMES = {
    "evenly": at([number / 3_000 for number in range(3_000)]),
    "at random": at([rng.random() for _ in range(3_000)]),
    "in campaigns": at([hour / 24 + rng.random() / 500 for hour in (1, 2, 9, 15) for _ in range(750)]),
    "in one campaign": at([0.5 + rng.random() / 10_000 for _ in range(3_000)]),
    "at one moment": at([0.3] * 3_000),
    "long ago": at([number / 300_000 for number in range(3_000)]),
    "at both ends": at([0.0] * 1_500 + [1 - 1e-7] * 1_500),
    "one": at([0.5]),
    "none": [],
}


def read_all(store: Store, readers: int, window: Window = DAY) -> list[str]:
    first = next(store.read(window))
    slices = Slices(window, first, per_page=PER_PAGE, readers=readers)
    pages = read_ahead([slices.pages(store.read) for _ in range(readers)])
    return [message.id for page in pages for message in page.records]


@pytest.mark.parametrize("readers", [1, 2, 8])
@pytest.mark.parametrize("arrange", [newest_first, oldest_first, shuffled])
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_every_record_is_read_once(
    times: list[datetime], arrange: Callable[[list[Message]], list[Message]], readers: int
) -> None:
    store = Store(times, arrange)
    assert sorted(read_all(store, readers)) == sorted(map(str, range(len(times))))


@pytest.mark.parametrize("milliseconds", range(1, 20))
def test_every_record_of_a_window_of_few_milliseconds_is_read_once(milliseconds: int) -> None:
    window = Window(DAY.start, DAY.start + timedelta(milliseconds=milliseconds))
    times = [window.start + number / 1_000 * window.length for number in range(1_000)]
    assert sorted(read_all(Store(times, newest_first), 3, window)) == sorted(map(str, range(1_000)))


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_the_slices_cover_the_window_without_gap_or_overlap(times: list[datetime]) -> None:
    store = Store(times, newest_first)
    read_all(store, 4)
    slices = sorted({(window.start, window.end) for window in store.requests[1:]})
    assert (slices[0][0], slices[-1][1]) == (DAY.start, DAY.end)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(slices))


@pytest.mark.parametrize("name", ["evenly", "at random"])
def test_evenly_distributed_messages_cost_at_most_a_tenth_more_requests(name: str) -> None:
    store = Store(TIMES[name], newest_first)
    read_all(store, 4)
    assert len(store.requests) <= 1.1 * 3_000 / PER_PAGE + 1


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_campaigns_and_quiet_times_cost_at_most_fifty_more_requests(times: list[datetime]) -> None:
    store = Store(times, newest_first)
    read_all(store, 4)
    assert len(store.requests) <= 1.1 * len(times) / PER_PAGE + 50
