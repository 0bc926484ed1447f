"""An Airflow with the CeleryExecutor, and workers that can be killed and started again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.backfill_services import PostgreSql
from tests.end_to_end.airflow_processes import RunningAirflow
from tests.end_to_end.session_keeper import members_of

COMPONENTS = ("api-server", "scheduler", "dag-processor")

HEARTBEAT_TIMEOUT = 30
"""Seconds without a heartbeat after which the scheduler takes a task for dead; Airflow's default is 300."""


class CeleryAirflow(RunningAirflow):
    """Airflow with the CeleryExecutor.

    :param broker: URL of the broker.
    :param concurrency: tasks that a worker runs at once.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        connections: Mapping[str, Any],
        postgresql: PostgreSql,
        broker: str,
        concurrency: int,
    ) -> None:
        for name in ("airflow", "results"):
            postgresql.create(name)
        settings: dict[str, object] = {
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__PARALLELISM": 32,
            "DATABASE__SQL_ALCHEMY_CONN": postgresql.url("airflow"),
            "CELERY__BROKER_URL": broker,
            "CELERY__RESULT_BACKEND": f"db+{postgresql.url('results')}",
            "CELERY__WORKER_CONCURRENCY": concurrency,
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": HEARTBEAT_TIMEOUT,
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,
            # The file does not change, and the CPU is for the workers.
            "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 30,
        }
        environment = {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}
        super().__init__(home, dags, connections, environment, COMPONENTS)

    def start_worker(self, name: str) -> None:
        """Start a Celery worker; its tasks' logs go to a folder of its own. Does not wait for it."""
        pid_file = self.home / f"{name}.pid"
        pid_file.unlink(missing_ok=True)
        options = ["--celery-hostname", f"{name}@%h", "--pid", str(pid_file), "--skip-serve-logs"]
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "celery", "worker", *options],
                env={**self._environment, "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.log_folder(name))},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._keeper.keep(process.pid)
        self._processes[name] = process

    def wait_for_worker(self, name: str) -> None:
        self.wait_until(lambda: " ready." in self.log_of(name), 120, f"{name} is ready")

    def processes_of(self, worker: str) -> set[int]:
        """The ids of a worker's processes, those of its tasks included."""
        return {process.pid for process in members_of([self._processes[worker].pid])}

    def log_folder(self, worker: str) -> Path:
        return self.home / "logs" / worker

    def run(self, *command: str) -> None:
        """Run one of Airflow's commands."""
        self._run(*command)
