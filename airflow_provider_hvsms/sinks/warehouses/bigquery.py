"""BigQuery: parts go by load jobs to a staging table that expires by itself, and one script merges them.

Keys are not enforced there. What keeps them unique is the MERGE, and a lock that is held from its start to the commit.
"""

from __future__ import annotations

import importlib
import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import IO, Any

from airflow_provider_hvsms.api.errors import CommitUnknown, InvalidSettings, LoadFailed, LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.files.parquet import Parquet
from airflow_provider_hvsms.sinks.schema import Changes, Column, ColumnType, Layout, Row
from airflow_provider_hvsms.sinks.sql.sql_types import DECIMAL_PLACES
from airflow_provider_hvsms.sinks.warehouses import bigquery_sql as sql
from airflow_provider_hvsms.sinks.warehouses.bigquery_cursor import BigQueryCursor
from airflow_provider_hvsms.sinks.warehouses.bigquery_errors import ClientErrors, describe, is_conflict
from airflow_provider_hvsms.sinks.warehouses.sample_statement import sample_statement
from airflow_provider_hvsms.sinks.warehouses.warehouse import ExistingColumn, Merge, Warehouse

log = logging.getLogger(__name__)

STAGE_LIFETIME = timedelta(hours=24)
"""A staging table expires so long after the last page, and half of it at least."""

MAX_MERGE_ATTEMPTS = 12
"""With pauses of seven minutes on average, in which other loads of the same table end."""

MAX_PAUSE = 90.0
"""Seconds."""


