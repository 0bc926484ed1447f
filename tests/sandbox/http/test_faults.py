"""Each fault, which requests it happens to, and how often."""

from __future__ import annotations

import http.client
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_hvsms.sandbox import Fault
from tests.sandbox.conftest import END

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener

WINDOW = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-03-01T00:00:00Z"}


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_error_has_its_status_and_a_body(client: Client, status: int) -> None:
    client.sandbox.faults.add(Fault.server_error(status, retry_after=2))
    reply = client.read("/messages")
    assert (reply.status, reply.headers["retry-after"]) == (status, "2")
    assert reply.json()["errorCode"]
    assert client.read("/messages").status == 200


def test_a_server_error_may_lack_retry_after(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error())
    assert "retry-after" not in client.read("/messages").headers


def test_html_has_status_200(client: Client) -> None:
    client.sandbox.faults.add(Fault.html())
    reply = client.read("/messages")
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, "text/html")


def test_cut_off_json_has_the_announced_length(client: Client) -> None:
    client.sandbox.faults.add(Fault.cut_off())
    reply = client.read("/messages")
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(reply.body)))
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_an_empty_body_has_status_200(client: Client) -> None:
    client.sandbox.faults.add(Fault.empty())
    reply = client.read("/messages")
    assert (reply.status, reply.body) == (200, b"")


def test_a_dropped_connection_has_no_response(client: Client) -> None:
    client.sandbox.faults.add(Fault.drop())
    with pytest.raises(http.client.RemoteDisconnected):
        client.read("/messages")
    assert client.sandbox.counters.dropped == 1


def test_half_a_body_is_incomplete(client: Client) -> None:
    client.sandbox.faults.add(Fault.half_body())
    with pytest.raises(http.client.IncompleteRead):
        client.read("/messages")


def test_a_redirect_has_a_location(client: Client) -> None:
    client.sandbox.faults.add(Fault.redirect("http://127.0.0.1:1/elsewhere"))
    reply = client.read("/messages")
    assert (reply.status, reply.headers["location"]) == (302, "http://127.0.0.1:1/elsewhere")


@pytest.mark.parametrize("after", [0, 1])
def test_a_repeated_token_is_the_one_of_the_page_itself(client: Client, after: int) -> None:
    client.sandbox.faults.add(Fault.repeat_token(), after=after)
    query: dict[str, str | int] = {**WINDOW, "perPage": 100}
    paging = client.read("/messages", query).json()["paging"]
    if after:
        query["pageToken"] = paging["nextPageToken"]
        paging = client.read("/messages", query).json()["paging"]
        assert paging["nextPageToken"] == query["pageToken"]
    assert paging["nextPageToken"] == paging["pageToken"]


def test_a_slow_response_is_delayed(client: Client) -> None:
    client.sandbox.faults.add(Fault.slow(0.2))
    begin = time.monotonic()
    assert client.read("/messages").status == 200
    assert time.monotonic() - begin >= 0.2


def test_a_response_may_be_an_array(client: Client) -> None:
    client.sandbox.faults.add(Fault.not_an_object())
    reply = client.read("/messages")
    assert (reply.status, reply.json()) == (200, [])


def test_a_valid_token_may_be_refused(client: Client) -> None:
    client.sandbox.faults.add(Fault.unauthorized())
    assert client.read("/messages").codes == (401, "OAU-129", None)


def test_a_fault_happens_only_to_its_path(client: Client) -> None:
    client.sandbox.faults.add(Fault.html(), path="/statuses")
    assert client.read("/messages").json()
    assert client.read("/statuses").body.startswith(b"<!DOCTYPE html>")


def test_a_fault_happens_the_given_number_of_times(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error(), times=2, after=1)
    assert [client.read("/opt-outs").status for _ in range(5)] == [200, 503, 503, 200, 200]
    assert client.sandbox.faults.pending == 0


def test_a_fault_may_happen_to_all_requests(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error(), times=None)
    assert [client.read("/opt-outs").status for _ in range(3)] == [503] * 3
    client.sandbox.faults.clear()
    assert client.read("/opt-outs").status == 200


def test_faults_happen_in_the_order_in_which_they_were_added(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error(500))
    client.sandbox.faults.add(Fault.server_error(502))
    assert [client.read("/opt-outs").status for _ in range(3)] == [500, 502, 200]


def test_faults_happen_to_logins_too(client: Client) -> None:
    client.sandbox.faults.add(Fault.server_error(503, retry_after=1), path="/oauth/token")
    assert client.read("/messages").status == 200
    assert client.login().status == 503
    assert client.login().status == 200


def test_a_refused_request_does_not_use_up_a_fault(open_client: Opener) -> None:
    client = open_client(light=1)
    client.read("/messages")
    client.sandbox.faults.add(Fault.html())
    assert client.read("/messages").status == 429
    assert client.sandbox.faults.pending == 1


