"""The plugin that Airflow loads by its entry point."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_hvsms.plugins.lazy_app import LazyApp
from airflow_provider_hvsms.utils.report_url import PAGE, URL_PREFIX

_APPS: list[dict[str, Any]] = [
    {
        "app": LazyApp("airflow_provider_hvsms.plugins.report_app:create_report_app"),
        "url_prefix": URL_PREFIX,
        "name": "HVSMS delivery report",
    }
]
_VIEWS: list[dict[str, Any]] = [
    {
        "name": "Delivery report",
        "href": f"{PAGE}?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "hvsms-report",
    }
]


class HvsmsPlugin(AirflowPlugin):
    """The tab *Delivery report* of a DAG run, from Airflow 3.1 on. Before, the plugin adds nothing.

    Nobody has to set anything: Airflow finds the plugin by its entry point when the package is installed.
    """

    name = "hvsms"
    fastapi_apps = _APPS if AIRFLOW_V_3_1_PLUS else []
    external_views = _VIEWS if AIRFLOW_V_3_1_PLUS else []
