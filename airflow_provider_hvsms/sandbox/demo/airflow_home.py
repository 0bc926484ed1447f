"""Airflow for a demo: a home of its own, and its commands.

It runs Airflow as a command; no other file of the sandbox needs Airflow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from airflow_provider_hvsms.sandbox.sandbox import Sandbox

REPORTS = Path("hvsms_demo_reports")
WAREHOUSE = Path("hvsms_demo.sqlite")
LOG = Path("hvsms_demo.log")

_PACKAGE = Path(__file__).parents[2]


def is_ready() -> bool:
    """Whether all packages that a demo needs are installed. If not, it prints what to install."""
    packages = ("airflow", "airflow.providers.sqlite", "matplotlib")
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        print(f"The demo needs {' and '.join(missing)}: pip install 'airflow-provider-hvsms[demo]'.")
    return not missing


class AirflowHome:
    """Airflow's command line with its own home, connections and configuration.

    :param log: the descriptor of a file that takes what the commands print.
    :param variables: of Airflow, by name.
    """

    def __init__(self, home: Path, sandbox: Sandbox, log: int, variables: dict[str, str] | None = None) -> None:
        self._log = log
        self._dags = home / "dags"
        self._dags.mkdir()
        self.database = home / "airflow.db"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        given = {"HVSMS_REPORTS": REPORTS.resolve().as_uri(), **(variables or {})}
        self._environment = {
            **inherited,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(sandbox.airflow_connection),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(WAREHOUSE.resolve())}),
            **{f"AIRFLOW_VAR_{name.upper()}": value for name, value in given.items()},
            "NO_COLOR": "1",
        }
        self.run("db", "migrate")

    def add_examples(self, *dag_ids: str, poke_interval: int | None = None) -> None:
        """Copy some example DAGs: others need providers that may be missing.

        :param poke_interval: seconds between two looks of their waits; `None`: as the example says.
        """
        for dag_id in dag_ids:
            source = (_examples() / f"{dag_id}.py").read_text()
            if poke_interval is not None:
                source = source.replace("poke_interval=60,", f"poke_interval={poke_interval},")
            (self._dags / f"{dag_id}.py").write_text(source)

    def run(self, *arguments: str) -> None:
        """Run a command; its output goes to the log."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, check=False
        )
        if done.returncode:
            raise SystemExit(f"airflow {' '.join(arguments)} failed; see {LOG.resolve()}.")


def _examples() -> Path:
    """Return the folder of example DAGs: inside an installed package, beside it in a checkout."""
    inside = _PACKAGE / "dags_examples"
    return inside if inside.is_dir() else _PACKAGE.parent / "dags_examples"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
