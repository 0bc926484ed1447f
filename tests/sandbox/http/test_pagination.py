"""Page tokens: where they lead, what they are bound to, and the forms of the last page."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener
    from tests.support.clock import ManualClock

WINDOW = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-03-01T00:00:00Z"}
SMALL = {**WINDOW, "perPage": 40}
INVALID = (400, "CMN-101", "pageToken")


def shown(page: dict[str, Any]) -> list[Any]:
    return [record["id"] for record in page["records"]]


def test_the_first_page_has_no_previous_one(client: Client) -> None:
    paging = client.read("/messages", SMALL).json()["paging"]
    assert list(paging) == ["pageToken", "perPage", "firstPageToken", "nextPageToken"]
    assert paging["perPage"] == 40
    assert paging["pageToken"] == paging["firstPageToken"]


def test_the_last_page_has_no_next_one(client: Client) -> None:
    paging = client.pages("/messages", SMALL)[-1]["paging"]
    assert list(paging) == ["pageToken", "perPage", "firstPageToken", "previousPageToken"]


@pytest.mark.parametrize("path", ["/messages", "/opt-outs"])
def test_each_token_leads_to_its_page(client: Client, path: str) -> None:
    query: dict[str, Any] = SMALL if path == "/messages" else {"status": "all", "perPage": 20}
    pages = client.pages(path, query)
    assert len(pages) > 2
    for before, page in pairwise(pages):
        paging = page["paging"]
        for name, target in (("pageToken", page), ("previousPageToken", before), ("firstPageToken", pages[0])):
            assert client.read(path, query | {"pageToken": paging[name]}).json() == target


def test_new_arrivals_do_not_shift_the_pages(client: Client, clock: ManualClock) -> None:
    query = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-03-09T00:00:00Z", "perPage": 50}
    first = client.read("/messages", query).json()
    before = client.read("/messages", query | {"pageToken": first["paging"]["nextPageToken"]}).json()
    client.sandbox.store.start_batch(size=70, seconds=1)
    clock.now += 5
    after = client.read("/messages", query | {"pageToken": first["paging"]["nextPageToken"]}).json()
    assert shown(after) == shown(before)


def test_a_token_keeps_the_window_of_the_first_request(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(token_ttl=100_000)
    query = {"perPage": 10}
    first = client.read("/messages", query).json()
    clock.now += 80_000
    rest = client.read("/messages", query | {"pageToken": first["paging"]["nextPageToken"]}).json()
    assert len(rest["records"]) == 10


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/messages", {**WINDOW, "perPage": 40, "direction": "Outbound"}),
        ("/messages", {**WINDOW, "perPage": 40, "view": "Detailed"}),
        ("/messages", {"perPage": 40}),
        ("/batches", SMALL),
        ("/opt-outs", {"perPage": 40}),
    ],
)
def test_a_token_is_bound_to_its_list_and_filters(client: Client, path: str, query: dict[str, Any]) -> None:
    token = client.read("/messages", SMALL).json()["paging"]["nextPageToken"]
    assert client.read(path, query | {"pageToken": token}).codes == INVALID


@pytest.mark.parametrize("token", ["pgt1", "", "====", "a", "é", "A" * 200])
def test_an_invalid_token_is_refused(client: Client, token: str) -> None:
    assert client.read("/messages", SMALL | {"pageToken": token}).codes == INVALID


def test_a_changed_token_is_refused(client: Client) -> None:
    token = client.read("/messages", SMALL).json()["paging"]["nextPageToken"]
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert (
            client.read("/messages", SMALL | {"pageToken": token[:place] + other + token[place + 1 :]}).codes == INVALID
        )


@pytest.mark.parametrize("more", ["!", "=", " ", "."])
def test_a_token_with_more_characters_is_refused(client: Client, more: str) -> None:
    token = client.read("/messages", SMALL).json()["paging"]["nextPageToken"]
    for changed in (more + token, token[:9] + more + token[9:], token + more):
        assert client.read("/messages", SMALL | {"pageToken": changed}).codes == INVALID


def test_a_token_of_another_sandbox_is_refused(client: Client, open_client: Opener) -> None:
    token = open_client().read("/messages", SMALL).json()["paging"]["nextPageToken"]
    assert client.read("/messages", SMALL | {"pageToken": token}).codes == INVALID


def test_an_expired_token_is_refused(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(page_token_ttl=30)
    token = client.read("/messages", SMALL).json()["paging"]["nextPageToken"]
    clock.now += 29
    assert client.read("/messages", SMALL | {"pageToken": token}).status == 200
    clock.now += 1
    assert client.read("/messages", SMALL | {"pageToken": token}).codes == INVALID


def test_the_last_page_may_have_an_empty_token(open_client: Opener) -> None:
    page = open_client(last_page="empty-token").pages("/messages", SMALL)[-1]
    assert page["paging"]["nextPageToken"] == ""


def test_the_last_page_may_have_no_paging(open_client: Opener) -> None:
    pages = open_client(last_page="no-paging").pages("/messages", SMALL)
    assert ["paging" in page for page in pages] == [True] * (len(pages) - 1) + [False]


def test_an_empty_list_is_one_page(client: Client) -> None:
    page = client.read("/messages", {**WINDOW, "batchId": "none"}).json()
    assert page["records"] == []
    assert "nextPageToken" not in page["paging"]


@pytest.mark.parametrize("requested", [1001, 5000, 10**17])
def test_pages_have_at_most_a_thousand_records(open_client: Opener, requested: int) -> None:
    client = open_client(messages=1200)
    page = client.read("/messages", {**WINDOW, "perPage": requested}).json()
    assert (len(page["records"]), page["paging"]["perPage"]) == (1000, 1000)


def test_a_page_has_a_thousand_records_by_default(open_client: Opener) -> None:
    page = open_client(messages=1200).read("/messages", WINDOW).json()
    assert (len(page["records"]), page["paging"]["perPage"]) == (1000, 1000)


def ids_of(client: Client) -> list[int]:
    return [record["id"] for record in client.records("/messages", SMALL)]


def test_records_may_be_repeated_on_the_next_page(open_client: Opener, client: Client) -> None:
    once, shifted = ids_of(client), ids_of(open_client(page_shift=2))
    assert set(shifted) == set(once)
    assert len(shifted) > len(once)


def test_records_may_be_missing_between_two_pages(open_client: Opener, client: Client) -> None:
    once, shifted = ids_of(client), ids_of(open_client(page_shift=-1))
    assert len(shifted) == len(set(shifted))
    assert set(shifted) < set(once)
