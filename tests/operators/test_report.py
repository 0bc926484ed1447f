"""A delivery report is written where it was asked for: whole, and without a phone number."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.operators.report import HvsmsDeliveryReportOperator
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from tests.conftest import Warehouse
from tests.sinks.sql.loading import rows, table
from tests.support.history import DAY, last_day, stored_between
from tests.support.messages import message

NAMES = ["delivery_report.html", "delivery_report.json"]
NOON = datetime(2024, 11, 1, 12, tzinfo=UTC)
"""In the past, whatever time the tests take for now."""
WINDOW = {"date_from": NOON - DAY, "date_to": NOON + DAY}


def report(path: Path, **arguments: Any) -> HvsmsDeliveryReportOperator:
    return HvsmsDeliveryReportOperator(
        **{"task_id": "report", "sql_conn_id": "warehouse", "table": "messages", "path": str(path), **arguments}
    )


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def loaded(sqlite_warehouse: Warehouse) -> Warehouse:
    """A table of one message."""
    table().load([rows(message(1, batch_id="7", creation_time=NOON))])
    return sqlite_warehouse


def test_report_of_the_interval_is_written_and_summarised(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, tmp_path: Path
) -> None:
    start, end = last_day(sandbox)
    stored = stored_between(sandbox, start, end)
    HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages").execute(context)
    result = report(tmp_path / "reports").execute(context)
    folder = tmp_path / "reports"
    assert files_in(folder) == NAMES
    assert [Path(result[name]).name for name in ("path", "json")] == NAMES
    numbers = json.loads(Path(result["json"]).read_bytes())
    outbound = sum(message.direction == "Outbound" for message in stored)
    assert (result["messages"], result["inbound"]) == (outbound, len(stored) - outbound)
    assert (result["date_from"], result["date_to"]) == (start.isoformat(), end.isoformat())
    assert result["delivery_rate"] == result["delivered"] / (result["delivered"] + result["failed"])
    assert numbers["outbound"]["delivered"]["count"] == result["delivered"]
    assert float(numbers["outbound"]["cost"]) == result["cost"] > 0
    assert json.loads(json.dumps(result)) == result
    assert Path(result["path"]).read_text().lower().startswith("<!doctype html>")


def test_no_phone_number_is_in_files_result_or_log(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, tmp_path: Path, task_log: Callable[[], str]
) -> None:
    HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages").execute(context)
    result = report(tmp_path / "reports").execute(context)
    texts = [path.read_text() for path in (tmp_path / "reports").iterdir()]
    shown = " ".join([*texts, json.dumps(result), task_log()])
    numbers = {
        number.removeprefix("+")
        for message in stored_between(sandbox, *last_day(sandbox))
        for number in (message.from_number, *message.to_numbers)
    }
    assert len(numbers) > 10
    assert [number for number in numbers if number in shown] == []


def test_path_that_ends_in_html_is_the_page(loaded: Warehouse, tmp_path: Path) -> None:
    result = report(tmp_path / "new" / "november.html", **WINDOW).execute({})
    assert files_in(tmp_path / "new") == ["november.html", "november.json"]
    assert result["path"].endswith("/new/november.html")
    assert result["json"].endswith("/new/november.json")


def test_report_replaces_an_earlier_one(loaded: Warehouse, tmp_path: Path) -> None:
    report(tmp_path, **WINDOW).execute({})
    table().load([rows(message(2, creation_time=NOON))])
    report(tmp_path, **WINDOW).execute({})
    assert json.loads((tmp_path / NAMES[1]).read_bytes())["outbound"]["count"] == 2


def test_table_stays_as_it_was(loaded: Warehouse, tmp_path: Path) -> None:
    before = Path(loaded.connection["host"]).read_bytes()
    report(tmp_path / "reports", **WINDOW).execute({})
    assert Path(loaded.connection["host"]).read_bytes() == before


def test_window_without_messages_gives_a_report(loaded: Warehouse, tmp_path: Path) -> None:
    result = report(tmp_path, date_from=NOON - 2 * DAY, date_to=NOON - DAY).execute({})
    assert (result["messages"], result["delivery_rate"], result["cost"]) == (0, None, 0.0)
    assert "No messages" in (tmp_path / NAMES[0]).read_text()


@pytest.mark.parametrize("group_by", [["day", "batch_id"], "day, batch_id"])
def test_report_has_the_groups_that_are_asked_for(loaded: Warehouse, tmp_path: Path, group_by: Any) -> None:
    report(tmp_path, group_by=group_by, **WINDOW).execute({})
    numbers = json.loads((tmp_path / NAMES[1]).read_bytes())
    assert [bool(numbers[name]) for name in ("days", "senders", "batches")] == [True, False, True]


@pytest.mark.parametrize("group_by", [["hour"], "day,hour", None, 7])
def test_unknown_group_is_refused_when_the_dag_is_parsed(group_by: Any) -> None:
    with pytest.raises(InvalidRequest, match="it must be a list of some of these: day, from_number, batch_id"):
        report(Path("/reports"), group_by=group_by)


def test_failed_write_leaves_the_earlier_report(
    loaded: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "reports"
    report(folder, **WINDOW).execute({})
    before = [(folder / name).read_bytes() for name in NAMES]
    table().load([rows(message(2, creation_time=NOON))])
    uploads: list[str] = []

    def fail_second(self: Any, source: str, target: str, **options: Any) -> None:
        uploads.append(target)
        if len(uploads) > 1:
            raise OSError(28, "No space left on device")
        Path(target).write_bytes(Path(source).read_bytes())

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.put_file", fail_second)
    with pytest.raises(Exception, match="No space left on device"):
        report(folder, **WINDOW).execute({})
    assert len(uploads) == 2
    assert files_in(folder) == NAMES
    assert [(folder / name).read_bytes() for name in NAMES] == before


def test_missing_matplotlib_is_refused_before_anything_is_read(
    sqlite_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AirflowFailException, match=re.escape("pip install 'airflow-provider-hvsms[report]'")):
        report(tmp_path / "reports", **WINDOW).execute({})
    assert not (tmp_path / "reports").exists()


def test_missing_table_fails_the_task_without_retries(sqlite_warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="'messages' does not exist"):
        report(tmp_path, **WINDOW).execute({})
    assert sqlite_warehouse.tables() == []
    assert files_in(tmp_path) == ["warehouse.sqlite"]


def test_future_part_of_the_window_is_left_out(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, tmp_path: Path
) -> None:
    HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages").execute(context)
    later: Any = {**context, "data_interval_end": context["data_interval_end"] + timedelta(days=30)}
    report(tmp_path / "reports").execute(later)
    numbers = json.loads((tmp_path / "reports" / NAMES[1]).read_bytes())
    assert len(numbers["days"]) <= 3


def test_openlineage_learns_of_the_table_and_the_page(loaded: Warehouse, tmp_path: Path) -> None:
    task = report(tmp_path / "reports", **WINDOW)
    context: Any = {}
    task.execute(context)
    lineage = task.get_openlineage_facets_on_complete(None)
    [table_read], [page] = lineage.inputs, lineage.outputs
    assert (table_read.namespace.partition(":")[0], table_read.name.rpartition(".")[2]) == ("sqlite", "messages")
    assert (page.namespace, page.name) == ("file", f"{tmp_path}/reports/delivery_report.html")
