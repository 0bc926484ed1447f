"""A real Airflow 3: a database, and scheduler, DAG processor, triggerer and API server as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests

from tests.end_to_end import session_keeper
from tests.end_to_end.login import PASSWORD, USER
from tests.end_to_end.session_keeper import SessionKeeper
from tests.support.ports import free_port

CHECKOUT = Path(__file__).parents[2]

# Airflow 3.3 brought the state of assets; before, a watcher that starts again begins from now.
KEEPS_PLACE = tuple(map(int, version("apache-airflow").split(".")[:2])) >= (3, 3)

# What takes longest to start comes first.
COMPONENTS: dict[str, list[str]] = {
    "api-server": ["--host", "127.0.0.1", "--workers", "1"],
    "scheduler": ["--skip-serve-logs"],
    "dag-processor": [],
    "triggerer": ["--skip-serve-logs"],
}
LINES_OF_LOG = 40


class RunningAirflow:
    """An Airflow with a home of its own, from `with` to the end of its block.

    Tests see it as users do, through its REST API. Modules beside the DAGs can be imported in every process.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        connections: Mapping[str, Any],
        environment: Mapping[str, str],
        components: Collection[str] = tuple(COMPONENTS),
    ) -> None:
        """`connections` go into Airflow's database, as users have them; `environment` comes on top: settings."""
        self.home = home
        self._connections = connections
        self._components = components
        self._port = free_port()
        self._environment = {**_inherited(), **_settings(home, dags, self._port), **environment}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy between a test and its Airflow
        # The API server closes a connection that was idle for a while, though the next request may be under way.
        self._http.headers["Connection"] = "close"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._http)
            stack.callback(self._reap)
            self._keeper = stack.enter_context(SessionKeeper())
            self._run("db", "migrate")
            if self._connections:
                file = self.home / "connections.json"
                file.write_text(json.dumps(self._connections))
                self._run("connections", "import", str(file))
            for component in self._components:
                self.start(component)
            self.wait_until(self.is_healthy, 180, "Airflow is up")
            self.token = self._new_token()
            self._http.headers["Authorization"] = f"Bearer {self.token}"
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self, component: str) -> None:
        """Start a component, and do not wait for it."""
        with self._log(component).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", component, *COMPONENTS[component]],
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._keeper.keep(process.pid)
        self._processes[component] = process

    def kill(self, component: str) -> None:
        """Kill a component and all its children, as by `kill -9`."""
        self._end(component, session_keeper.kill)

    def stop(self, component: str) -> None:
        """Ask a component to end, as before an upgrade. Airflow's triggerer then ends its triggers in good order."""
        self._end(component, session_keeper.end)

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG, once the DAG processor has read it."""
        self.wait_until(lambda: self._knows(dag_id), 120, f"the DAG {dag_id} is known")
        self._call("PATCH", f"dags/{quote(dag_id)}", {"is_paused": False})

    def trigger(
        self,
        dag_id: str,
        *,
        logical_date: datetime | None = None,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Start a run and return its id. Without a logical date the run has no data interval."""
        # With an id of its own, a request that is made again starts no second run.
        body = {
            "dag_run_id": run_id or f"test__{uuid.uuid4()}",
            "logical_date": logical_date and logical_date.isoformat(),
            "conf": dict(conf or {}),
        }
        return str(self._call("POST", f"dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task of a run, as a user does in the UI."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self._call("POST", f"dags/{quote(dag_id)}/clearTaskInstances", body)

    def runs(self, dag_id: str) -> dict[str, str]:
        """The id and the state of each run."""
        runs = self._call("GET", f"dags/{quote(dag_id)}/dagRuns")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self._call("GET", _run(dag_id, run_id))["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """What the REST API says about each task of a run. Mapped ones are named `task_id[map_index]`."""
        tasks = self._call("GET", f"{_run(dag_id, run_id)}/taskInstances")["task_instances"]
        return {_name_of(task): task for task in tasks}

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        return {name: task["state"] for name, task in self.tasks(dag_id, run_id).items()}

    def wait_until_deferred(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Wait until a task is deferred and the scheduler knows that its worker has ended.

        That can take five seconds more. A task that was resumed before would be taken for one that died.
        """
        finished = f"TaskInstance Finished: dag_id={dag_id}, task_id={task_id}, run_id={run_id},"

        def is_deferred() -> bool:
            state = self.task_states(dag_id, run_id).get(task_id)
            return state == "deferred" and finished in self.log_of("scheduler")

        self.wait_until(is_deferred, 120, f"{task_id} of {run_id} is deferred")

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        return self._call("GET", path)["value"]

    def slots(self, state: str) -> int:
        """How many slots of the default pool tasks of this state hold, such as `running` and `deferred` ones."""
        return int(self._call("GET", "pools/default_pool")[f"{state}_slots"])

    def asset_events(self) -> list[dict[str, Any]]:
        """What happened to assets so far, the latest last."""
        events: list[dict[str, Any]] = self._call("GET", "assets/events?order_by=timestamp")["asset_events"]
        return events

    def asset_state(self, name: str) -> dict[str, Any]:
        """What the state store of an asset holds; empty before Airflow 3.3."""
        if not KEEPS_PLACE:
            return {}
        [asset] = [one for one in self._call("GET", "assets?limit=100")["assets"] if one["name"] == name]
        entries = self._call("GET", f"assets/{asset['id']}/state-store")["asset_state_store"]
        return {entry["key"]: entry["value"] for entry in entries}

    def is_healthy(self) -> bool:
        """Whether the API server answers and has a recent heartbeat of all other components."""
        try:
            health = self._call("GET", "monitor/health")
        except requests.ConnectionError:
            return False
        names = {component.replace("-", "_") for component in self._components} - {"api_server"}
        return all(health[name]["status"] == "healthy" for name in {"metadatabase", *names})

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition; fail with the end of every log when it does not come true, or when a component ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            for component, process in self._processes.items():
                if process.poll() is not None:
                    raise AssertionError(f"{component} ended by itself\n{self._ends_of_logs()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what}\n{self._ends_of_logs()}")
            time.sleep(0.1)

    def log_of(self, component: str) -> str:
        return self._log(component).read_text(errors="replace")

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """All that a task of a run has logged, in workers and in triggerers."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.log*")))

    def _new_token(self) -> str:
        """A token of the administrator; of the tests' user where the settings ask for a login."""
        url = f"{self.url}/auth/token"
        if self._environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True":
            response = self._http.get(url, timeout=30)
        else:
            response = self._http.post(url, json={"username": USER, "password": PASSWORD}, timeout=30)
        return str(response.json()["access_token"])

    def _run(self, *command: str) -> None:
        with self._log(command[0]).open("wb") as log:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *command],
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        assert done.returncode == 0, self.log_of(command[0])

    def _end(self, component: str, end: Callable[[Collection[int]], None]) -> None:
        process = self._processes.pop(component)
        end([process.pid])
        process.wait()

    def _knows(self, dag_id: str) -> bool:
        if errors := self._call("GET", "importErrors")["import_errors"]:
            raise AssertionError("\n".join(error["stack_trace"] for error in errors))
        return any(dag["dag_id"] == dag_id for dag in self._call("GET", "dags?limit=100")["dags"])

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        response = self._http.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=30)
        for _ in range(10):
            # With SQLite the API server answers 500 now and then, while another process writes.
            if response.status_code < 500:
                break
            time.sleep(0.5)
            response = self._http.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=30)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def _reap(self) -> None:
        for process in self._processes.values():
            process.wait()

    def _log(self, component: str) -> Path:
        return self.home / f"{component}.log"

    def _ends_of_logs(self) -> str:
        logs = [*self.home.glob("*.log"), *self.home.glob("logs/dag_id=*/**/*.log*")]
        return "\n".join(f"--- {log.relative_to(self.home)}\n{_end_of(log)}" for log in logs)


