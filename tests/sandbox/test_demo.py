"""The demo loads three days, prints them, and leaves two files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
    assert sorted(path.name for path in folder.iterdir()) == ["hvsms_demo.log", "hvsms_demo.sqlite"]


def test_the_query_that_the_demo_suggests_works(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, run = finished
    code = re.search(r'python\S* -c "(.+)"', run.stdout)
    assert code is not None
    query = subprocess.run(
        [sys.executable, "-c", code.group(1).replace("\\\\", "\\")],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Delivered" in query.stdout