@pytest.mark.parametrize("status", [403, 404])
def test_html_may_have_an_error_status(client: Client, status: int) -> None:
    client.sandbox.faults.add(Fault.html(status))
    reply = client.read("/messages")
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (status, "text/html")


def test_a_field_may_be_missing_from_the_records_of_a_list(client: Client) -> None:
    client.sandbox.faults.add(Fault.without("lastModifiedTime"))
    assert all("lastModifiedTime" not in record for record in client.read("/messages", WINDOW).json()["records"])
    assert all("lastModifiedTime" in record for record in client.read("/messages", WINDOW).json()["records"])


def test_records_can_be_hidden_from_lists_and_are_counted_all_the_same(client: Client) -> None:
    regular = client.read("/messages", {**WINDOW, "perPage": "1000"}).json()["records"]
    hidden = [str(record["id"]) for record in regular[3:60:7]]
    client.sandbox.faults.add(Fault.hide(hidden), times=None, path="/messages")
    found: list[dict[str, object]] = []
    token: dict[str, str] = {}
    while True:
        page = client.read("/messages", {**WINDOW, "perPage": "10", **token}).json()
        found += page["records"]
        if "nextPageToken" not in page["paging"]:
            break
        token = {"pageToken": page["paging"]["nextPageToken"]}
    assert found == [record for record in regular if str(record["id"]) not in hidden]
    totals = client.read("/statuses", WINDOW).json()
    assert sum(total["count"] for total in totals.values()) == len(regular)


def test_records_of_each_list_may_have_more_fields(client: Client) -> None:
    added = {"channel": {"kind": "TollFree", "fees": [0.07, 12]}}
    for path, query in (("/messages", WINDOW), ("/batches", WINDOW), ("/opt-outs", {})):
        regular = client.read(path, query).json()
        client.sandbox.faults.add(Fault.with_fields(added), path=path)
        assert client.read(path, query).json()["records"] == [{**record, **added} for record in regular["records"]]
        assert regular["records"]


def test_a_single_record_may_have_more_fields(client: Client) -> None:
    for path in (f"/messages/{client.sandbox.store.messages[0].id}", f"/batches/{client.sandbox.store.batches[0].id}"):
        regular = client.read(path).json()
        client.sandbox.faults.add(Fault.with_fields({"channel": "TollFree"}))
        assert client.read(path).json() == {**regular, "channel": "TollFree"}


@pytest.mark.parametrize("legacy", [False, True])
def test_each_total_may_have_more_fields(open_client: Opener, legacy: bool) -> None:
    client = open_client(legacy_statuses=legacy)
    regular = client.read("/statuses", WINDOW).json()
    client.sandbox.faults.add(Fault.with_fields({"segmentCount": 7}))
    changed = client.read("/statuses", WINDOW).json()
    regular, changed = (content.get("messageStatuses", content) for content in (regular, changed))
    assert changed == {status: {**total, "segmentCount": 7} for status, total in regular.items()}


def test_rejected_recipients_may_have_more_fields(client: Client) -> None:
    client.sandbox.faults.add(Fault.with_fields({"carrier": "A"}, inside="rejected"))
    batches = client.read("/batches", WINDOW).json()["records"]
    rejected = [recipient for batch in batches for recipient in batch["rejected"]]
    assert rejected
    assert all(recipient["carrier"] == "A" for recipient in rejected)
    assert all("carrier" not in batch for batch in batches)


def test_an_error_has_no_more_fields(client: Client) -> None:
    client.sandbox.faults.add(Fault.with_fields({"channel": "TollFree"}))
    assert "channel" not in client.read("/messages/unknown").json()


def test_a_mistyped_fault_cannot_exist() -> None:
    with pytest.raises(AttributeError):
        Fault.htlm()  # type: ignore[attr-defined]  # tested here
    with pytest.raises(TypeError):
        Fault()  # type: ignore[call-arg]  # tested here


def test_an_error_with_a_name_can_be_cut_off(open_client: Opener) -> None:
    client = open_client(named_errors=True)
    client.sandbox.faults.add(Fault.cut_off())
    reply = client.read("/messages", {"view": "Full"})
    assert reply.status == 400
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_a_fault_of_lists_leaves_other_responses_unchanged(client: Client) -> None:
    client.sandbox.faults.add(Fault.without("from"), times=None)
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/csv"}
    assert client.send("GET", f"{client.base}/opt-outs", headers=headers).body.startswith(b"from,to,")
    assert client.grant(path="/restapi/oauth/revoke", token="none").status == 200


def test_a_field_may_be_missing_next_to_a_record_that_is_not_an_object(client: Client) -> None:
    client.sandbox.store.add_raw_message("odd", created=END - timedelta(seconds=1))
    client.sandbox.faults.add(Fault.without("from"))
    records = client.read("/messages", WINDOW).json()["records"]
    assert "odd" in records
    assert all("from" not in record for record in records if record != "odd")