class BigQuery(Warehouse):
    """BigQuery behind a `BigQueryHook`, or behind the hook of a general Google Cloud connection."""

    name = "BigQuery"
    syntax = sql.SYNTAX

    def __init__(self, hook: Any) -> None:
        hooks: Any = importlib.import_module("airflow.providers.google.cloud.hooks.bigquery")
        super().__init__(hooks.BigQueryHook(gcp_conn_id=hook.gcp_conn_id, use_legacy_sql=False))
        self._bigquery: Any = importlib.import_module("google.cloud.bigquery")
        self._errors = ClientErrors()
        self._client: Any = None
        self._location: str | None = None
        self._part_count = 0
        self._expirations: dict[str, datetime] = {}

    @property
    def part_format(self) -> Parquet:
        return Parquet()

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        return self._errors.all

    def is_permanent(self, error: Exception) -> bool:
        return self._errors.is_permanent(error)

    def describe_error(self, error: Exception) -> str:
        return describe(error)

    @contextmanager
    def session(self) -> Iterator[None]:
        project = self._hook.project_id
        if not project:
            raise InvalidSettings(
                "The connection names no project of Google Cloud, and neither do its credentials. Set `project` in its "
                "extra."
            )
        with closing(self._hook.get_client(project_id=project)) as self._client:
            yield

    def _cursor(self) -> AbstractContextManager[Any]:
        return nullcontext(BigQueryCursor(self._client))

    def full_name(self, table: str) -> str:
        return str(self._name(table))

    def check(self, table: str) -> None:
        name = self._name(table)
        where = f"{name.project}.{name.dataset}"
        try:
            dataset = self._client.get_dataset(where)
        except self._errors.not_found:
            raise LoadRefused(
                f"BigQuery's dataset {where} does not exist. Nothing was read. Create it, or correct `table`."
            ) from None
        except self._errors.forbidden as error:
            if not self._errors.is_permanent(error):
                raise
            raise LoadRefused(
                f"The connection's account may not use BigQuery's dataset {where}: {describe(error)}. Nothing was "
                "read. Grant it the roles BigQuery Data Editor on the dataset and BigQuery Job User on the project."
            ) from None
        location = self._hook.location
        if location and location.upper() != dataset.location.upper():
            raise LoadRefused(
                f"BigQuery's dataset {where} is in {dataset.location}, and the connection's location is {location}. "
                "Nothing was read. Correct the location, or leave it out: it is then the dataset's."
            )
        self._location = dataset.location

    def columns(self, table: str) -> Mapping[str, ExistingColumn]:
        found = self._find(table)
        if found is None:
            return {}
        if found.table_type != "TABLE":
            raise TableMismatch(f"{table!r} is a {found.table_type} in BigQuery. Nothing was written. Name a table.")
        return {field.name.lower(): sql.existing_column(field) for field in found.schema}

    def sample(self, table: str, columns: Sequence[str], count: int, *, not_null: bool) -> Sequence[Sequence[Any]]:
        """Read by the API for table data, which costs nothing; rows with values are found by a query."""
        if not_null:
            return self.select(sample_statement(self.table_in_sql(table), columns, count, sql.SYNTAX, not_null=True))
        fields = [self._bigquery.SchemaField(name, "STRING") for name in columns]
        found = self._client.list_rows(self.full_name(table), selected_fields=fields, max_results=count)
        return [tuple(row.values()) for row in found]

    def check_readable(self, table: str) -> None:
        self.check(table)

    def table_in_sql(self, table: str) -> str:
        return self._name(table).sql

    def select(self, statement: str) -> Sequence[Row]:
        return [tuple(row.values()) for row in self._run(statement, f"hvsms_select_{uuid.uuid4().hex}")]

    def check_creatable(self, table: str, layout: Layout[Any]) -> None:
        """Nothing to do: the staging table, which is in the same dataset, needs the same right."""

    def create(self, table: str, layout: Layout[Any]) -> None:
        definition = self._define(self._name(table), layout.columns, required=layout.key)
        if column := sql.time_column(layout):
            definition.time_partitioning = self._bigquery.TimePartitioning(field=column)
        definition.clustering_fields = sql.clustering(layout)
        self._client.create_table(definition, exists_ok=True)

    def add_columns(self, table: str, columns: Sequence[Column]) -> None:
        added = ", ".join(map(sql.added_column, columns))
        self._run(f"ALTER TABLE {self.table_in_sql(table)} {added}", f"hvsms_alter_{uuid.uuid4().hex}")

    def create_stage(self, table: str, columns: Sequence[Column]) -> str:
        target = self._name(table)
        name = sql.TableName(
            project=target.project, dataset=target.dataset, table=f"hvsms_stage_{uuid.uuid4().hex[:12]}"
        )
        definition = self._define(name, columns, is_staged=True)
        where = f"{name.project}.{name.dataset}"
        definition.expires = datetime.now(UTC) + STAGE_LIFETIME
        try:
            # It exists if the answer was lost and the client repeated the request.
            self._client.create_table(definition, exists_ok=True)
        except self._errors.forbidden as error:
            if not self._errors.is_permanent(error):
                raise
            raise LoadRefused(
                f"The connection's account may not create a table in BigQuery's dataset {where}: "
                f"{describe(error)}. Nothing was read. Grant it the role BigQuery Data Editor there."
            ) from None
        self._expirations[str(name)] = definition.expires
        return str(name)

    def load_part(self, stage: str, part: IO[bytes]) -> None:
        config = self._bigquery.LoadJobConfig(
            source_format="PARQUET", write_disposition="WRITE_APPEND", create_disposition="CREATE_NEVER"
        )
        job_id = f"{sql.own_name(stage)}_part_{self._part_count:05d}"
        self._part_count += 1
        place = {"job_id": job_id, "location": self._location}
        job = self._start(job_id, partial(self._client.load_table_from_file, part, stage, job_config=config, **place))
        job.result()

    def keep_alive(self) -> None:
        now = datetime.now(UTC)
        for stage, expires in self._expirations.items():
            if expires - now < STAGE_LIFETIME / 2:
                table = self._bigquery.Table(stage)
                table.expires = self._expirations[stage] = now + STAGE_LIFETIME
                self._client.update_table(table, ["expires"])

    def drop_stage(self, stage: str) -> None:
        del self._expirations[stage]
        self._client.delete_table(stage, not_found_ok=True)

    def check_merge(self, merge: Merge) -> None:
        plan, now = self._plan(merge), sql.timestamp(datetime.now(UTC))
        config = self._bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
        for statement in (sql.find_rows(plan), sql.merge_in_span(plan, now, now)):
            self._client.query(statement, job_config=config, location=self._location)

    def merge(self, merges: Sequence[Merge]) -> Changes:
        for merge in merges:
            self._check_rows(merge)
        script = sql.merge_script([self._plan(merge) for merge in merges], datetime.now(UTC))
        found = self._run_script(script, f"{sql.own_name(merges[0].stage)}_merge")
        records, existing, written = (int(found[name]) for name in ("records", "existing", "written"))
        inserted = records - existing
        updated = written - inserted
        # A table may hold a record twice, if something else wrote it.
        return Changes(inserted=inserted, updated=updated, unchanged=max(0, existing - updated))

    def _check_rows(self, merge: Merge) -> None:
        found = self._client.get_table(merge.stage).num_rows
        if found != merge.rows:
            raise LoadFailed(
                f"The staging table for table {merge.table!r} holds {found:,} rows, and {merge.rows:,} were loaded "
                "into it. The table's rows were not changed. Run the load again."
            )

    def _run_script(self, script: str, job_id: str) -> Mapping[str, Any]:
        """Run a script of one transaction, again if it met another one. Each attempt is a job of its own."""
        attempt = 1
        while True:
            try:
                [row] = self._run(script, f"{job_id}_{attempt:02d}")
            except self._errors.all as error:
                if not self._errors.is_refusal(error):
                    raise CommitUnknown from error
                if not is_conflict(error) or attempt == MAX_MERGE_ATTEMPTS:
                    raise
            else:
                return dict(row)
            pause = random.uniform(0.5, 1) * min(MAX_PAUSE, 2.0**attempt)  # noqa: S311 - no secret
            attempt += 1
            log.info(
                "Another load is changing the table: attempt %d of %d in %.0f s.", attempt, MAX_MERGE_ATTEMPTS, pause
            )
            time.sleep(pause)

    def _run(self, statement: str, job_id: str) -> list[Any]:
        """Run a query job. The client must not start it a second time, as another job."""
        start = partial(self._client.query, statement, job_id=job_id, location=self._location, job_retry=None)
        job = self._start(job_id, start)
        try:
            return list(job.result(job_retry=None))
        except self._errors.all:
            raise
        except BaseException:  # the task is being killed, or ran out of time
            with suppress(*self._errors.all):
                job.cancel()
            raise

    def _start(self, job_id: str, start: Callable[[], Any]) -> Any:
        """Start a job, or find it: it exists if the answer was lost and the client repeated the request."""
        try:
            return start()
        except self._errors.conflict:
            return self._client.get_job(job_id, location=self._location)

    def _plan(self, merge: Merge) -> sql.MergePlan:
        column, found = sql.time_column(merge.layout), self._find(merge.table)
        partitioning = found and found.time_partitioning
        return sql.MergePlan(
            merge=merge,
            target=self.table_in_sql(merge.table),
            stage=f"`{merge.stage}`",
            pruned_by=column if partitioning and partitioning.field == column else None,
        )

    def _find(self, table: str) -> Any:
        try:
            return self._client.get_table(self.full_name(table))
        except self._errors.not_found:
            return None

    def _name(self, table: str) -> sql.TableName:
        configs = self._hook.api_resource_configs or {}
        # The form of the connection stores it as a text.
        configs = json.loads(configs) if isinstance(configs, str) else configs
        default = configs.get("query", {}).get("defaultDataset", {})
        project = self._client.project if self._client else self._hook.project_id
        return sql.parse_name(table, project, default.get("datasetId"))

    def _define(
        self, name: sql.TableName, columns: Sequence[Column], *, required: Sequence[str] = (), is_staged: bool = False
    ) -> Any:
        numeric = {"precision": sql.PRECISION, "scale": DECIMAL_PLACES}
        schema = [
            self._bigquery.SchemaField(
                column.name,
                sql.field_type(column, is_staged=is_staged),
                mode="REQUIRED" if column.name in required else "NULLABLE",
                **(numeric if column.type is ColumnType.DECIMAL else {}),
            )
            for column in columns
        ]
        return self._bigquery.Table(str(name), schema=schema)
