"""What the plugin brings into each of Airflow's processes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from airflow_provider_hvsms.operators.report_link import REPORT_LINKS
from airflow_provider_hvsms.plugins.hvsms import HvsmsPlugin
from tests.plugins.conftest import AIRFLOW_HAS_THE_TAB


def test_importing_the_plugin_loads_neither_fastapi_nor_airflows_models() -> None:
    """What it adds to what Airflow's own class for plugins imports: it is loaded in workers too."""
    program = (
        "import sys\n"
        "from airflow.providers.common.compat.sdk import AirflowPlugin, BaseOperatorLink\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_hvsms.plugins.hvsms, airflow_provider_hvsms.operators.report_link\n"
        "new = {name for name in set(sys.modules) - before if not name.startswith('airflow_provider_hvsms')}\n"
        "print([name for name in new if name.startswith(('fastapi', 'starlette', 'airflow.api_fastapi', 'fsspec'))])\n"
        "print([name for name in new if name.startswith('airflow.models')])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"]


def test_airflow_finds_the_plugin_by_its_entry_point() -> None:
    [found] = [entry for entry in entry_points(group="airflow.plugins") if entry.name == "hvsms"]
    assert found.load() is HvsmsPlugin


@pytest.mark.skipif(AIRFLOW_HAS_THE_TAB, reason="Airflow 3.1 brought the tab")
def test_the_plugin_and_the_tasks_link_add_nothing_to_an_older_airflow() -> None:
    assert (HvsmsPlugin.fastapi_apps, HvsmsPlugin.external_views, REPORT_LINKS) == ([], [], ())


def test_airflow_lists_the_plugin_without_an_error(airflow_database: None) -> None:
    done = subprocess.run([sys.executable, "-m", "airflow", "plugins", "-o", "plain"], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "hvsms" in done.stdout
