"""Items are fetched ahead from several sources, and none is lost or fetched for nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from airflow_provider_hvsms.api.read_ahead import read_ahead


class Counting:
    """Numbers from a source that tells how many it was asked for."""

    def __init__(self, *, most: int = 1_000_000, fails_at: int | None = None) -> None:
        self.given = 0
        self._asked = threading.Condition()
        self._most = most
        self._fails_at = fails_at

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._asked:
            if self.given == self._fails_at:
                raise LookupError("the source broke")
            if self.given == self._most:
                raise StopIteration
            self.given += 1
            self._asked.notify_all()
            return self.given

    def wait_until_given(self, count: int) -> None:
        with self._asked:
            assert self._asked.wait_for(lambda: self.given >= count, timeout=10)


def test_all_items_of_all_sources_come_once() -> None:
    sources = [iter(range(start, start + 1_000)) for start in range(0, 5_000, 1_000)]
    assert sorted(read_ahead(sources)) == list(range(5_000))


def test_the_items_of_one_source_keep_their_order() -> None:
    assert list(read_ahead([iter(range(1_000))])) == list(range(1_000))


def test_sources_without_items_end_at_once() -> None:
    assert list(read_ahead([iter(()), iter(())])) == []


def test_the_next_item_is_fetched_while_one_is_used() -> None:
    source = Counting()
    with closing(read_ahead([source])) as items:
        assert next(items) == 1
        source.wait_until_given(2)


def test_no_source_is_more_than_one_item_ahead() -> None:
    source = Counting(most=500)
    for item in read_ahead([source]):
        assert source.given <= item + 1


def test_an_error_of_a_source_is_raised_where_the_items_are_used() -> None:
    with pytest.raises(LookupError, match="the source broke"):
        list(read_ahead([Counting(most=5), Counting(fails_at=3)]))


def test_what_came_before_an_error_is_given() -> None:
    items = read_ahead([Counting(fails_at=3)])
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(LookupError):
        next(items)


def test_nothing_more_is_fetched_once_the_items_are_no_longer_used() -> None:
    source = Counting()
    with closing(read_ahead([source])) as items:
        next(items)
        source.wait_until_given(2)
    for thread in threading.enumerate():
        if thread.name == "hvsms-read-ahead":
            thread.join(timeout=10)
    assert source.given == 2
