"""A listing is followed to its last page, over expired page tokens and records that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRecord, PageTokenExpired, UnexpectedResponse
from airflow_provider_hvsms.api.filters import OptOutFilter
from airflow_provider_hvsms.api.records import Page
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.api.conftest import MakeClient, ids, whole_history
from tests.support.clock import ManualClock


@pytest.mark.parametrize("last_page", ["omit", "empty-token", "no-paging"])
def test_the_last_page_is_recognised_in_every_form(make_client: MakeClient, last_page: Any) -> None:
    with Sandbox(Settings(messages=50, days=1, last_page=last_page)) as sandbox:
        assert len(list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=20))) == 50


def test_a_repeated_page_token_is_an_error(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.repeat_token(), times=None, path="/messages", after=2)
    with pytest.raises(UnexpectedResponse, match="page token after page 3 was sent before"):
        list(make_client(sandbox).iter_messages(whole_history(sandbox), per_page=100))
    assert sandbox.counters.reads == 3


@pytest.mark.parametrize("named_errors", [False, True])
def test_after_an_expired_page_token_the_rest_is_read_without_duplicates(
    clock: ManualClock, make_client: MakeClient, named_errors: bool
) -> None:
    settings = Settings(messages=100, days=1, page_token_ttl=30, named_errors=named_errors)
    with Sandbox(settings, clock=clock) as sandbox:
        pages = make_client(sandbox).message_pages(whole_history(sandbox), per_page=40)
        first = next(pages)
        clock.now += 31
        rest = [message for page in pages for message in page.records]
        assert ids([*first.records, *rest]) == ids(sandbox.store.messages)


def test_after_an_expired_page_token_the_rest_of_opt_outs_is_read(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=1, opt_outs=100, page_token_ttl=30), clock=clock) as sandbox:
        pages = make_client(sandbox).opt_out_pages(OptOutFilter(status="all"), per_page=40)
        first = next(pages)
        clock.now += 31
        found = [*first.records, *(opt_out for page in pages for opt_out in page.records)]
        stored = [(opt_out.from_number, opt_out.to_number) for opt_out in sandbox.store.opt_outs]
        assert sorted((opt_out.from_number, opt_out.to) for opt_out in found) == sorted(stored)


def test_after_an_expired_page_token_rejects_are_not_repeated(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=100, days=1, page_token_ttl=30), clock=clock) as sandbox:
        window = whole_history(sandbox)
        sandbox.store.add_raw_message({"id": 99}, created=window.end - timedelta(milliseconds=1))
        pages = make_client(sandbox).message_pages(window, per_page=40, on_invalid="quarantine")
        first = next(pages)
        clock.now += 31
        assert [len(first.rejects), *(len(page.rejects) for page in pages)] == [1, 0, 0, 0]


@pytest.mark.parametrize("find_unknown", [False, True])
def test_each_listing_finds_unknown_fields_if_asked(
    sandbox: Sandbox, make_client: MakeClient, find_unknown: bool
) -> None:
    sandbox.faults.add(Fault.with_fields({"channel": "TollFree"}), times=None)
    client, window = make_client(sandbox), whole_history(sandbox)
    listings: list[Iterator[Page[Any]]] = [
        client.message_pages(window, find_unknown=find_unknown),
        client.message_pages(window, find_unknown=find_unknown, concurrency=4, per_page=100),
        client.batch_pages(window, find_unknown=find_unknown),
        client.opt_out_pages(find_unknown=find_unknown),
    ]
    names, extra = ({"channel"}, '{"channel":"TollFree"}') if find_unknown else (set(), None)
    for pages in listings:
        found = list(pages)
        assert {page.unknown_fields for page in found} == {frozenset(names)}
        assert {record.extra for page in found for record in page.records} == {extra}


def test_after_an_expired_page_token_unknown_fields_are_still_found(
    clock: ManualClock, make_client: MakeClient
) -> None:
    with Sandbox(Settings(messages=100, days=1, page_token_ttl=30), clock=clock) as sandbox:
        pages = make_client(sandbox).message_pages(whole_history(sandbox), per_page=40, find_unknown=True)
        first = next(pages)
        sandbox.faults.add(Fault.with_fields({"channel": "TollFree"}), times=None)
        clock.now += 31
        rest = list(pages)
        assert first.unknown_fields == frozenset()
        assert {page.unknown_fields for page in rest} == {frozenset({"channel"})}
        assert {message.extra for page in rest for message in page.records} == {'{"channel":"TollFree"}'}


def test_page_tokens_that_keep_expiring_are_an_error(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(Settings(messages=100, days=1, page_token_ttl=30), clock=clock) as sandbox:
        with pytest.raises(PageTokenExpired, match=r"400 \(CMN-101.*no longer valid"):
            for _ in make_client(sandbox).message_pages(whole_history(sandbox), per_page=10):
                clock.now += 31


def test_a_record_that_cannot_be_read_is_an_error_that_names_it(sandbox: Sandbox, make_client: MakeClient) -> None:
    window = whole_history(sandbox)
    sandbox.store.add_raw_message({"id": 99, "creationTime": "20211-11-14T20:19:56.505461Z"}, created=window.start)
    with pytest.raises(InvalidRecord, match="message 99 .*creationTime"):
        list(make_client(sandbox).iter_messages(window))


def test_records_that_cannot_be_read_can_be_quarantined(sandbox: Sandbox, make_client: MakeClient) -> None:
    window = whole_history(sandbox)
    invalid = {"id": 99, "creationTime": "20211-11-14T20:19:56.505461Z"}
    sandbox.store.add_raw_message(invalid, created=window.start)
    pages = list(make_client(sandbox).message_pages(window, on_invalid="quarantine"))
    assert ids(record for page in pages for record in page.records) == ids(sandbox.store.messages)
    [reject] = [reject for page in pages for reject in page.rejects]
    assert json.loads(reject.record) == invalid
