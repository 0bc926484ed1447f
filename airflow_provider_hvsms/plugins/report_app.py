"""The page of a run's delivery report, in Airflow's API server."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.utils.session import create_session
from fastapi import Depends, FastAPI, Query, Response
from fastapi.responses import HTMLResponse

from airflow_provider_hvsms.api.errors import HvsmsError, NotFound
from airflow_provider_hvsms.plugins.report_file import read_report
from airflow_provider_hvsms.plugins.report_pages import page_of_choices, page_of_problem, page_without_report
from airflow_provider_hvsms.plugins.written_reports import find_report_tasks
from airflow_provider_hvsms.utils.report_url import ROUTE

# Airflow mounts a plugin's application without any protection, so each route needs its own.
PROTECTION = (DagAccessEntity.RUN, DagAccessEntity.XCOM)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
_HEADERS = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
# A report is a file of somebody else: no script, and an origin of its own, from which Airflow's is out of reach.
REPORT_HEADERS = {**_HEADERS, "Content-Security-Policy": f"{_POLICY}; sandbox"}
# With an origin of its own, the links of a page of ours would be followed without the user's cookie.
PAGE_HEADERS = {**_HEADERS, "Content-Security-Policy": f"{_POLICY}; sandbox allow-same-origin"}


def create_report_app() -> FastAPI:
    """The application that the plugin mounts, without FastAPI's pages about it: they would be unprotected."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get(
        ROUTE,
        response_class=HTMLResponse,
        dependencies=[Depends(requires_access_dag("GET", entity)) for entity in PROTECTION],
    )(show_report)
    return app


def show_report(
    dag_id: Annotated[str, Query(min_length=1)],
    run_id: Annotated[str, Query(min_length=1)],
    task_id: str | None = None,
    map_index: int | None = None,
) -> Response:
    """The report of a run, or of one of its tasks; or a page that says why there is none (404, 502)."""
    # Airflow 3.1 does not encode the run id in a plugin's address, and a plus sign there means a space.
    run_id = run_id.replace(" ", "+")
    with create_session(scoped=False) as session:  # ends before the storage is read, which may take long
        tasks = find_report_tasks(session, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    written = [task.path for task in tasks if task.path is not None]
    if not written:
        return _page(page_without_report(tasks), status=404)
    if len(tasks) > 1:
        return _page(page_of_choices(dag_id, run_id, tasks))
    try:
        report = read_report(written[0])
    except HvsmsError as error:
        return _page(page_of_problem(str(error)), status=404 if isinstance(error, NotFound) else 502)
    return HTMLResponse(report, headers=REPORT_HEADERS)


def _page(html: str, *, status: int = 200) -> Response:
    return HTMLResponse(html, status_code=status, headers=PAGE_HEADERS)
