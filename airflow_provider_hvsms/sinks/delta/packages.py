"""The optional packages, imported when a Delta table is opened and not before."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from airflow_provider_hvsms.api.errors import MissingPackage


@dataclasses.dataclass(frozen=True)
class Packages:
    """The modules `deltalake` and `pyarrow`, with the submodules that are used."""

    delta: Any
    arrow: Any


def import_packages() -> Packages:
    """Import `deltalake` and `pyarrow`.

    :raises MissingPackage: one of them is not installed.
    """
    try:
        for name in (
            "pyarrow.compute",
            "pyarrow.ipc",
            "pyarrow.parquet",
            "deltalake.exceptions",
            "deltalake.transaction",
        ):
            importlib.import_module(name)
        return Packages(importlib.import_module("deltalake"), importlib.import_module("pyarrow"))
    except ImportError:
        raise MissingPackage(
            "format is 'delta', which needs deltalake and pyarrow: pip install 'airflow-provider-hvsms[delta]'."
        ) from None
