"""`HvsmsSendBatchOperator` against the sandbox: who is sent what, once, and what is returned, kept and logged."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_hvsms.api.errors import LedgerUnavailable
from airflow_provider_hvsms.campaigns.lookup import OutcomeLookup
from airflow_provider_hvsms.campaigns.part_record import PartRecord
from airflow_provider_hvsms.campaigns.sql_ledger import SqlLedger
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.conftest import Warehouse
from tests.support.leaks import Scan
from tests.support.send_operator import SENDER, TEXT, numbers, run_of, send_operator, sent


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store that creates the messages of a batch within half a second."""
    with Sandbox(Settings(messages=100, days=3, light=10_000, auth=1_000, sending_time=0.5)) as sandbox:
        yield sandbox


def test_each_recipient_is_sent_the_text_once(sandbox: Sandbox, context: Any, warehouse: Warehouse) -> None:
    result = send_operator(recipients=numbers(5), max_batch_size=2).execute(run_of())
    assert sent(sandbox) == Counter((number, TEXT) for number in numbers(5))
    assert [batch["size"] for batch in result["batches"]] == [2, 2, 1]
    assert result["batch_ids"] == [batch["id"] for batch in result["batches"]]
    assert (result["to_send"], result["sent"], result["rejected"], result["dry_run"]) == (5, 5, 0, False)


def test_another_try_sends_nothing_and_returns_the_same_batches(
    sandbox: Sandbox, context: Any, warehouse: Warehouse
) -> None:
    first = send_operator(recipients=numbers(3), max_batch_size=2).execute(run_of())
    again = send_operator(recipients=numbers(3), max_batch_size=2).execute(run_of())
    assert max(sent(sandbox).values()) == 1
    assert again["batch_ids"] == first["batch_ids"]
    assert {batch["how"] for batch in again["batches"]} == {"known"}


