"""Opt-outs: the list, its filters, and CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


@pytest.mark.parametrize("per_page", [1, 7, 1000])
@pytest.mark.parametrize("status", ["optout", "optin", "all", None])
def test_opt_outs_are_filtered_by_status(big: Client, status: str | None, per_page: int) -> None:
    shown = {"optin": ("OptIn",), "all": ("OptIn", "OptOut")}.get(status or "optout", ("OptOut",))
    query = {"perPage": per_page} | ({} if status is None else {"status": status})
    found = big.records("/opt-outs", query)
    plain = [one for one in reversed(big.sandbox.store.opt_outs) if one.status in shown]
    assert found == [
        {"from": one.from_number, "to": one.to_number, "status": one.status, "source": one.source} for one in plain
    ]


def test_opt_outs_are_filtered_by_both_numbers(big: Client) -> None:
    one = big.sandbox.store.opt_outs[0]
    query = {"from": one.from_number, "to": one.to_number.strip("+"), "status": "all"}
    assert [record["to"] for record in big.records("/opt-outs", query)] == [one.to_number]


def test_an_asterisk_stands_for_any_sender(big: Client) -> None:
    assert len(big.records("/opt-outs", {"from": "*", "status": "all"})) == 400


def test_opt_outs_have_all_statuses_and_sources_and_unique_pairs(big: Client) -> None:
    records = big.sandbox.store.opt_outs
    assert {one.status for one in records} == {"OptIn", "OptOut"}
    assert {one.source for one in records} == {"Recipient", "Account", "Upstream", "Carrier"}
    assert len({(one.from_number, one.to_number) for one in records}) == 400


def test_opt_outs_are_returned_as_csv_on_request(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/csv"}
    reply = client.send("GET", f"{client.base}/opt-outs?status=all", headers=headers)
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert reply.headers["content-type"].startswith("text/csv")
    assert rows == client.records("/opt-outs", {"status": "all"})
