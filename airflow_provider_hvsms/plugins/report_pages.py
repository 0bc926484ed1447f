"""The pages around a report: the choice between several, and why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from airflow_provider_hvsms.plugins.written_reports import OPERATOR, ReportTask
from airflow_provider_hvsms.utils.report_url import report_query

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; max-width: 44rem; padding: 1rem; }
body { overflow-wrap: anywhere; }
h1 { font-size: 1.25rem; }
li { margin: .25rem 0; }
"""


def page_of_choices(dag_id: str, run_id: str, tasks: Iterable[ReportTask]) -> str:
    """Links to the reports of a run that wrote several, and the state of the tasks that wrote none."""
    return _page("Delivery reports of this run", f"<ul>{''.join(_choice(dag_id, run_id, task) for task in tasks)}</ul>")


def page_without_report(tasks: Iterable[ReportTask]) -> str:
    """Says why there is no report yet, or none at all."""
    states = [f"<li>{escape(task.label)}: {escape(_reason(task))}</li>" for task in tasks]
    if states:
        return _page("No delivery report yet", f"<ul>{''.join(states)}</ul>")
    return _page("No delivery report", f"<p>This run has no task with an operator <code>{OPERATOR}</code>.</p>")


def page_of_problem(problem: str) -> str:
    return _page("The delivery report cannot be shown", f"<p>{escape(problem)}</p>")


def _choice(dag_id: str, run_id: str, task: ReportTask) -> str:
    label = escape(task.label)
    if task.path is None:
        return f"<li>{label}: {escape(_reason(task))}</li>"
    query = report_query(dag_id, run_id, task.task_id, task.map_index)
    return f'<li><a href="?{escape(query)}">{label}</a></li>'


def _reason(task: ReportTask) -> str:
    match task.state:
        case "success":
            return "The task succeeded, and returned no path of a report."
        case "failed" | "upstream_failed":
            return "The task failed. Its log says why."
        case "skipped" | "removed":
            return f"The task was {task.state}."
        case state:
            return f"The task has not written its report yet (state: {state or 'none'})."


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
