"""Batches: the list, its filters, and single reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.expected import parse_time

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

BATCH_TYPES = {
    "id": str,
    "from": str,
    "batchSize": int,
    "processedCount": int,
    "status": str,
    "creationTime": str,
    "lastModifiedTime": str,
    "rejected": list,
    "cost": float,
}
REJECTED_TYPES = {"index": int, "to": list, "errorCode": str, "description": str}


def test_batches_have_the_types_of_the_schema(big: Client) -> None:
    batches = big.records("/batches", big.everything)
    assert len(batches) == len(big.sandbox.store.batches)
    for record in batches:
        assert {name: type(value) for name, value in record.items()} == BATCH_TYPES
        assert all({name: type(value) for name, value in one.items()} == REJECTED_TYPES for one in record["rejected"])


def test_some_batches_have_rejected_recipients(big: Client) -> None:
    assert any(record["rejected"] for record in big.records("/batches", big.everything))


def test_a_batch_counts_and_costs_what_its_messages_do(big: Client) -> None:
    for record in big.records("/batches", big.everything):
        messages = [one for one in big.sandbox.store.messages if one.batch_id == record["id"]]
        assert record["batchSize"] == record["processedCount"] == len(messages) + len(record["rejected"])
        assert record["cost"] == pytest.approx(sum(one.final_cost or 0 for one in messages), abs=1e-9)
        assert {one.from_number for one in messages} == {record["from"]}
        assert all(
            parse_time(record["creationTime"]) < one.created < parse_time(record["lastModifiedTime"])
            for one in messages
        )


@pytest.mark.parametrize("per_page", [1, 7, 1000])
def test_batches_are_filtered_by_sender(big: Client, per_page: int) -> None:
    found = big.records("/batches", big.everything | {"from": "16505550102", "perPage": per_page})
    plain = [one.id for one in reversed(big.sandbox.store.batches) if one.from_number == "+16505550102"]
    assert [record["id"] for record in found] == plain
    assert plain


def test_batches_are_filtered_by_their_window(big: Client) -> None:
    window = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}
    start, end = parse_time(window["dateFrom"]), parse_time(window["dateTo"])
    plain = [one.id for one in reversed(big.sandbox.store.batches) if start <= one.created < end]
    assert [record["id"] for record in big.records("/batches", window)] == plain


def test_batches_are_filtered_by_any_of_several_statuses(big: Client) -> None:
    query = big.everything | {"status": ["Queued", "Completed"]}
    assert len(big.records("/batches", query)) == len(big.sandbox.store.batches)
    assert big.records("/batches", big.everything | {"status": ["Sent", "Processing"]}) == []


def test_a_single_batch_is_the_one_of_the_list(big: Client) -> None:
    record = big.records("/batches", big.everything)[3]
    assert big.read(f"/batches/{record['id']}").json() == record
