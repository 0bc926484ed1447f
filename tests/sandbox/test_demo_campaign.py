"""The demo of a campaign sends each recipient one message, though an answer is lost and the task runs twice."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_hvsms.sandbox.demo.campaign import OPTED_OUT, RECIPIENTS, TOLL_FREE, _day_of_run

SENT = RECIPIENTS - OPTED_OUT - TOLL_FREE

Finished = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "airflow_provider_hvsms.sandbox", "demo", "--campaign"]
    return folder, subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)


def test_the_demo_shows_three_batches_of_which_one_was_found_after_a_lost_answer(finished: Finished) -> None:
    _, run = finished
    assert run.returncode == 0, run.stdout + run.stderr
    first_try, second_try = run.stdout.split("again, as if it had been cleared")
    assert re.findall(r"Part (\d) is batch .*; (.*)\.$", first_try, re.MULTILINE) == [
        ("1", "sent now"), ("2", "sent by an earlier request, whose answer was lost"), ("3", "sent now"),
    ]  # fmt: skip
    assert re.findall(r"Part (\d) is batch .*; (.*)\.$", second_try, re.MULTILINE) == [
        (part, "sent by an earlier try") for part in "123"
    ]


def test_the_demo_counts_that_nobody_got_two_messages(finished: Finished) -> None:
    _, run = finished
    assert f"The store has {SENT:,} messages to {SENT:,} recipients: 0 got two. The {TOLL_FREE} rejected" in run.stdout
    assert "The store has 0 messages more: 0 recipients got two." in run.stdout


def test_the_tables_that_the_demo_names_have_what_it_printed(finished: Finished) -> None:
    folder, run = finished
    with closing(sqlite3.connect(folder / "hvsms_demo.sqlite")) as warehouse:
        ledger = warehouse.execute("SELECT part, state FROM hvsms_campaigns ORDER BY part").fetchall()
        statuses = warehouse.execute("SELECT message_status, count(*) FROM hvsms_campaign_messages GROUP BY 1")
        loaded = dict(statuses.fetchall())
    assert ledger == [(1, "recorded"), (2, "recorded"), (3, "recorded")]
    assert sum(loaded.values()) == SENT
    for status, count in loaded.items():
        assert re.search(rf"^{status} +{count:,} ", run.stdout, re.MULTILINE)


def test_the_report_is_where_the_demo_says(finished: Finished) -> None:
    folder, run = finished
    address = re.search(r"file://\S+\.html", run.stdout)
    assert address is not None
    page = Path(urlsplit(address[0]).path)
    assert page.is_relative_to(folder)
    assert "<!doctype html>" in page.read_text()


def test_the_demo_prints_no_phone_number(finished: Finished) -> None:
    _, run = finished
    assert re.search(r"\+?1\d{10}\b", run.stdout + run.stderr) is None


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 7, 2, 14, 0, tzinfo=UTC), "2026-07-02"),
        (datetime(2026, 7, 2, 13, 59, tzinfo=UTC), "2026-07-01"),
        (datetime(2026, 12, 2, 14, 59, tzinfo=UTC), "2026-12-01"),
        (datetime(2026, 12, 3, 1, 0, tzinfo=UTC), "2026-12-02"),
    ],
)
def test_the_recipients_are_those_of_the_day_on_which_the_run_was_due(now: datetime, day: str) -> None:
    assert _day_of_run(now) == day
