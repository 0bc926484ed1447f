"""Announced batches are kept in few bytes, however many there are."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.triggers.announced_batches import AnnouncedBatches

START = datetime(2026, 11, 1, tzinfo=UTC)
REACH = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def batch(number: int, created: datetime, status: str = "Completed") -> dict[str, Any]:
    return {"id": f"batch-{number}", "creation_time": created.isoformat(), "status": status}


class Store:
    """Batches that are created each minute, and complete after a random time of minutes to hours."""

    def __init__(self, seed: int, per_minute: int = 3) -> None:
        generator = random.Random(seed)
        created = [START + MINUTE * (number / per_minute) for number in range(per_minute * 1440)]
        self.batches = [
            (number, time, time + MINUTE * generator.expovariate(0.02)) for number, time in enumerate(created)
        ]

    def poll(self, now: datetime) -> list[dict[str, Any]]:
        return [
            batch(number, created, "Completed" if completed <= now else "Processing")
            for number, created, completed in self.batches
            if now - REACH <= created <= now
        ]


@pytest.mark.parametrize("seed", range(3))
def test_each_batch_is_announced_once_with_the_state_reloaded_each_time(seed: int) -> None:
    store, now = Store(seed), START + timedelta(hours=2)
    announced = AnnouncedBatches.starting_from(store.poll(now), now)
    before = {one["id"] for one in store.poll(now) if one["status"] == "Completed"}
    events: list[str] = []
    while now < START + timedelta(days=1):
        now += 20 * MINUTE
        recent = store.poll(now)
        for one in filter(announced.is_new, recent):
            events.append(one["id"])
            announced = announced.add(one)
        saved = json.dumps(announced.advance(recent, now, reach=REACH).to_json())
        announced = AnnouncedBatches.from_json(json.loads(saved))
    assert len(events) == len(set(events))
    assert set(events) == {one["id"] for one in store.poll(now) if one["status"] == "Completed"} - before


def test_the_state_stays_far_below_the_limit_of_airflow() -> None:
    store, now = Store(1, per_minute=30), START + timedelta(hours=20)
    recent = store.poll(now)
    announced = AnnouncedBatches.starting_from(recent, now).advance(recent, now, reach=REACH)
    completed = sum(one["status"] == "Completed" for one in recent)
    running = len(recent) - completed
    assert completed > 30_000
    assert len(json.dumps(announced.to_json())) < 12 * (running + 30 * 15) < 32_000


def test_a_batch_that_appears_some_minutes_late_is_announced() -> None:
    announced = AnnouncedBatches.starting_from([], START)
    assert announced.is_new(batch(1, START - 10 * MINUTE))


def test_a_batch_missing_from_a_poll_is_still_announced_later() -> None:
    running = batch(1, START - timedelta(hours=2), "Processing")
    announced = AnnouncedBatches.starting_from([running], START)
    announced = announced.advance([], START + MINUTE, reach=REACH)
    assert announced.is_new({**running, "status": "Completed"})
