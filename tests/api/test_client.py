"""Each read returns what the sandbox holds, with every filter."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.auth.session import Session
from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    NotFound,
)
from airflow_provider_hvsms.api.filters import BatchFilter, MessageFilter, OptOutFilter, StatusFilter
from airflow_provider_hvsms.api.quota.quota import Quota
from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.api.transport import Transport
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.api.conftest import MakeClient, credentials_of, ids, stored, whole_history
from tests.support.clock import ManualClock


@pytest.mark.parametrize("per_page", [1, 7, 1000])
def test_every_message_of_the_window_is_read_once(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
    end = whole_history(sandbox).end
    window = Window(end - timedelta(hours=3), end)
    expected = stored(sandbox, window)
    assert ids(make_client(sandbox).iter_messages(window, per_page=per_page)) == ids(expected)
    assert sandbox.counters.reads == max(1, -(-len(expected) // per_page))


def test_both_dates_are_always_sent(sandbox: Sandbox, make_client: MakeClient) -> None:
    list(make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(batch_id="b"), per_page=1000))
    assert all("dateFrom=" in entry.path and "dateTo=" in entry.path for entry in sandbox.counters.log)


def test_adjacent_windows_split_the_history_without_loss_or_overlap(sandbox: Sandbox, make_client: MakeClient) -> None:
    whole = whole_history(sandbox)
    middle = stored(sandbox, whole)[1_500].creation_time.replace(microsecond=0)
    client = make_client(sandbox)
    parts = [*client.iter_messages(Window(whole.start, middle)), *client.iter_messages(Window(middle, whole.end))]
    assert ids(parts) == ids(sandbox.store.messages)


def test_messages_can_be_filtered_by_batch(sandbox: Sandbox, make_client: MakeClient) -> None:
    batch = sandbox.store.batches[0]
    found = make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(batch_id=batch.id), per_page=7)
    assert ids(found) == ids(sandbox.store.messages_of(batch))


@pytest.mark.parametrize("direction", ["Inbound", "Outbound"])
def test_messages_can_be_filtered_by_direction(sandbox: Sandbox, make_client: MakeClient, direction: Any) -> None:
    found = make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(direction=direction))
    assert ids(found) == ids(message for message in sandbox.store.messages if message.direction == direction)


def test_messages_can_be_filtered_by_several_phone_numbers(sandbox: Sandbox, make_client: MakeClient) -> None:
    numbers = [sandbox.store.messages[0].to_numbers[0], sandbox.store.messages[1].from_number]
    found = make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(phone_numbers=numbers))
    expected = [
        message
        for message in sandbox.store.messages
        if message.from_number in numbers or set(message.to_numbers) & set(numbers)
    ]
    assert ids(found) == ids(expected)


@pytest.mark.parametrize(("view", "has_text"), [("Simple", False), ("Detailed", True)])
def test_only_the_detailed_view_has_texts(sandbox: Sandbox, make_client: MakeClient, view: Any, has_text: bool) -> None:
    messages = list(make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(view=view)))
    assert all((message.text is not None) is has_text for message in messages)


def test_a_single_message_has_its_text(sandbox: Sandbox, make_client: MakeClient) -> None:
    expected = sandbox.store.messages[0]
    message = make_client(sandbox).get_message(str(expected.id))
    assert (message.id, message.text) == (str(expected.id), expected.text)


def test_a_single_message_may_have_its_older_names(make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=10, legacy_names=True)) as sandbox:
        expected = sandbox.store.messages[0]
        assert make_client(sandbox).get_message(str(expected.id)).creation_time == expected.creation_time


def test_an_empty_window_of_the_store_gives_one_empty_page(sandbox: Sandbox, make_client: MakeClient) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    [page] = make_client(sandbox).message_pages(Window(long_ago, long_ago + timedelta(days=1)))
    assert (page.records, page.next_page_token) == ([], None)


def test_a_page_size_is_checked_before_the_first_request(sandbox: Sandbox, make_client: MakeClient) -> None:
    with pytest.raises(InvalidRequest, match="per_page"):
        make_client(sandbox).message_pages(whole_history(sandbox), per_page=0)
    assert sandbox.counters.reads == 0


def test_100_pages_are_read_with_a_small_quota_and_no_429(clock: ManualClock, make_client: MakeClient) -> None:
    settings = Settings(messages=2_000, days=1, light=20, window=5, penalty=5)
    with Sandbox(settings, clock=clock) as sandbox:
        assert len(list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=20))) == 2_000
        counters = sandbox.counters
        assert (counters.reads, counters.refused, counters.inside_penalty) == (100, 0, 0)
        assert sum(clock.slept) < 25, "a hundred requests at twenty in five seconds"


PER_PAGE = pytest.mark.parametrize("per_page", [1, 7, 1000])


@PER_PAGE
def test_every_filter_of_messages(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
    end = whole_history(sandbox).end
    window = Window(end - timedelta(hours=2), end)
    everything = stored(sandbox, window)
    first = next(message for message in everything if message.batch_id)
    number = first.to_numbers[0]
    client = make_client(sandbox)

    def found(**filters: Any) -> list[str]:
        return ids(client.iter_messages(window, MessageFilter(**filters), per_page=per_page))

    assert found(batch_id=first.batch_id) == ids(m for m in everything if m.batch_id == first.batch_id)
    assert found(direction="Inbound") == ids(m for m in everything if m.direction == "Inbound")
    assert found(phone_numbers=[number]) == ids(m for m in everything if number in (m.from_number, *m.to_numbers))
    assert found(direction="Inbound", batch_id=first.batch_id) == []


@PER_PAGE
def test_every_filter_of_batches(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
    window = whole_history(sandbox)
    live = [sandbox.store.start_batch(size=10, seconds=3600) for _ in range(3)]
    everything = [batch for batch in sandbox.store.batches if window.start <= batch.creation_time < window.end]
    sender = everything[0].from_number
    client = make_client(sandbox)

    def found(**filters: Any) -> list[str]:
        return ids(client.iter_batches(window, BatchFilter(**filters), per_page=per_page))

    assert found() == ids(everything)
    assert found(from_number=sender) == ids(batch for batch in everything if batch.from_number == sender)
    assert found(statuses=["Processing", "Queued"]) == []
    now = Window(window.end, datetime.now(UTC) + timedelta(seconds=1))
    processing = client.iter_batches(now, BatchFilter(statuses=["Processing"]), per_page=per_page)
    assert ids(processing) == sorted(live)


def test_a_batch_is_read_with_its_progress_and_rejected_recipients(make_client: MakeClient, clock: ManualClock) -> None:
    with Sandbox(Settings(messages=10), clock=clock) as sandbox:
        batch_id = sandbox.store.start_batch(size=100, seconds=100, rejected=2)
        clock.now += 50
        batch = make_client(sandbox).get_batch(batch_id)
        assert (batch.status, batch.batch_size, len(batch.rejected)) == ("Processing", 100, 2)
        assert batch.processed_count is not None
        assert 2 < batch.processed_count < 100


def test_an_unknown_batch_is_named(sandbox: Sandbox, make_client: MakeClient) -> None:
    with pytest.raises(NotFound, match="/batches/no-such-batch"):
        make_client(sandbox).get_batch("no-such-batch")


@pytest.mark.parametrize("legacy", [False, True])
def test_status_totals_equal_the_counts_of_messages(make_client: MakeClient, legacy: bool) -> None:
    with Sandbox(Settings(messages=3_000, days=3, light=10_000, legacy_statuses=legacy)) as sandbox:
        totals = make_client(sandbox).get_statuses(whole_history(sandbox))
        messages = sandbox.store.messages
        for status, total in totals.by_status().items():
            assert total.count == sum(message.final_status == status for message in messages)
        codes = Counter(m.error_code for m in messages if m.final_status == "DeliveryFailed" and m.error_code)
        assert totals.delivery_failed.error_code_counts == codes
        assert (totals.delivered.cost is None) is legacy


def test_every_filter_of_statuses(sandbox: Sandbox, make_client: MakeClient) -> None:
    window = whole_history(sandbox)
    messages = sandbox.store.messages
    first = next(message for message in messages if message.batch_id)
    client = make_client(sandbox)

    def total(**filters: Any) -> int:
        return client.get_statuses(window, StatusFilter(**filters)).total

    number = first.from_number
    assert total(batch_id=first.batch_id) == sum(m.batch_id == first.batch_id for m in messages)
    assert total(direction="Inbound") == sum(m.direction == "Inbound" for m in messages)
    assert total(phone_numbers=[number]) == sum(number in (m.from_number, *m.to_numbers) for m in messages)


@PER_PAGE
def test_every_filter_of_opt_outs(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
    everything = sandbox.store.opt_outs
    client = make_client(sandbox)

    def found(**filters: Any) -> list[tuple[Any, ...]]:
        records = client.iter_opt_outs(OptOutFilter(**filters), per_page=per_page)
        return sorted((record.from_number, record.to, record.status, record.source) for record in records)

    def expected(keep: Any) -> list[tuple[Any, ...]]:
        return sorted((o.from_number, o.to_number, o.status, o.source) for o in everything if keep(o))

    first = everything[0]
    assert found(status="all") == expected(lambda o: True)
    assert found() == expected(lambda o: o.status == "OptOut")
    assert found(status="optin") == expected(lambda o: o.status == "OptIn")
    sender, recipient = first.from_number, first.to_number
    assert found(status="all", from_number=sender) == expected(lambda o: o.from_number == sender)
    assert found(status="all", to_number=recipient) == expected(lambda o: o.to_number == recipient)
    assert found(status="all", from_number="*") == expected(lambda o: True)


def test_the_window_of_a_batch_starts_at_its_creation(sandbox: Sandbox, make_client: MakeClient) -> None:
    batch = sandbox.store.batches[0]
    client = make_client(sandbox)
    window = client.window_of_batch(batch.id)
    found = client.iter_messages(window, MessageFilter(batch_id=batch.id))
    assert ids(found) == ids(sandbox.store.messages_of(batch))


def test_a_warning_is_logged_for_a_batch_that_is_still_processing(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=3600)
    make_client(sandbox).window_of_batch(batch_id)
    assert f"Batch {batch_id} is Processing" in caplog.text


def test_closing_the_client_cancels_a_request_that_waits_for_quota(clock: ManualClock) -> None:
    waiting, may_continue = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        waiting.set()
        may_continue.wait(timeout=60)
        clock.sleep(seconds)

    with Sandbox(Settings(messages=300, light=2, auth=100), clock=clock) as sandbox:
        quota = Quota(clock=clock, sleep=sleep)
        session = Session(credentials_of(sandbox), Transport(sandbox.url, quota=quota), clock=clock)
        client = MessageStoreClient(Transport(sandbox.url, quota=quota), session)
        with closing(read_ahead([client.message_pages(whole_history(sandbox), per_page=10)])) as pages:
            next(pages)
            next(pages)
            assert waiting.wait(timeout=60)
        client.close()
        may_continue.set()
        for thread in threading.enumerate():
            if thread.name == "hvsms-read-ahead":
                thread.join(timeout=10)
        assert sandbox.counters.reads == 2


def test_closing_the_client_does_not_wait_for_its_login(clock: ManualClock) -> None:
    waiting, may_continue = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        waiting.set()
        may_continue.wait(timeout=10)
        clock.sleep(seconds)

    with Sandbox(Settings(messages=300, auth=1)) as sandbox:
        others = connect(credentials_of(sandbox))
        next(others.message_pages(whole_history(sandbox)))
        quota = Quota(clock=clock, sleep=sleep)
        session = Session(credentials_of(sandbox), Transport(sandbox.url, quota=quota, sleep=clock.sleep))
        client = MessageStoreClient(Transport(sandbox.url, quota=quota), session)

        def read() -> None:
            with pytest.raises(InvalidRequest, match="closed"):
                next(client.message_pages(whole_history(sandbox)))

        reader = threading.Thread(target=read)
        reader.start()
        waiting.wait(timeout=10)
        client.close()
        may_continue.set()
        reader.join(timeout=10)
        assert sum(sandbox.counters.logins.values()) == 1
        others.close()
