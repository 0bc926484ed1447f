"""Items are fetched ahead, none is lost, and none is fetched that is not wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from airflow_provider_hvsms.api.read_ahead import read_ahead


class Counting:
    """A source of numbers that counts how many it returned."""

    def __init__(self, *, limit: int = 1_000_000, fails_at: int | None = None) -> None:
        self.returned = 0
        self._asked = threading.Condition()
        self._limit = limit
        self._fails_at = fails_at

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._asked:
            if self.returned == self._fails_at:
                raise LookupError("the source broke")
            if self.returned == self._limit:
                raise StopIteration
            self.returned += 1
            self._asked.notify_all()
            return self.returned

    def wait_until_returned(self, count: int) -> None:
        with self._asked:
            assert self._asked.wait_for(lambda: self.returned >= count, timeout=10)


def test_all_items_of_all_sources_are_returned_once() -> None:
    sources = [iter(range(start, start + 1_000)) for start in range(0, 5_000, 1_000)]
    assert sorted(read_ahead(sources)) == list(range(5_000))


def test_the_items_of_one_source_keep_their_order() -> None:
    assert list(read_ahead([iter(range(1_000))])) == list(range(1_000))


def test_empty_sources_end_immediately() -> None:
    assert list(read_ahead([iter(()), iter(())])) == []


def test_the_next_item_is_fetched_while_one_is_used() -> None:
    source = Counting()
    with closing(read_ahead([source])) as items:
        assert next(items) == 1
        source.wait_until_returned(2)


def test_no_source_is_more_than_one_item_ahead() -> None:
    source = Counting(limit=500)
    for item in read_ahead([source]):
        assert source.returned <= item + 1


def test_an_error_in_a_source_is_raised_in_the_consumer() -> None:
    with pytest.raises(LookupError, match="the source broke"):
        list(read_ahead([Counting(limit=5), Counting(fails_at=3)]))


def test_items_before_an_error_are_returned() -> None:
    items = read_ahead([Counting(fails_at=3)])
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(LookupError):
        next(items)


def test_no_source_is_read_after_the_generator_is_closed() -> None:
    source = Counting()
    with closing(read_ahead([source])) as items:
        next(items)
        source.wait_until_returned(2)
    for thread in threading.enumerate():
        if thread.name == "hvsms-read-ahead":
            thread.join(timeout=10)
    assert source.returned == 2
