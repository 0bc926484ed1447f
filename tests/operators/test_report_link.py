"""The link from a task to its report."""

from __future__ import annotations

from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_hvsms.operators.report_link import HvsmsReportLink

RUN_ID = "scheduled__2026-11-01T00:00:00+00:00"


def link_of(map_index: int) -> str:
    key = TaskInstanceKey(dag_id="sms", task_id="report", run_id=RUN_ID, try_number=1, map_index=map_index)
    return HvsmsReportLink().get_link(cast("BaseOperator", cast("Any", None)), ti_key=key)


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow 3.1 brought the page that the link leads to")
@pytest.mark.parametrize(("map_index", "end"), [(-1, ""), (3, "&map_index=3")])
def test_the_link_is_relative_and_selects_the_task(map_index: int, end: str) -> None:
    run_id = "scheduled__2026-11-01T00%3A00%3A00%2B00%3A00"
    assert link_of(map_index) == f"hvsms/report?dag_id=sms&run_id={run_id}&task_id=report{end}"


@pytest.mark.skipif(AIRFLOW_V_3_1_PLUS, reason="Airflow 3.1 brought the page that the link leads to")
def test_an_older_airflow_has_no_link() -> None:
    assert link_of(-1) == ""
