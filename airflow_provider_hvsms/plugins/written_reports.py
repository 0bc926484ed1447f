"""Which reports a DAG run wrote, from Airflow's database: only the API server may ask it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import and_, select

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OPERATOR = "HvsmsDeliveryReportOperator"


@dataclass(frozen=True, kw_only=True)
class ReportTask:
    """A task of a run that writes a report; `path` is null until it has written one."""

    task_id: str
    map_index: int
    state: str | None
    path: str | None

    @property
    def label(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id} [{self.map_index}]"


def find_report_tasks(
    session: Session, *, dag_id: str, run_id: str, task_id: str | None = None, map_index: int | None = None
) -> Sequence[ReportTask]:
    """The tasks of a run that write a report, by task and map index.

    What other operators return is not looked at: the API server opens the paths, and whoever may edit XComs could name
    one in any task.
    """
    query = (
        select(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state, XComModel.value)
        .join(
            XComModel,
            and_(
                XComModel.dag_id == TaskInstance.dag_id,
                XComModel.run_id == TaskInstance.run_id,
                XComModel.task_id == TaskInstance.task_id,
                XComModel.map_index == TaskInstance.map_index,
                XComModel.key == "return_value",
            ),
            isouter=True,
        )
        .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.operator == OPERATOR)
        .order_by(TaskInstance.task_id, TaskInstance.map_index)
    )
    if task_id is not None:
        query = query.where(TaskInstance.task_id == task_id)
    if map_index is not None:
        query = query.where(TaskInstance.map_index == map_index)
    return [
        ReportTask(task_id=task, map_index=index, state=state, path=_path_in(value))
        for task, index, state, value in session.execute(query)
    ]


def _path_in(value: Any) -> str | None:
    """The path in what a task returned. A value written by `dag.test` is encoded twice."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    path = value.get("path") if isinstance(value, dict) else None
    return path if isinstance(path, str) else None
