"""The demo loads three days, prints them, and leaves a table, a report and a log."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "airflow_provider_hvsms.sandbox", "demo"]
    return folder, subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)


def test_the_demo_loads_three_days_and_prints_them(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, run = finished
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"day +messages +delivered +failed +cost +requests", run.stdout)
    days = re.findall(r"^\d{4}-\d\d-\d\d +([\d,]+) +([\d,]+) +([\d,]+) +([\d.]+) +(\d+)$", run.stdout, re.MULTILINE)
    assert len(days) == 3
    for messages, delivered, failed, _, _ in days:
        counts = [int(count.replace(",", "")) for count in (messages, delivered, failed)]
        assert counts[0] >= counts[1] + counts[2] > 1_000


def test_airflows_own_log_goes_to_a_file(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, run = finished
    assert "INFO" not in run.stdout + run.stderr
    assert "Done: " in (folder / "hvsms_demo.log").read_text()
    assert sorted(path.name for path in folder.iterdir()) == [
        "hvsms_demo.log", "hvsms_demo.sqlite", "hvsms_demo_reports",
    ]  # fmt: skip


def test_the_report_of_the_three_days_is_where_the_demo_says(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, run = finished
    address = re.search(r"file://\S+\.html", run.stdout)
    assert address is not None
    page = Path(urlsplit(address[0]).path)
    assert page.is_relative_to(folder)
    assert "<!doctype html>" in page.read_text()
    numbers = json.loads(page.with_suffix(".json").read_text())
    days = re.findall(r"^(\d{4}-\d\d-\d\d) +[\d,]+ ", run.stdout, re.MULTILINE)
    assert [day["day"] for day in numbers["days"]] == days
    assert all(day["outbound"]["count"] > 1_000 for day in numbers["days"])


def test_the_query_that_the_demo_suggests_works(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, run = finished
    code = re.search(r'python\S* -c "(.+)"', run.stdout)
    assert code is not None
    query = subprocess.run(
        [sys.executable, "-c", code.group(1).replace("\\\\", "\\")],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Delivered" in query.stdout
