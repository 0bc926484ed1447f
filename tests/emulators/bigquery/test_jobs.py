"""A load is a few jobs, whatever its size, and a request that is repeated does not run twice."""

from __future__ import annotations

import multiprocessing
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused
from airflow_provider_hvsms.sinks.schema import Changes, Row
from airflow_provider_hvsms.sinks.warehouses import bigquery, parts
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.bigquery.emulator import CONFLICT, Failure, tables_of
from tests.emulators.warehouses.loading import LATER, SECOND_LOAD, interrupted, load, many, open_table, rows
from tests.support.messages import NOON, message


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_PER_PART", 1_000)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery, "MAX_PAUSE", 0.1)


@pytest.mark.parametrize(("row_count", "part_count"), [(1_000, 1), (2_500, 3)])
def test_job_for_each_part_and_one_for_the_merge(
    warehouse: BigQueryWarehouse, small_parts: None, row_count: int, part_count: int
) -> None:
    load([])
    warehouse.emulator.requests.clear()
    assert load([many(row_count)]) == Changes(inserted=row_count, updated=0, unchanged=0)
    jobs = warehouse.emulator.jobs()
    assert len([job for job in jobs if job.starts_upload]) == part_count
    assert len(jobs) == part_count + 1
    assert warehouse.query("SELECT COUNT(*) FROM sms.messages") == [(row_count,)]


def test_job_ids_name_the_load_and_the_part_or_the_attempt(warehouse: BigQueryWarehouse, small_parts: None) -> None:
    load([many(1_001)])
    ids = [job.body["jobReference"]["jobId"] for job in warehouse.emulator.jobs()]
    load_id = ids[0].removesuffix("_part_00000")
    assert ids == [f"{load_id}_part_00000", f"{load_id}_part_00001", f"{load_id}_merge_01"]


def test_merge_whose_answer_is_lost_is_not_run_again(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    lost = Failure("BEGIN TRANSACTION", 503, "backendError", "try again", is_carried_out=True)
    exists = Failure("BEGIN TRANSACTION", 409, "duplicate", "Already Exists: Job")
    warehouse.emulator.failures += [lost, exists]
    changes = load([rows(message(1), message(2), loaded_at=SECOND_LOAD)])
    assert changes == Changes(inserted=1, updated=0, unchanged=1)


def test_staging_table_whose_answer_is_lost_is_used(warehouse: BigQueryWarehouse) -> None:
    lost = Failure("datasets/sms/tables?", 503, "backendError", "try again", is_carried_out=True)
    warehouse.emulator.failures.append(lost)
    assert load([rows(message(1))]) == Changes(inserted=1, updated=0, unchanged=0)


def test_merge_that_meets_another_transaction_is_repeated_as_another_job(
    warehouse: BigQueryWarehouse, no_pauses: None
) -> None:
    warehouse.emulator.failures += [Failure("BEGIN TRANSACTION", 400, "invalidQuery", CONFLICT)] * 3
    assert load([rows(message(1))]) == Changes(inserted=1, updated=0, unchanged=0)
    merges = [job.body["jobReference"]["jobId"] for job in warehouse.emulator.jobs() if job.query]
    assert [job_id[-9:] for job_id in merges] == ["_merge_01", "_merge_02", "_merge_03", "_merge_04"]


def test_merge_that_always_meets_another_transaction_fails_the_load_for_airflow_to_retry(
    warehouse: BigQueryWarehouse, no_pauses: None
) -> None:
    conflict = Failure("BEGIN TRANSACTION", 400, "invalidQuery", CONFLICT)
    warehouse.emulator.failures += [conflict] * bigquery.MAX_MERGE_ATTEMPTS
    with pytest.raises(LoadFailed, match="concurrent update"):
        load([rows(message(1))])
    assert warehouse.query("SELECT COUNT(*) FROM sms.messages") == [(0,)]


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (403, "quotaExceeded", LoadFailed),
        (403, "rateLimitExceeded", LoadFailed),
        (400, "invalidQuery", LoadRefused),
        (403, "accessDenied", LoadRefused),
        (404, "notFound", LoadRefused),
    ],
)
def test_error_is_retried_by_airflow_only_if_it_can_pass(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch, status: int, reason: str, error: type[Exception]
) -> None:
    monkeypatch.setattr("google.cloud.bigquery.client.DEFAULT_RETRY._timeout", 0.1)
    warehouse.emulator.failures += [Failure("BEGIN TRANSACTION", status, reason, "the reason")] * 20
    with pytest.raises(error, match="the reason") as raised:
        load([rows(message(1))])
    assert type(raised.value) is error


