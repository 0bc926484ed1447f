"""Opt-outs are set from lists, queries and files: each number once, and without showing one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest, ServiceUnavailable
from airflow_provider_hvsms.campaigns import opt_out_assignment
from airflow_provider_hvsms.operators.campaigns import HvsmsAssignOptOutsOperator
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from tests.conftest import Warehouse

SENDER = "+16505550100"
NUMBERS = [f"+1415555{number:04}" for number in range(1_000, 1_010)]
FIRST, SECOND, THIRD = NUMBERS[:3]
PATH = "/opt-outs/bulk-assign"


@pytest.fixture
def run(hvsms_connection: dict[str, Any]) -> Any:
    """Runs the operator as a task."""
    instance = SimpleNamespace(dag_id="d", run_id="r", task_id="opt_out", map_index=-1)

    def execute(**arguments: Any) -> dict[str, Any]:
        operator = HvsmsAssignOptOutsOperator(**{"task_id": "opt_out", "from_number": SENDER, **arguments})
        return operator.execute({"ti": instance})  # type: ignore[typeddict-item]

    return execute


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opt_out_assignment, "FIRST_PAUSE", 0.01)


def states(sandbox: Sandbox) -> dict[str, str]:
    """The state of each number of these tests."""
    found = {one.to_number: one.status for one in sandbox.store.opt_outs if one.from_number == SENDER}
    return {number: found[number] for number in NUMBERS if number in found}


def failing(numbers: Collection[str], reason: str | None = "Number {} is unknown") -> Fault:
    """A success that holds failures of single numbers."""

    def respond(make: Any, wait: Any) -> Any:
        response = make()
        answer = json.loads(response.body)
        for assignment in answer.values():
            failed = [number for number in assignment["successful"] if number in numbers]
            assignment["successful"] = [number for number in assignment["successful"] if number not in numbers]
            assignment["failed"] = [{"to": one, "errorMessage": reason and reason.format(one)} for one in failed]
        return replace(response, body=json.dumps(answer).encode())

    return Fault(respond)


def test_numbers_of_both_lists_are_set(sandbox: Sandbox, run: Any) -> None:
    result = run(opt_outs=[FIRST, "+1 (415) 555-1001", FIRST], opt_ins=[THIRD])
    assert states(sandbox) == {FIRST: "OptOut", SECOND: "OptOut", THIRD: "OptIn"}
    assert result == {"opted_out": 2, "opted_in": 1, "failed": 0, "reasons": [], "repeated": 1, "requests": 1}


@pytest.mark.parametrize("text", [f"{FIRST}, {SECOND}", json.dumps([FIRST, SECOND]), str([FIRST, SECOND])])
def test_a_list_may_be_a_text_as_a_template_renders_it(sandbox: Sandbox, run: Any, text: str) -> None:
    assert run(opt_outs=text)["opted_out"] == 2
    assert states(sandbox) == {FIRST: "OptOut", SECOND: "OptOut"}


def test_numbers_go_in_parts(sandbox: Sandbox, run: Any) -> None:
    result = run(opt_outs=NUMBERS[:5], opt_ins=NUMBERS[5:], max_batch_size=4)
    assert (result["opted_out"], result["opted_in"], result["requests"]) == (5, 5, 3)
    assert len(states(sandbox)) == 10


def test_rows_of_a_query_say_what_becomes_of_their_numbers(sandbox: Sandbox, run: Any, warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE wishes (phone TEXT, status TEXT)")
    warehouse.run(f"INSERT INTO wishes VALUES ('{FIRST}', 'OptOut'), ('{SECOND}', 'OptIn'), ('{THIRD}', NULL)")
    run(sql_conn_id="warehouse", sql='SELECT phone AS "to", status FROM wishes')
    assert states(sandbox) == {FIRST: "OptOut", SECOND: "OptIn", THIRD: "OptOut"}


def test_a_query_takes_parameters(sandbox: Sandbox, run: Any, sqlite_warehouse: Warehouse) -> None:
    sqlite_warehouse.run("CREATE TABLE wishes (to_number TEXT)")
    sqlite_warehouse.run(f"INSERT INTO wishes VALUES ('{FIRST}'), ('{SECOND}')")
    run(sql_conn_id="warehouse", sql="SELECT * FROM wishes WHERE to_number > ?", parameters=[FIRST])
    assert states(sandbox) == {SECOND: "OptOut"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wishes.csv", f"to_number,status\n{FIRST},OptOut\n{SECOND},OptIn\n"),
        ("wishes.jsonl", f'{{"to": "{FIRST}"}}\n{{"to": "{SECOND}", "status": "optin"}}\n'),
    ],
)
def test_rows_of_a_file_do_so_too(sandbox: Sandbox, run: Any, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    run(path=f"file://{tmp_path}/{name}")
    assert states(sandbox) == {FIRST: "OptOut", SECOND: "OptIn"}


def test_without_numbers_nothing_is_requested(sandbox: Sandbox, run: Any) -> None:
    result = run(opt_outs=[])
    assert (result["opted_out"], result["requests"]) == (0, 0)


@pytest.mark.parametrize("fault", [Fault.lost_answer(), Fault.server_error_after(502), Fault.drop(), Fault.cut_off()])
def test_an_answer_that_is_lost_is_asked_for_again(sandbox: Sandbox, run: Any, fault: Fault) -> None:
    sandbox.faults.add(fault, times=3, path=PATH)
    assert run(opt_outs=NUMBERS)["opted_out"] == 10
    assert states(sandbox) == dict.fromkeys(NUMBERS, "OptOut")


def test_answers_that_stay_lost_are_left_to_airflows_retries(sandbox: Sandbox, run: Any) -> None:
    sandbox.faults.add(Fault.lost_answer(), times=None, path=PATH)
    with pytest.raises(ServiceUnavailable, match="run the task again"):
        run(opt_outs=[FIRST])


def test_another_try_after_a_failure_in_the_middle_sets_all(sandbox: Sandbox, run: Any) -> None:
    sandbox.faults.add(Fault.drop(), times=opt_out_assignment.MAX_ATTEMPTS, path=PATH, after=1)
    with pytest.raises(ServiceUnavailable):
        run(opt_outs=NUMBERS, max_batch_size=4)
    assert len(states(sandbox)) == 4
    assert run(opt_outs=NUMBERS, max_batch_size=4)["opted_out"] == 10


def test_numbers_that_cannot_be_set_are_counted_by_reason_and_the_task_goes_on(
    sandbox: Sandbox, run: Any, task_log: Callable[[], str]
) -> None:
    sandbox.faults.add(failing([FIRST, SECOND]), path=PATH)
    result = run(opt_outs=[FIRST, SECOND, THIRD, "4155551000"])
    assert (result["opted_out"], result["failed"]) == (1, 3)
    reasons = {one["reason"]: one["count"] for one in result["reasons"]}
    assert reasons == {
        "OptOut: Number *** is unknown": 2,
        "OptOut: its number does not start with + and a country code": 1,
    }
    assert "3 numbers were not set: 2 × OptOut: Number *** is unknown; 1 × " in task_log()


def test_a_number_that_the_answer_does_not_name_was_not_set(sandbox: Sandbox, run: Any) -> None:
    empty = b'{"optOuts": {"successful": [], "failed": []}}'
    sandbox.faults.add(Fault(lambda make, _: replace(make(), body=empty)), path=PATH)
    result = run(opt_outs=[FIRST])
    assert result["reasons"] == [{"reason": "OptOut: the answer does not name the number", "count": 1}]


def test_a_failure_without_a_reason_is_counted(sandbox: Sandbox, run: Any) -> None:
    sandbox.faults.add(failing([FIRST], reason=None), path=PATH)
    assert run(opt_ins=[FIRST])["reasons"] == [{"reason": "OptIn: no reason was given", "count": 1}]


def test_numbers_that_were_not_set_are_kept_in_a_table(sandbox: Sandbox, run: Any, warehouse: Warehouse) -> None:
    for _ in range(2):
        sandbox.faults.add(failing([SECOND]), path=PATH)
        run(opt_outs=[FIRST, SECOND, "nobody"], rejected_to="rejected", rejected_conn_id="warehouse")
    rows = warehouse.query("SELECT run_id, task_id, part, to_number, description FROM rejected ORDER BY part")
    assert rows == [
        ("r", "opt_out", 0, "nobody", "OptOut: its number does not start with + and a country code"),
        ("r", "opt_out", 1, SECOND, "OptOut: Number *** is unknown"),
    ]


def test_the_table_is_in_the_database_of_the_query(run: Any, sqlite_warehouse: Warehouse) -> None:
    run(sql_conn_id="warehouse", sql="SELECT 'nobody' AS to_number", rejected_to="rejected")
    assert sqlite_warehouse.query("SELECT to_number FROM rejected") == [("nobody",)]


def test_numbers_that_were_not_set_are_kept_in_a_folder(sandbox: Sandbox, run: Any, tmp_path: Path) -> None:
    sandbox.faults.add(failing([SECOND]), path=PATH)
    run(opt_outs=[FIRST, SECOND], rejected_to=str(tmp_path / "rejected"))
    [file] = (tmp_path / "rejected").iterdir()
    assert json.loads(file.read_bytes())["to_number"] == SECOND


def test_numbers_that_were_not_set_are_hashed_with_the_key_of_the_connection(
    sandbox: Sandbox, run: Any, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extra = {**hvsms_connection["extra"], "hash_key": "a long random text of the tests"}
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "extra": extra}))
    sandbox.faults.add(failing([FIRST]), path=PATH)
    run(opt_outs=[FIRST], rejected_to=str(tmp_path), personal_data="hash")
    [file] = tmp_path.iterdir()
    assert len(json.loads(file.read_bytes())["to_number"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"opt_outs": [FIRST], "rejected_to": "rejected"}, "no connection to its database"),
        ({"opt_outs": [FIRST], "rejected_to": "/dev/null/x"}, "cannot be used"),
        ({"opt_outs": [FIRST], "rejected_to": "/tmp/x", "personal_data": "hash"}, "hash_key is missing"),
        ({"opt_outs": [FIRST], "opt_ins": ["+1 415 555 1000"]}, "1 numbers are to be opted out and opted in"),
        ({"opt_outs": None}, "opt_outs is not a list"),
        ({"opt_outs": ""}, "opt_outs is not a list"),
        ({"opt_outs": "None"}, "opt_outs is not a list"),
        ({"opt_outs": 14155551000}, "opt_outs is not a list"),
        ({"opt_outs": [FIRST], "from_number": "+16505559999"}, "CMN-101"),
    ],
)
def test_mistakes_fail_for_good_before_anything_is_changed(
    sandbox: Sandbox, run: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises((AirflowFailException, InvalidRequest), match=message) as failure:
        run(**arguments)
    assert states(sandbox) == {}
    assert "4155551" not in str(failure.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "given are: none of them"),
        ({"opt_outs": [FIRST], "path": "file:///x.csv"}, "given are: opt_outs or opt_ins and path"),
        ({"sql": "SELECT 1"}, "sql and sql_conn_id belong together"),
        ({"opt_outs": [FIRST], "parameters": [1]}, "parameters are of a query"),
        ({"opt_outs": [FIRST], "max_batch_size": 0}, "max_batch_size is 0"),
        ({"opt_outs": [FIRST], "from_number": "None"}, "from_number is not a phone number"),
        ({"opt_outs": [FIRST], "rejected_to": ""}, "rejected_to is ''"),
        ({"opt_outs": [FIRST], "personal_data": "mask"}, "personal_data is 'mask'"),
    ],
)
def test_mistakes_show_when_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        HvsmsAssignOptOutsOperator(**{"task_id": "opt_out", "from_number": SENDER, **arguments})


def test_nothing_personal_is_in_log_result_or_attributes(
    sandbox: Sandbox, run: Any, task_log: Callable[[], str]
) -> None:
    sandbox.faults.add(Fault.lost_answer(), times=2, path=PATH)
    sandbox.faults.add(failing([FIRST, SECOND]), path=PATH)
    result = run(opt_outs=NUMBERS, opt_ins=["4155559999"])
    operator = HvsmsAssignOptOutsOperator(task_id="opt_out", from_number=SENDER, opt_outs=NUMBERS)
    fields = [str(getattr(operator, name)) for name in operator.template_fields if name != "from_number"]
    shown = f"{result} {task_log()} {fields}"
    assert result["failed"] == 3
    assert "to set opt-outs: no answer" in shown
    assert not [number for number in [*NUMBERS, "4155559999", SENDER] if number.removeprefix("+") in shown]
