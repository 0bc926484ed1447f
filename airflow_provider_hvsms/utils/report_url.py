"""Where Airflow's API server shows delivery reports."""

from __future__ import annotations

from urllib.parse import urlencode

URL_PREFIX = "/hvsms"
ROUTE = "/report"
# Relative, as Airflow's pages have a base that holds the path below which the API server is served.
PAGE = f"{URL_PREFIX}{ROUTE}".removeprefix("/")


def report_query(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """The query that selects the report of one task."""
    selected = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id}
    return urlencode(selected if map_index < 0 else {**selected, "map_index": map_index})
