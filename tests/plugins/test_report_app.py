"""Who gets which page from the plugin's application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.conftest import AIRFLOW_HAS_THE_TAB, RunDag, token_of

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.skipif(not AIRFLOW_HAS_THE_TAB, reason="Airflow 3.1 brought the tab")


def access_checks(route: Any) -> set[tuple[str, str | None]]:
    """The method and the entity of each check of a right to a DAG that a route depends on."""
    checks = set()
    for dependency in route.dependant.dependencies:
        if dependency.call.__qualname__.startswith("requires_access_dag."):
            closed_over = dict(zip(dependency.call.__code__.co_freevars, dependency.call.__closure__, strict=True))
            entity = closed_over["access_entity"].cell_contents
            checks.add((closed_over["method"].cell_contents, entity and entity.value))
    return checks


def test_every_route_requires_the_right_to_read_runs_and_xcoms_of_the_dag(client: TestClient) -> None:
    app: Any = client.app
    assert app.routes
    for route in app.routes:
        assert {("GET", "RUN"), ("GET", "XCOM")} <= access_checks(route), route.path


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/"])
def test_the_application_has_no_page_about_itself(logged_in: TestClient, path: str) -> None:
    assert logged_in.get(path).status_code == 404


def test_nothing_is_shown_without_a_token(client: TestClient) -> None:
    assert client.get("/report", params={"dag_id": "one_report", "run_id": "any"}).status_code == 401


def test_nothing_is_shown_to_a_user_who_may_not_read_the_dag(client: TestClient) -> None:
    client.cookies.set("_token", token_of(None))
    assert client.get("/report", params={"dag_id": "one_report", "run_id": "any"}).status_code == 403


def test_nothing_is_shown_to_a_user_who_may_read_runs_but_no_xcoms(
    logged_in: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    def is_authorized_dag(*, access_entity: Any = None, **_: Any) -> bool:
        return access_entity is not DagAccessEntity.XCOM

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", is_authorized_dag)
    assert logged_in.get("/report", params={"dag_id": "one_report", "run_id": "any"}).status_code == 403


def test_the_right_is_checked_for_the_dag_whose_report_is_shown(
    logged_in: TestClient, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    def is_authorized_dag(*, details: Any, **_: Any) -> bool:
        return bool(details.id != "one_report")

    run_id = run_dag("one_report")
    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", is_authorized_dag)
    for dag_ids in (["one_report", "other"], ["other", "one_report"]):
        response = logged_in.get("/report", params={"dag_id": dag_ids, "run_id": run_id})
        assert "One report" not in response.text


def test_the_report_of_a_run_is_shown_as_it_was_written(logged_in: TestClient, run_dag: RunDag, folder: Path) -> None:
    run_id = run_dag("one_report")
    response = logged_in.get("/report", params={"dag_id": "one_report", "run_id": run_id})
    assert (response.status_code, response.content) == (200, (folder / "one.html").read_bytes())


def test_a_run_is_found_by_an_id_whose_plus_signs_were_not_encoded(logged_in: TestClient, run_dag: RunDag) -> None:
    run_id = run_dag("one_report")
    assert "+" in run_id
    assert logged_in.get(f"/report?dag_id=one_report&run_id={run_id}").status_code == 200


def test_a_report_may_run_no_script_fetch_nothing_and_be_framed_by_airflow_only(
    logged_in: TestClient, run_dag: RunDag
) -> None:
    headers = logged_in.get("/report", params={"dag_id": "one_report", "run_id": run_dag("one_report")}).headers
    assert headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    ]
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"


def test_several_reports_of_a_run_are_linked(logged_in: TestClient, run_dag: RunDag) -> None:
    run_id = run_dag("several_reports")
    page = logged_in.get("/report", params={"dag_id": "several_reports", "run_id": run_id})
    assert page.status_code == 200
    assert page.text.count("<a href=") == 2
    selected: dict[str, str | int] = {
        "dag_id": "several_reports",
        "run_id": run_id,
        "task_id": "report",
        "map_index": 1,
    }
    assert "Report second" in logged_in.get("/report", params=selected).text


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("failed_report", "report: The task failed. Its log says why."),
        ("no_report", "This run has no task with an operator"),
    ],
)
def test_a_run_without_a_report_says_why(logged_in: TestClient, run_dag: RunDag, dag_id: str, words: str) -> None:
    response = logged_in.get("/report", params={"dag_id": dag_id, "run_id": run_dag(dag_id)})
    assert response.status_code == 404
    assert words in response.text


def test_a_run_that_does_not_exist_has_no_report(logged_in: TestClient, airflow_database: None) -> None:
    assert logged_in.get("/report", params={"dag_id": "<b>", "run_id": "<script>"}).status_code == 404


def test_a_report_that_was_deleted_is_not_found(logged_in: TestClient, run_dag: RunDag, folder: Path) -> None:
    run_id = run_dag("one_report")
    (folder / "one.html").unlink()
    response = logged_in.get("/report", params={"dag_id": "one_report", "run_id": run_id})
    assert response.status_code == 404
    assert "There is no delivery report at the path that the task returned." in response.text


def test_a_storage_that_cannot_be_read_answers_502_without_its_error(
    logged_in: TestClient, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_hvsms.plugins import report_file

    class Storage:
        def __init__(self, path: str) -> None:
            self.path = path

        @property
        def fs(self) -> object:
            raise PermissionError("s3://key:secret@bucket")

    run_id = run_dag("one_report")
    monkeypatch.setattr(report_file, "ObjectStoragePath", Storage)
    response = logged_in.get("/report", params={"dag_id": "one_report", "run_id": run_id})
    assert response.status_code == 502
    assert "could not be read" in response.text
    assert "secret" not in response.text
