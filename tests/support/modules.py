"""The modules of the package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import airflow_provider_hvsms
from airflow_provider_hvsms.plugins.hvsms import HvsmsPlugin

_OF_THE_TAB = {f"airflow_provider_hvsms.plugins.{name}" for name in ("report_app", "report_pages", "written_reports")}
"""They import Airflow's API server, in whose pages the tab is."""


def own_modules() -> Iterator[ModuleType]:
    """Every module but those that the installed Airflow has no use for."""
    for found in pkgutil.walk_packages(airflow_provider_hvsms.__path__, "airflow_provider_hvsms."):
        is_needed = HvsmsPlugin.external_views or found.name not in _OF_THE_TAB
        if is_needed and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)