def _inherited() -> dict[str, str]:
    """Of this process's environment, all but Airflow's. Its processes start much faster from compiled modules."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and name != "PYTHONDONTWRITEBYTECODE"
    }


def _settings(home: Path, dags: Path, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    settings: dict[str, object] = {
        "CORE__DAGS_FOLDER": dags,
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,  # so many workers are forked at the start
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__BASE_URL": url,
        "API__PORT": port,
        # SQLite lets one process write at a time; the others wait.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=60",
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 2,
        # The watchers of an asset start when a DAG's file is read for the first time after the DAG was unpaused.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 2,
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": 1,
        "SCHEDULER__JOB_HEARTBEAT_SEC": 1,
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": 1,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.2,
        "TRIGGERER__JOB_HEARTBEAT_SEC": 1,
        # So soon after a triggerer's death another one takes its triggers over.
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 5,
        "USAGE_DATA_COLLECTION__ENABLED": False,
        "LOGGING__COLORED_CONSOLE_LOG": False,
    }
    return {
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
        "AIRFLOW_HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join([str(dags), str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def _run(dag_id: str, run_id: str) -> str:
    return f"dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"


def _name_of(task: Mapping[str, Any]) -> str:
    return task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def _end_of(log: Path) -> str:
    """The last lines, without those of the requests that were answered: a waiting test makes many."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if "[http.access]" not in line]
    return "\n".join(lines[-LINES_OF_LOG:])
