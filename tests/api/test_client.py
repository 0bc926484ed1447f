"""Pages come one by one, and none is lost."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.auth.session import Login
from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.errors import (
    InvalidRecord,
    InvalidRequest,
    NotFound,
    PageTokenExpired,
    UnexpectedAnswer,
)
from airflow_provider_hvsms.api.filters import BatchFilter, MessageFilter, OptOutFilter, StatusFilter
from airflow_provider_hvsms.api.quota.quota import Quota
from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.api.transport import Transport
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.sandbox.data.records import Message as StoredMessage
from tests.api.conftest import MakeClient, credentials_of, whole_history
from tests.support.clock import ManualClock


def stored(sandbox: Sandbox, window: Window) -> list[StoredMessage]:
    return [message for message in sandbox.store.messages if window.start <= message.creation_time < window.end]


def ids(messages: Any) -> list[str]:
    return sorted(str(message.id) for message in messages)


@pytest.mark.parametrize("per_page", [1, 7, 1000])
def test_every_message_of_the_window_comes_once(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
    end = whole_history(sandbox).end
    window = Window(end - timedelta(hours=3), end)
    expected = stored(sandbox, window)
    assert ids(make_client(sandbox).iter_messages(window, per_page=per_page)) == ids(expected)
    assert sandbox.counters.reads == max(1, -(-len(expected) // per_page))


def test_both_dates_are_always_sent(sandbox: Sandbox, make_client: MakeClient) -> None:
    list(make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(batch_id="b"), per_page=1000))
    assert all("dateFrom=" in entry.path and "dateTo=" in entry.path for entry in sandbox.counters.log)


def test_windows_that_meet_split_the_history_without_loss_or_overlap(sandbox: Sandbox, make_client: MakeClient) -> None:
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
def test_texts_come_with_the_detailed_view_only(
    sandbox: Sandbox, make_client: MakeClient, view: Any, has_text: bool
) -> None:
    messages = list(make_client(sandbox).iter_messages(whole_history(sandbox), MessageFilter(view=view)))
    assert all((message.text is not None) is has_text for message in messages)


def test_a_single_message_comes_with_its_text(sandbox: Sandbox, make_client: MakeClient) -> None:
    expected = sandbox.store.messages[0]
    message = make_client(sandbox).get_message(str(expected.id))
    assert (message.id, message.text) == (str(expected.id), expected.text)


def test_a_single_message_may_have_its_older_names(make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=10, legacy_names=True)) as sandbox:
        expected = sandbox.store.messages[0]
        assert make_client(sandbox).get_message(str(expected.id)).creation_time == expected.creation_time


@pytest.mark.parametrize("last_page", ["omit", "empty-token", "no-paging"])
def test_the_last_page_is_known_in_every_form(make_client: MakeClient, last_page: Any) -> None:
    with Sandbox(Settings(messages=50, days=1, last_page=last_page)) as sandbox:
        assert len(list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=20))) == 50


def test_an_empty_window_of_the_store_gives_one_empty_page(sandbox: Sandbox, make_client: MakeClient) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    [page] = make_client(sandbox).message_pages(Window(long_ago, long_ago + timedelta(days=1)))
    assert (page.records, page.next_page_token) == ([], None)


def test_a_repeated_page_token_is_an_error_and_no_early_end(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.repeat_token(), times=None, path="/messages", after=2)
    with pytest.raises(UnexpectedAnswer, match="page token for the second time"):
        list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=100))
    assert sandbox.counters.reads == 3


@pytest.mark.parametrize("named_errors", [False, True])
def test_after_a_page_token_expired_the_rest_is_read_and_nothing_comes_twice(
    clock: ManualClock, make_client: MakeClient, named_errors: bool
) -> None:
    settings = Settings(messages=100, days=1, page_token_ttl=30, named_errors=named_errors)
    with Sandbox(settings, clock=clock) as sandbox:
        pages = make_client(sandbox).message_pages(whole_history(sandbox), per_page=40)
        first = next(pages)
        clock.now += 31
        rest = [message for page in pages for message in page.records]
        assert ids([*first.records, *rest]) == ids(sandbox.store.messages)


def test_opt_outs_go_on_after_a_page_token_expired(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=1, opt_outs=100, page_token_ttl=30), clock=clock) as sandbox:
        pages = make_client(sandbox).opt_out_pages(OptOutFilter(status="all"), per_page=40)
        first = next(pages)
        clock.now += 31
        found = [*first.records, *(opt_out for page in pages for opt_out in page.records)]
        stored = [(opt_out.from_number, opt_out.to_number) for opt_out in sandbox.store.opt_outs]
        assert sorted((opt_out.from_number, opt_out.to) for opt_out in found) == sorted(stored)


def test_rejects_come_once_though_a_page_token_expired(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=100, days=1, page_token_ttl=30), clock=clock) as sandbox:
        window = whole_history(sandbox)
        sandbox.store.add_raw_message({"id": 99}, created=window.end - timedelta(milliseconds=1))
        pages = make_client(sandbox).message_pages(window, per_page=40, on_invalid="quarantine")
        first = next(pages)
        clock.now += 31
        assert [len(first.rejects), *(len(page.rejects) for page in pages)] == [1, 0, 0, 0]


def test_page_tokens_that_expire_again_and_again_are_an_error(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=100, days=1, page_token_ttl=30), clock=clock) as sandbox:
        with pytest.raises(PageTokenExpired, match=r"400 \(CMN-101.*no longer valid"):
            for _ in make_client(sandbox).message_pages(whole_history(sandbox), per_page=10):
                clock.now += 31


def test_a_record_that_cannot_be_read_fails_and_is_named(sandbox: Sandbox, make_client: MakeClient) -> None:
    window = whole_history(sandbox)
    sandbox.store.add_raw_message({"id": 99, "creationTime": "20211-11-14T20:19:56.505461Z"}, created=window.start)
    with pytest.raises(InvalidRecord, match="message 99 .*creationTime"):
        list(make_client(sandbox).iter_messages(window))


def test_a_page_size_is_checked_before_the_first_request(sandbox: Sandbox, make_client: MakeClient) -> None:
    with pytest.raises(InvalidRequest, match="per_page"):
        make_client(sandbox).message_pages(whole_history(sandbox), per_page=0)
    assert sandbox.counters.reads == 0


def test_a_load_of_100_pages_uses_a_small_quota_without_one_refusal(
    clock: ManualClock, make_client: MakeClient
) -> None:
    settings = Settings(messages=2_000, days=1, light=20, quota_window=5, penalty=5)
    with Sandbox(settings, clock=clock) as sandbox:
        assert len(list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=20))) == 2_000
        counters = sandbox.counters
        assert (counters.reads, counters.refused, counters.inside_penalty) == (100, 0, 0)
        assert sum(clock.slept) < 25, "a hundred requests at twenty in five seconds"


PER_PAGE = pytest.mark.parametrize("per_page", [1, 7, 1000])


@PER_PAGE
def test_every_filter_of_messages_gives_what_it_names(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
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
def test_every_batch_of_the_window_comes_once_with_each_filter(
    sandbox: Sandbox, make_client: MakeClient, per_page: int
) -> None:
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
def test_statuses_count_what_the_messages_say(make_client: MakeClient, legacy: bool) -> None:
    with Sandbox(Settings(messages=3_000, days=3, light=10_000, legacy_statuses=legacy)) as sandbox:
        totals = make_client(sandbox).get_statuses(whole_history(sandbox))
        messages = sandbox.store.messages
        for status, total in totals.by_status().items():
            assert total.count == sum(message.final_status == status for message in messages)
        codes = Counter(m.error_code for m in messages if m.final_status == "DeliveryFailed" and m.error_code)
        assert totals.delivery_failed.error_code_counts == codes
        assert (totals.delivered.cost is None) is legacy


def test_every_filter_of_statuses_counts_what_it_names(sandbox: Sandbox, make_client: MakeClient) -> None:
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
def test_every_opt_out_comes_once_with_each_filter(sandbox: Sandbox, make_client: MakeClient, per_page: int) -> None:
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


def test_the_window_of_a_batch_begins_with_its_creation(sandbox: Sandbox, make_client: MakeClient) -> None:
    batch = sandbox.store.batches[0]
    client = make_client(sandbox)
    window = client.window_of_batch(batch.id)
    found = client.iter_messages(window, MessageFilter(batch_id=batch.id))
    assert ids(found) == ids(sandbox.store.messages_of(batch))


def test_a_batch_that_is_still_processing_is_said_to_be(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=3600)
    make_client(sandbox).window_of_batch(batch_id)
    assert f"Batch {batch_id} is Processing" in caplog.text


def test_odd_records_can_be_kept_apart_in_their_page(sandbox: Sandbox, make_client: MakeClient) -> None:
    window = whole_history(sandbox)
    odd = {"id": 99, "creationTime": "20211-11-14T20:19:56.505461Z"}
    sandbox.store.add_raw_message(odd, created=window.start)
    pages = list(make_client(sandbox).message_pages(window, on_invalid="quarantine"))
    assert ids(record for page in pages for record in page.records) == ids(sandbox.store.messages)
    [reject] = [reject for page in pages for reject in page.rejects]
    assert json.loads(reject.record) == odd


def test_nothing_is_sent_for_a_page_that_waited_for_quota_when_the_client_was_closed() -> None:
    with Sandbox(Settings(messages=300, light=2, quota_window=0.5, auth=100)) as sandbox:
        client = connect(credentials_of(sandbox))
        with closing(read_ahead([client.message_pages(whole_history(sandbox), per_page=10)])) as pages:
            next(pages)
            next(pages)
        client.close()
        for thread in threading.enumerate():
            if thread.name == "hvsms-read-ahead":
                thread.join(timeout=10)
        assert sandbox.counters.reads == 2


def test_a_client_is_closed_at_once_while_its_login_waits_for_quota(clock: ManualClock) -> None:
    waits, may_go_on = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        waits.set()
        may_go_on.wait(timeout=10)
        clock.sleep(seconds)

    with Sandbox(Settings(messages=300, auth=1)) as sandbox:
        others = connect(credentials_of(sandbox))
        next(others.message_pages(whole_history(sandbox)))
        quota = Quota(clock=clock, sleep=sleep)
        login = Login(credentials_of(sandbox), Transport(sandbox.url, quota=quota, sleep=clock.sleep))
        client = MessageStoreClient(Transport(sandbox.url, quota=quota), login)

        def read() -> None:
            with pytest.raises(InvalidRequest, match="closed"):
                next(client.message_pages(whole_history(sandbox)))

        reader = threading.Thread(target=read)
        reader.start()
        waits.wait(timeout=10)
        client.close()
        may_go_on.set()
        reader.join(timeout=10)
        assert sum(sandbox.counters.logins.values()) == 1
        others.close()
