"""A campaign with each kind of fault: each recipient is sent the text once, or the task fails in words before that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_hvsms.sandbox import Fault
from tests.support.campaign_faults.faulty_run import FaultyRun, Report
from tests.support.campaign_faults.kinds import KINDS
from tests.support.campaign_faults.ledgers import PostgresLedger, SqliteLedger, StateLedger
from tests.support.campaign_faults.one_try import Stop

SEED = 3


@pytest.fixture(scope="module", autouse=True)
def importable_in_processes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        yield


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, postgres_server: Any) -> dict[str, Report]:
    """A campaign with each kind of fault, all at once, as they wait most of the time."""
    # Here, as pytest makes no two folders at once.
    folders = [tmp_path_factory.mktemp(f"run-{number}") for number in range(len(KINDS))]

    def report(number: int, kind: str) -> Report:
        folder = folders[number]
        database = PostgresLedger(postgres_server.pgdata, "postgres", f"campaigns_{number}")
        ledger = database if number % 2 else SqliteLedger(folder)
        run = FaultyRun(number=number, folder=folder, ledger=ledger, random=Random(f"{SEED}-{kind}"))
        KINDS[kind](run)
        found = Report(kind=kind, number=number, ledger=type(ledger).__name__)
        run.execute(found)
        database.close()
        return found

    with ThreadPoolExecutor(len(KINDS)) as pool:
        return dict(zip(KINDS, pool.map(report, range(len(KINDS)), KINDS), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_sent_a_text_twice_or_left_out(reports: dict[str, Report], kind: str) -> None:
    report = reports[kind]
    assert not report.is_wrong, report
    assert report.outcome == "success" or "Nothing more is sent" in report.reason, report


def test_killed_tries_are_among_them(reports: dict[str, Report]) -> None:
    assert reports["kill -9 at any line"].killed
    assert reports["kill -9 during a request"].killed


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="the ledger in the state of a task needs Airflow 3.3")
def test_a_campaign_in_the_state_of_its_task_survives_two_kills(tmp_path: Path) -> None:
    run = FaultyRun(number=50, folder=tmp_path, ledger=StateLedger(tmp_path), random=Random(SEED))
    run.stops += [Stop(line=250), Stop(line=100)]
    report = Report(kind="kills", number=50, ledger="state")
    run.execute(report)
    assert (report.killed, report.outcome, report.is_wrong) == (2, "success", False), report


def test_a_second_text_is_noticed(tmp_path: Path) -> None:
    run = FaultyRun(number=60, folder=tmp_path, ledger=SqliteLedger(tmp_path), random=Random(SEED))
    run.service.add(Fault(lambda make, _: _twice(run, make)))
    report = Report(kind="a service that sends twice", number=60, ledger="sqlite")
    run.execute(report)
    assert report.duplicates
    assert report.is_wrong


def _twice(run: FaultyRun, make: Any) -> Any:
    make()
    response = make()
    run.service.note(response)
    return response