def test_merge_is_cancelled_if_the_task_is_killed(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load([])

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("google.cloud.bigquery.job.QueryJob.result", killed)
    with pytest.raises(KeyboardInterrupt):
        load([rows(message(1))])
    [merge] = [job.body["jobReference"]["jobId"] for job in warehouse.emulator.jobs() if job.query]
    assert [one.path.partition("?")[0] for one in warehouse.emulator.requests if "/cancel" in one.path] == [
        f"/bigquery/v2/projects/{warehouse.project}/jobs/{merge}/cancel"
    ]


def test_staging_table_expires_by_itself_and_is_dropped_at_the_end(warehouse: BigQueryWarehouse) -> None:
    before = datetime.now(UTC)
    with open_table() as sink:
        sink.add(rows(message(1)), [])
        [stage] = warehouse.tables()
        sink.finish({})
    expires = warehouse.emulator.expirations()[stage]
    assert expires is not None
    assert timedelta(hours=23) < expires - before < timedelta(hours=25)
    assert warehouse.tables() == ["messages"]
    assert warehouse.emulator.expirations()["messages"] is None


def test_staging_table_of_a_load_of_days_expires_later(warehouse: BigQueryWarehouse) -> None:
    with open_table() as sink:
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=20)):
            sink.add(rows(message(1)), [])
            later = datetime.now(UTC)
        [request] = [one for one in warehouse.emulator.requests if one.method == "PATCH"]
    expires = datetime.fromtimestamp(int(request.body["expirationTime"]) / 1000, UTC)
    assert timedelta(hours=23) < expires - later < timedelta(hours=25)


def merge_script(warehouse: BigQueryWarehouse) -> str:
    [script] = [job.query for job in warehouse.emulator.jobs() if "BEGIN TRANSACTION" in job.query]
    return script


def test_merge_reads_the_days_of_the_staged_rows_only(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    warehouse.emulator.requests.clear()
    load([rows(message(2))])
    [merge] = re.findall(r"MERGE INTO.*?;\n", merge_script(warehouse), re.DOTALL)
    assert "existing.`creation_time` BETWEEN hvsms_found_0_earliest AND hvsms_found_0_latest" in merge


def test_row_whose_creation_time_differs_is_found_in_its_partition(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1, creation_time=NOON - timedelta(days=400)), message(2))])
    changes = load([rows(message(1, creation_time=NOON, last_modified_time=LATER), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT id, creation_time FROM sms.messages WHERE id = '1'") == [("1", NOON)]
    assert changes == Changes(inserted=0, updated=1, unchanged=0)


def test_row_without_creation_time_is_found(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    warehouse.run("UPDATE sms.messages SET creation_time = NULL WHERE TRUE")
    changes = load([rows(message(1), loaded_at=SECOND_LOAD)])
    assert changes == Changes(inserted=0, updated=1, unchanged=0)
    assert warehouse.query("SELECT COUNT(*) FROM sms.messages") == [(1,)]


def test_row_that_locks_the_table_is_never_seen(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    assert "'hvsms_lock'" in merge_script(warehouse)
    assert warehouse.query("SELECT id FROM sms.messages") == [("1",)]


def test_script_names_no_table_but_the_target_and_the_staging_table(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    stage, target = sorted(tables_of(merge_script(warehouse)))
    assert target == f"{warehouse.project}.sms.messages"
    assert stage.startswith(f"{warehouse.project}.sms.hvsms_stage_")


def _load_in_process(batches: list[list[Row]]) -> None:
    load(batches)


def test_loads_at_once_into_a_new_table_give_each_row_once(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery, "MAX_PAUSE", 2.0)
    monkeypatch.setattr(warehouse.emulator, "awaited_conflicts", warehouse.emulator.conflicts + 1)
    context = multiprocessing.get_context("fork")
    loads = [context.Process(target=_load_in_process, args=([many(3_000)],)) for _ in range(4)]
    for process in loads:
        process.start()
    for process in loads:
        process.join(120)
    assert [process.exitcode for process in loads] == [0] * len(loads)
    assert warehouse.query("SELECT COUNT(*), COUNT(DISTINCT id) FROM sms.messages") == [(3_000, 3_000)]
    assert warehouse.emulator.conflicts >= warehouse.emulator.awaited_conflicts
    assert warehouse.tables() == ["messages"]


def test_interrupted_load_leaves_nothing_behind(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(RuntimeError):
        load(interrupted())
    assert warehouse.tables() == []
