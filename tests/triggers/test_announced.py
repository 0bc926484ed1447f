"""Which batches were announced is known in few bytes, however many there were."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.triggers.announced import Announced

START = datetime(2026, 11, 1, tzinfo=UTC)
REACH = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def batch(number: int, created: datetime, status: str = "Completed") -> dict[str, Any]:
    return {"id": f"batch-{number}", "creation_time": created.isoformat(), "status": status}


class Store:
    """Batches that are created each minute, and complete after some minutes, by chance up to hours."""

    def __init__(self, seed: int, each_minute: int = 3) -> None:
        chance = random.Random(seed)
        self.batches = [
            (number, (created := START + MINUTE * (number / each_minute)), created + MINUTE * chance.expovariate(0.02))
            for number in range(each_minute * 1440)
        ]

    def look(self, now: datetime) -> list[dict[str, Any]]:
        return [
            batch(number, created, "Completed" if completed <= now else "Processing")
            for number, created, completed in self.batches
            if now - REACH <= created <= now
        ]


@pytest.mark.parametrize("seed", range(3))
def test_each_batch_is_announced_once_though_the_place_is_read_anew_each_time(seed: int) -> None:
    store, now = Store(seed), START + timedelta(hours=2)
    announced = Announced.at_first_look(store.look(now), now)
    before = {one["id"] for one in store.look(now) if one["status"] == "Completed"}
    events: list[str] = []
    while now < START + timedelta(days=1):
        now += 20 * MINUTE
        look = store.look(now)
        for one in filter(announced.is_new, look):
            events.append(one["id"])
            announced = announced.with_one(one)
        announced = Announced.from_json(json.loads(json.dumps(announced.moved_on(look, now, reach=REACH).as_json())))
    assert len(events) == len(set(events))
    assert set(events) == {one["id"] for one in store.look(now) if one["status"] == "Completed"} - before


def test_what_is_noted_stays_far_below_the_limit_of_airflow() -> None:
    store, now = Store(1, each_minute=30), START + timedelta(hours=20)
    look = store.look(now)
    announced = Announced.at_first_look(look, now).moved_on(look, now, reach=REACH)
    completed = sum(one["status"] == "Completed" for one in look)
    running = len(look) - completed
    assert completed > 30_000
    assert len(json.dumps(announced.as_json())) < 12 * (running + 30 * 15) < 32_000


def test_a_batch_that_appears_some_minutes_late_is_announced() -> None:
    announced = Announced.at_first_look([], START)
    assert announced.is_new(batch(1, START - 10 * MINUTE))


def test_a_batch_that_is_missing_from_a_look_is_not_forgotten() -> None:
    running = batch(1, START - timedelta(hours=2), "Processing")
    announced = Announced.at_first_look([running], START)
    announced = announced.moved_on([], START + MINUTE, reach=REACH)
    assert announced.is_new({**running, "status": "Completed"})
