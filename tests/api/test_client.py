"""Pages come one by one, and none is lost."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRecord, InvalidRequest, PageTokenExpired, UnexpectedAnswer
from airflow_provider_hvsms.api.filters import MessageFilter
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.sandbox.records import Message as StoredMessage
from tests.api.conftest import MakeClient, whole_history
from tests.conftest import ManualClock


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
    long_ago = datetime(2001, 1, 1, tzinfo=timezone.utc)
    [page] = make_client(sandbox).message_pages(Window(long_ago, long_ago + timedelta(days=1)))
    assert (page.records, page.next_page_token) == ([], None)


def test_a_repeated_page_token_is_an_error_and_no_early_end(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.repeat_token(), times=None, path="/messages", after=2)
    with pytest.raises(UnexpectedAnswer, match="page token for the second time"):
        list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=100))
    assert sandbox.counters.reads == 3


def test_a_page_token_that_expired_asks_for_a_new_start(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=100, days=1, page_token_ttl=30), clock=clock) as sandbox:
        pages = make_client(sandbox).message_pages(whole_history(sandbox), per_page=50)
        next(pages)
        clock.now += 31
        with pytest.raises(PageTokenExpired, match="no longer valid: read the window again"):
            next(pages)


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
    settings = Settings(messages=2_000, days=1, light=20, window=5, penalty=5)
    with Sandbox(settings, clock=clock) as sandbox:
        assert len(list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=20))) == 2_000
        counters = sandbox.counters
        assert (counters.reads, counters.refused, counters.inside_penalty) == (100, 0, 0)
        assert sum(clock.slept) < 25, "a hundred requests at twenty in five seconds"
