"""The plugin's application with Airflow's own authorisation, and a database with runs."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_hvsms.plugins.hvsms import HvsmsPlugin

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

RunDag = Callable[[str], str]
DAGS = Path(__file__).parents[1] / "end_to_end" / "report_dags.py"
AIRFLOW_HAS_THE_TAB = bool(HvsmsPlugin.external_views)


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module with the DAGs of the end-to-end tests, in a folder of DAGs that Airflow knows; reports lie beside."""
    from airflow import settings

    folder = tmp_path_factory.mktemp("dags")
    file = Path(shutil.copy(DAGS, folder))
    spec = importlib.util.spec_from_file_location("report_dags", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "DAGS_FOLDER", str(folder))
        patch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
        patch.setenv("REPORT_FOLDER", folder.as_uri())
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def folder(dags: Any) -> Path:
    """Where the reports are."""
    return Path(dags.FOLDER.removeprefix("file://"))


@pytest.fixture
def run_dag(airflow_database: None, dags: Any) -> RunDag:
    """Runs a DAG, and returns the id of the run."""
    importlib.import_module("airflow.cli.cli_parser")

    def run(dag_id: str) -> str:
        dag = next(dag for dag in dags.ALL if dag.dag_id == dag_id)
        return str(dag.test(logical_date=datetime.now(UTC)).run_id)

    return run


@pytest.fixture
def client(airflow_database: None) -> Iterator[TestClient]:
    """A client of the plugin's application, not logged in."""
    from airflow.api_fastapi.app import init_auth_manager
    from fastapi.testclient import TestClient

    from airflow_provider_hvsms.plugins.report_app import create_report_app

    init_auth_manager()
    with TestClient(create_report_app()) as client:
        yield client


@pytest.fixture
def logged_in(client: TestClient) -> TestClient:
    """The same client with the token of a viewer."""
    client.headers["Authorization"] = f"Bearer {token_of('viewer')}"
    return client


def token_of(role: str | None) -> str:
    """The token of a user with a role; without one, a user who may do nothing."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="user", role=role)
    return str(get_auth_manager().generate_jwt(user))
