"""The delivery report in Airflow's own pages, in a real browser, with and without being logged in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from airflow_provider_hvsms.plugins.hvsms import HvsmsPlugin
from tests.end_to_end.airflow_processes import RunningAirflow
from tests.end_to_end.connections_page import CHROMEDRIVER, CHROMIUM, chromium
from tests.end_to_end.login import settings_of_login
from tests.end_to_end.report_pages import ReportPages
from tests.support.s3 import KEY, KEY_ID, connect_s3, s3_server

pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="these tests drive Chromium: install it and its chromedriver"
    ),
    pytest.mark.skipif(not HvsmsPlugin.external_views, reason="Airflow 3.1 brought the tab"),
]

HERE = Path(__file__).parent
HIDDEN_DAG = "hidden"

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    folder = airflow_home / "dags"
    folder.mkdir()
    for name in ("report_dags", "hiding_auth_manager"):
        shutil.copy(HERE / f"{name}.py", folder)
    return folder


@pytest.fixture(scope="module")
def reports(airflow_home: Path) -> Path:
    folder = airflow_home / "reports"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        connect_s3(url).call_s3("create_bucket", Bucket="reports")
        yield url


@pytest.fixture(scope="module")
def airflow_connections(s3_url: str, airflow_home: Path) -> dict[str, Any]:
    extra = {"endpoint_url": s3_url, "region_name": "us-east-1"}
    return {
        "aws": {"conn_type": "aws", "login": KEY_ID, "password": KEY, "extra": extra},
        "warehouse": {"conn_type": "sqlite", "host": str(airflow_home / "warehouse.sqlite")},
    }


@pytest.fixture(scope="module")
def airflow_environment(airflow_home: Path, reports: Path) -> dict[str, str]:
    return {
        **settings_of_login(airflow_home),
        "REPORT_FOLDER": reports.as_uri(),
        "AIRFLOW__CORE__AUTH_MANAGER": "hiding_auth_manager.HidingAuthManager",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    }


@pytest.fixture(scope="module")
def airflow_components() -> Collection[str]:
    return ["api-server", "scheduler", "dag-processor"]


@pytest.fixture(scope="module")
def run(running_airflow: RunningAirflow) -> Run:
    """Runs a DAG once, and returns the run's id: one with a plus sign, as those of Airflow's schedules have."""
    runs: dict[str, str] = {}

    def run(dag_id: str) -> str:
        if dag_id not in runs:
            running_airflow.unpause(dag_id)
            run_id = running_airflow.trigger(dag_id, run_id=f"test__{datetime.now(UTC).isoformat()}")
            ends = ("success", "failed")
            running_airflow.wait_until(
                lambda: running_airflow.run_state(dag_id, run_id) in ends, 180, f"{dag_id} has ended"
            )
            runs[dag_id] = run_id
        return runs[dag_id]

    return run


@pytest.fixture(scope="module")
def browser(running_airflow: RunningAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReportPages]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield ReportPages(driver, running_airflow.url, running_airflow.token)


@pytest.fixture
def pages(browser: ReportPages) -> Iterator[ReportPages]:
    yield browser
    browser.close_other_windows()


def report_url(airflow: RunningAirflow, dag_id: str, run_id: str) -> str:
    return f"{airflow.url}/hvsms/report?{urlencode({'dag_id': dag_id, 'run_id': run_id})}"


def test_the_tab_of_a_run_shows_the_report_that_the_run_wrote(pages: ReportPages, run: Run) -> None:
    pages.open_tab("one_report", run("one_report"))
    assert pages.text_of("#title") == "One report"


def test_the_tab_shows_the_report_of_a_loaded_table(pages: ReportPages, run: Run) -> None:
    pages.open_tab("report_of_a_table", run("report_of_a_table"))
    assert pages.text_of("h1") == "Delivery report"
    assert "SMS-CAR-413" in pages.text_of("main")


def test_a_script_in_a_report_does_not_run(pages: ReportPages, run: Run) -> None:
    pages.open_tab("one_report", run("one_report"))
    assert pages.text_of("#script") == "no script ran"


def test_the_link_of_the_task_opens_its_report(pages: ReportPages, run: Run) -> None:
    pages.follow_link("one_report", run("one_report"), "report")
    assert pages.text_of("#title") == "One report"


def test_the_tab_of_a_run_with_several_reports_links_to_each(pages: ReportPages, run: Run) -> None:
    pages.open_tab("several_reports", run("several_reports"))
    pages.follow("report [1]")
    assert pages.text_of("#title") == "Report second"


def test_the_tab_says_that_the_task_failed(pages: ReportPages, run: Run) -> None:
    pages.open_tab("failed_report", run("failed_report"))
    assert pages.text_of("li") == "report: The task failed. Its log says why."


def test_the_tab_of_a_run_without_a_report_says_so(pages: ReportPages, run: Run) -> None:
    pages.open_tab("no_report", run("no_report"))
    assert pages.text_of("p") == "This run has no task with an operator HvsmsDeliveryReportOperator."


@pytest.mark.skipif(not find_spec("airflow.providers.amazon"), reason="Airflow knows s3:// by the provider of Amazon")
def test_a_report_on_s3_is_read_with_the_connection_in_its_path(pages: ReportPages, run: Run) -> None:
    pages.open_tab("report_on_s3", run("report_on_s3"))
    assert pages.text_of("#title") == "A report on S3"


def test_a_user_who_is_not_logged_in_gets_nothing(running_airflow: RunningAirflow, run: Run) -> None:
    url = report_url(running_airflow, "one_report", run("one_report"))
    response = requests.get(url, timeout=30)
    assert (response.status_code, response.json()) == (401, {"detail": "Not authenticated"})


def test_a_user_without_the_right_to_the_dag_gets_nothing(running_airflow: RunningAirflow, pages: ReportPages) -> None:
    pages.driver.get(report_url(running_airflow, HIDDEN_DAG, "any run"))
    assert pages.text_of("body") == '{"detail":"Forbidden"}'