def test_another_run_is_another_campaign(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    for run_id in ("monday", "tuesday"):
        send_operator().execute(run_of(run_id))
    assert set(sent(sandbox).values()) == {2}


def test_another_map_index_is_another_campaign(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    for map_index in (0, 1):
        send_operator().execute(run_of(map_index=map_index))
    assert set(sent(sandbox).values()) == {2}


def test_the_same_campaign_of_another_run_is_refused_within_deduplicate_for(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    send_operator().execute(run_of("monday"))
    with pytest.raises(AirflowFailException, match="by run 'monday'"):
        send_operator(deduplicate_for=timedelta(days=1)).execute(run_of("tuesday"))
    assert set(sent(sandbox).values()) == {1}


def test_recipients_that_changed_since_the_first_try_fail_for_good(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    send_operator(recipients=numbers(2)).execute(run_of())
    with pytest.raises(AirflowFailException, match="recipients or texts changed.*hash_key or client secret"):
        send_operator(recipients=numbers(3)).execute(run_of())
    assert len(sent(sandbox)) == 2


def test_recipients_come_from_a_query(sandbox: Sandbox, context: Any, warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE members (phone VARCHAR(20), name VARCHAR(20), city VARCHAR(20))")
    for number, name, city in zip(numbers(3), ("Ada", "Bob", "Cy"), ("Oslo", "Oslo", "Rome"), strict=True):
        warehouse.run(f"INSERT INTO members VALUES ('{number}', '{name}', '{city}')")
    send_operator(
        sql_conn_id="warehouse",
        sql="SELECT phone AS \"to\", name FROM members WHERE city = 'Oslo'",
        text="Hello {name}, the store opens.",
    ).execute(run_of())
    texts = {text for _, text in sent(sandbox, text=None)}
    assert texts == {"Hello Ada, the store opens.", "Hello Bob, the store opens."}


def test_parameters_of_a_query_are_bound(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    sqlite_warehouse.run("CREATE TABLE members (phone TEXT, city TEXT)")
    sqlite_warehouse.run(f"INSERT INTO members VALUES ('{numbers(1)[0]}', 'Oslo'), ('{numbers(2)[1]}', 'Rome')")
    query = "SELECT phone AS to_number FROM members WHERE city = ?"
    operator = send_operator(sql_conn_id="warehouse", sql=query, parameters=["Rome"])
    operator.execute(run_of())
    assert list(sent(sandbox)) == [(numbers(2)[1], TEXT)]


def test_recipients_come_from_a_file(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, tmp_path: Path
) -> None:
    lines = [json.dumps({"to": number}) for number in numbers(3)]
    (tmp_path / "recipients.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    send_operator(path=(tmp_path / "recipients.jsonl.gz").as_uri()).execute(run_of())
    assert sent(sandbox) == Counter((number, TEXT) for number in numbers(3))


def test_who_opted_out_is_left_out_and_counted(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    opt_out(sandbox, numbers(1)[0])
    result = send_operator(recipients=numbers(3)).execute(run_of())
    assert list(sent(sandbox)) == [(number, TEXT) for number in numbers(3)[1:]]
    assert (result["recipients"], result["opted_out"], result["to_send"], result["sent"]) == (3, 1, 2, 2)


def test_nobody_is_left_out_without_skip_opted_out(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    opt_out(sandbox, numbers(1)[0])
    result = send_operator(recipients=numbers(3), skip_opted_out=False).execute(run_of())
    assert (result["opted_out"], result["to_send"]) == (0, 3)


def test_a_service_without_a_list_of_opt_outs_is_explained(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    sandbox.faults.add(Fault.server_error(404), times=None, path="/opt-outs")
    with pytest.raises(AirflowFailException, match="no list of opt-outs.*skip_opted_out=False"):
        send_operator().execute(run_of())
    assert not sent(sandbox)


def test_somebody_who_opts_out_between_two_tries_changes_nothing(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    first = send_operator(recipients=numbers(3)).execute(run_of())
    opt_out(sandbox, numbers(1)[0])
    assert send_operator(recipients=numbers(3)).execute(run_of())["batch_ids"] == first["batch_ids"]
    assert set(sent(sandbox).values()) == {1}


def test_no_recipients_are_a_success(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, task_log: Callable[[], str]
) -> None:
    result = send_operator(recipients=[], wait_for_completion=True).execute(run_of())
    assert (result["batch_ids"], result["recipients"], result["sent"]) == ([], 0, 0)
    assert "There are no recipients" in task_log()


def test_invalid_rows_fail_before_anything_is_sent(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException, match="Rows without a valid number: 1. The first is Recipient 3"):
        send_operator(recipients=[*numbers(2), "12"]).execute(run_of())
    assert not sent(sandbox)


def test_invalid_rows_are_kept_and_counted_in_quarantine(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    operator = send_operator(recipients=[*numbers(2), "12"], on_invalid="quarantine", rejected_to="rejected")
    assert operator.execute(run_of())["invalid"] == 1
    assert sqlite_warehouse.query("SELECT part, to_number FROM rejected") == [(0, "12")]


def test_rejected_recipients_are_kept_with_their_codes(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    rejected = "+883123456789"
    operator = send_operator(recipients=[*numbers(2), rejected], rejected_to="rejected")
    result = operator.execute(run_of())
    kept = sqlite_warehouse.query("SELECT to_number, error_code, batch_id FROM rejected")
    assert [(number, code[:6], batch_id) for number, code, batch_id in kept] == [
        (rejected, "SMS-RC", result["batch_ids"][0])
    ]
    assert (result["sent"], result["rejected"]) == (2, 1)


def test_a_lost_answer_is_found_in_the_same_try(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.campaigns.lookup._FIRST_PAUSE", 0.05)
    sandbox.faults.add(Fault.lost_answer(), path="/batches", method="POST")
    result = send_operator(recipients=numbers(3), lookup_time=timedelta(seconds=30)).execute(run_of())
    assert [batch["how"] for batch in result["batches"]] == ["adopted"]
    assert set(sent(sandbox).values()) == {1}


def test_a_try_that_ended_after_its_request_left_is_continued(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is lost between the answer and its note; the task then fails in words, to be tried again."""
    monkeypatch.setattr("airflow_provider_hvsms.campaigns.lookup._FIRST_PAUSE", 0.05)
    monkeypatch.setattr("airflow_provider_hvsms.campaigns.part_record._PAUSES", ())
    with monkeypatch.context() as broken:
        broken.setattr(SqlLedger, "replace", unavailable)
        with pytest.raises(LedgerUnavailable):
            send_operator().execute(run_of())
    result = send_operator(lookup_time=timedelta(seconds=30)).execute(run_of())
    assert [batch["how"] for batch in result["batches"]] == ["adopted"]
    assert set(sent(sandbox).values()) == {1}


@pytest.mark.parametrize("from_conf", [False, True])
def test_a_decision_of_a_person_is_noted_and_the_rest_is_sent(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, from_conf: bool
) -> None:
    leave_open(monkeypatch)
    decision = {"part": 1, "not_created": True}
    given = {"resolve": "{{ none }}"} if from_conf else {"resolve": decision}
    operator = send_operator(**given)
    if from_conf:
        operator.resolve = "None"
    with monkeypatch.context() as looking:
        looking.setattr(OutcomeLookup, "find", unavailable)
        result = operator.execute(run_of(conf={"hvsms_resolve": decision} if from_conf else None))
    assert [batch["how"] for batch in result["batches"]] == ["sent"]


def test_a_run_that_decides_on_another_one_sends_nothing(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_open(monkeypatch)
    decision = {"run_id": "monday", "part": 1, "not_created": True}
    with pytest.raises(AirflowSkipException, match="'monday'.*sends nothing"):
        send_operator().execute(run_of("deciding", conf={"hvsms_resolve": decision}))
    assert not sent(sandbox)
    assert send_operator().execute(run_of("monday"))["sent"] == 2


def test_nothing_personal_is_logged_returned_or_kept_in_the_ledger(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, task_log: Callable[[], str]
) -> None:
    scan = Scan.of(sandbox, TEXT)
    result = send_operator(recipients=numbers(3), max_batch_size=2).execute(run_of())
    ledger = sqlite_warehouse.query("SELECT * FROM hvsms_campaigns")
    assert len(ledger) == 2
    assert not scan.found_in(task_log() + json.dumps(result) + repr(ledger))


def opt_out(sandbox: Sandbox, number: str) -> None:
    """Opt a recipient out by another client."""
    HvsmsHook().assign_opt_outs(from_number=SENDER, opt_outs=[number])


def unavailable(*_: Any, **__: Any) -> Any:
    raise LedgerUnavailable("The ledger cannot be written.")


def leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a try of `monday` that ends between its intent and its request."""

    class Killed(BaseException):
        pass

    note_intent = PartRecord.note_intent

    def die(record: PartRecord, check: Callable[[], None]) -> Any:
        note_intent(record, check)
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(PartRecord, "note_intent", die)
        with pytest.raises(Killed):
            send_operator().execute(run_of())
