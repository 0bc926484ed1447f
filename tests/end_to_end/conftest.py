"""A running Airflow for each file of tests, with the DAGs and the environment that the file asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.airflow_processes import COMPONENTS, RunningAirflow

AIRFLOW_2 = int(version("apache-airflow").split(".")[0]) < 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    only_airflow_3 = pytest.mark.skipif(AIRFLOW_2, reason="these tests start the processes of Airflow 3")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(only_airflow_3)


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    """The folder of DAGs. A file of tests overrides this fixture to fill it."""
    folder = airflow_home / "dags"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def airflow_connections() -> dict[str, Any]:
    """The connections in Airflow's database. A file of tests overrides this fixture with its own."""
    return {}


@pytest.fixture(scope="module")
def airflow_environment() -> dict[str, str]:
    """Settings. A file of tests overrides this fixture with its own."""
    return {}


@pytest.fixture(scope="module")
def airflow_components() -> Collection[str]:
    """The processes to start. A file of tests that needs fewer overrides this fixture."""
    return tuple(COMPONENTS)


@pytest.fixture(scope="module")
def running_airflow(
    airflow_home: Path,
    dags: Path,
    airflow_connections: dict[str, Any],
    airflow_environment: dict[str, str],
    airflow_components: Collection[str],
) -> Iterator[RunningAirflow]:
    with RunningAirflow(airflow_home, dags, airflow_connections, airflow_environment, airflow_components) as airflow:
        yield airflow
