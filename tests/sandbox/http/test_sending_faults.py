"""Faults around the creation of a batch."""

from __future__ import annotations

import http.client
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from airflow_provider_hvsms.sandbox import Fault

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client
    from tests.support.clock import ManualClock

ANA = "+14155550101"
TOMORROW = {"dateTo": "2026-03-02T12:00:00Z"}


def listed(client: Client) -> int:
    return len(client.records("/batches", TOMORROW | {"dateFrom": "2026-03-01T12:00:00Z"}))


def test_a_lost_answer_leaves_a_batch(client: Client) -> None:
    client.sandbox.faults.add(Fault.lost_answer(), method="POST")
    with pytest.raises(http.client.RemoteDisconnected):
        client.send_batch(ANA)
    assert listed(client) == 1
    assert client.sandbox.store.sent_counts() == {(ANA, "Hello"): 1}
    assert client.sandbox.counters.dropped == 1


def test_a_connection_that_is_lost_before_leaves_nothing(client: Client) -> None:
    client.sandbox.faults.add(Fault.drop(), method="POST")
    with pytest.raises(http.client.RemoteDisconnected):
        client.send_batch(ANA)
    assert listed(client) == 0


@pytest.mark.parametrize(("fault", "created"), [(Fault.server_error(502), 0), (Fault.server_error_after(502), 1)])
def test_a_server_error_comes_before_or_after_the_creation(client: Client, fault: Fault, created: int) -> None:
    client.sandbox.faults.add(fault, method="POST")
    assert client.send_batch(ANA).status == 502
    assert listed(client) == created


def test_a_late_answer_waits_after_the_creation(client: Client) -> None:
    client.sandbox.faults.add(Fault.late_answer(0.2), method="POST")
    started = time.perf_counter()
    assert client.send_batch(ANA).status == 201
    assert time.perf_counter() - started >= 0.2
    assert listed(client) == 1


def test_an_answer_that_comes_too_late_leaves_a_batch(client: Client) -> None:
    client.sandbox.faults.add(Fault.late_answer(30), method="POST")
    client.connection.close()
    client.connection.timeout = 0.2
    with pytest.raises(TimeoutError):
        client.send_batch(ANA)
    assert client.sandbox.store.sent_counts() == {(ANA, "Hello"): 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault.listed_late(30),
        Fault.server_error_after(listed_after=30),
        Fault.late_answer(0, listed_after=30),
    ],
)
def test_a_created_batch_is_listed_late(client: Client, clock: ManualClock, fault: Fault) -> None:
    client.sandbox.faults.add(fault, method="POST")
    client.send_batch(ANA)
    assert listed(client) == 0
    clock.now += 30
    assert listed(client) == 1


def test_a_lost_batch_is_listed_late(client: Client, clock: ManualClock) -> None:
    client.sandbox.faults.add(Fault.lost_answer(listed_after=30), method="POST")
    with pytest.raises(http.client.RemoteDisconnected):
        client.send_batch(ANA)
    assert listed(client) == 0
    clock.now += 30
    assert listed(client) == 1


@pytest.mark.parametrize(
    "fault", [Fault.lost_answer(copies=1), Fault.server_error_after(copies=1), Fault.listed_late(0, copies=1)]
)
def test_another_client_sends_an_equal_batch_at_the_same_time(client: Client, fault: Fault) -> None:
    client.sandbox.faults.add(fault, method="POST")
    with suppress(http.client.RemoteDisconnected):
        client.send_batch(ANA)
    assert listed(client) == 2
    assert client.sandbox.counters.methods["POST batches"] == 1


def test_a_fault_may_concern_one_method_only(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error(), path="/batches", method="POST", after=1)
    assert [client.read("/batches").status for _ in range(3)] == [200, 200, 200]
    assert [client.send_batch(ANA).status for _ in range(3)] == [201, 503, 201]


def test_an_answer_may_hold_fields_that_are_not_documented(client: Client) -> None:
    client.sandbox.faults.add(Fault.with_fields({"channel": "TollFree"}), method="POST")
    reply = client.send_batch(ANA)
    assert (reply.status, reply.json()["channel"]) == (201, "TollFree")


def test_a_refused_batch_is_not_created_by_a_fault(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error_after(copies=1), method="POST")
    assert client.send_batch(ANA, text="").status == 503
    assert listed(client) == 0
