"""Batches are looked up with few requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_hvsms.api.batch_lookup import BatchLookup
from airflow_provider_hvsms.api.errors import InvalidRecord, NotFound
from airflow_provider_hvsms.sandbox import Sandbox
from tests.api.conftest import MakeClient


def states(lookup: BatchLookup, batch_ids: list[str]) -> dict[str, str | None]:
    found = lookup.find(batch_ids)
    assert not found.errors
    assert set(found.batches) == set(batch_ids)
    return {batch_id: batch.status for batch_id, batch in found.batches.items()}


@pytest.fixture
def running(sandbox: Sandbox) -> list[str]:
    return [sandbox.store.start_batch(size=10, seconds=None) for _ in range(50)]


@pytest.fixture
def lookup(sandbox: Sandbox, make_client: MakeClient) -> BatchLookup:
    return BatchLookup(make_client(sandbox))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_are_read_one_by_one(sandbox: Sandbox, running: list[str], lookup: BatchLookup, count: int) -> None:
    assert set(states(lookup, running[:count]).values()) == {"Processing"}
    assert dict(sandbox.counters.requests) == {"batch": count}


def test_many_are_found_in_one_list(sandbox: Sandbox, running: list[str], lookup: BatchLookup) -> None:
    assert set(states(lookup, running).values()) == {"Processing"}
    assert dict(sandbox.counters.requests) == {"batches": 1}


def test_a_batch_missing_from_the_list_is_read_once(sandbox: Sandbox, running: list[str], lookup: BatchLookup) -> None:
    sandbox.store.complete_batch(running[7])
    found = states(lookup, running)
    assert [name for name, status in found.items() if status == "Completed"] == [running[7]]
    assert dict(sandbox.counters.requests) == {"batches": 1, "batch": 1}


def test_many_batches_missing_from_the_list_are_found_in_a_second_list(
    sandbox: Sandbox, running: list[str], lookup: BatchLookup
) -> None:
    for batch_id in running:
        sandbox.store.complete_batch(batch_id)
    assert set(states(lookup, running).values()) == {"Completed"}
    assert dict(sandbox.counters.requests) == {"batches": 2}


def test_the_last_few_of_many_are_read_one_by_one(sandbox: Sandbox, running: list[str], lookup: BatchLookup) -> None:
    lookup.find(running)
    lookup.find(running[:1])
    assert dict(sandbox.counters.requests) == {"batches": 1, "batch": 1}


def test_a_list_starts_at_the_oldest_pending_batch(sandbox: Sandbox, running: list[str], lookup: BatchLookup) -> None:
    created = datetime.now(UTC) - timedelta(days=60)
    old = sandbox.store.add_batch(created=created, completed=None, size=5).id
    for batch_ids in ([*running, old], [*running, old], running, running):
        lookup.find(batch_ids)
    asked = [parse_qs(urlsplit(entry.path).query) for entry in sandbox.counters.log if "/batches?" in entry.path]
    reaches = [datetime.now(UTC) - datetime.fromisoformat(query["dateFrom"][0]) for query in asked]
    assert [round(reach / timedelta(days=1)) for reach in reaches] == [7, 60, 0, 0]


def test_creation_times_of_batches_that_are_looked_up_later_are_kept(
    sandbox: Sandbox, running: list[str], lookup: BatchLookup
) -> None:
    created = datetime.now(UTC) - timedelta(days=60)
    old = [sandbox.store.add_batch(created=created, completed=None, size=5).id for _ in range(4)]
    lookup.find(old)
    lookup.find(running, waited_for=old)
    lookup.find(old, waited_for=running)
    lookup.find(running, waited_for=old)
    assert sandbox.counters.requests["batch"] == len(old), "those too old for the first list, once each"
    last = parse_qs(urlsplit(sandbox.counters.log[-1].path).query)
    assert datetime.now(UTC) - datetime.fromisoformat(last["dateFrom"][0]) < timedelta(days=1)


def test_a_list_costs_no_more_requests_than_single_reads(
    sandbox: Sandbox, running: list[str], lookup: BatchLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup._client, "batch_pages", partial(lookup._client.batch_pages, per_page=1))
    now = datetime.now(UTC)
    created = [now - timedelta(days=60), *[now - timedelta(minutes=minutes) for minutes in (3, 2, 1)]]
    batch_ids = [sandbox.store.add_batch(created=time, completed=None, size=5).id for time in created]
    for batch_id in batch_ids:
        lookup.find([batch_id], waited_for=batch_ids)
        sandbox.store.complete_batch(batch_id)
    before = sandbox.counters.reads
    assert set(states(lookup, batch_ids).values()) == {"Completed"}
    assert sandbox.counters.reads - before <= 3 * len(batch_ids)


def test_older_batches_are_read_once_and_listed_afterwards(
    sandbox: Sandbox, running: list[str], lookup: BatchLookup
) -> None:
    created = datetime.now(UTC) - timedelta(days=60)
    old = [sandbox.store.add_batch(created=created, completed=None, size=5).id for _ in range(2)]
    assert set(states(lookup, running + old).values()) == {"Processing"}
    assert dict(sandbox.counters.requests) == {"batches": 1, "batch": 2}
    assert set(states(lookup, running + old).values()) == {"Processing"}
    assert dict(sandbox.counters.requests) == {"batches": 2, "batch": 2}


def test_an_undocumented_status_is_returned(sandbox: Sandbox, running: list[str], lookup: BatchLookup) -> None:
    record = {"id": "undocumented", "status": "Paused", "creationTime": datetime.now(UTC).isoformat()}
    sandbox.store.add_raw_batch(record, created=datetime.now(UTC), batch_id="undocumented")
    assert states(lookup, [*running, "undocumented"])["undocumented"] == "Paused"


def test_an_unknown_batch_does_not_affect_the_others(sandbox: Sandbox, running: list[str], lookup: BatchLookup) -> None:
    found = lookup.find([*running, "no-such-batch"])
    assert isinstance(found.errors["no-such-batch"], NotFound)
    assert set(found.batches) == set(running)


def test_a_batch_that_cannot_be_read_does_not_affect_the_others(
    sandbox: Sandbox, running: list[str], lookup: BatchLookup
) -> None:
    sandbox.store.add_raw_batch(
        {"id": "invalid", "creationTime": "soon"}, created=datetime.now(UTC), batch_id="invalid"
    )
    found = lookup.find([*running, "invalid"])
    assert isinstance(found.errors["invalid"], InvalidRecord)
    assert set(found.batches) == set(running)
