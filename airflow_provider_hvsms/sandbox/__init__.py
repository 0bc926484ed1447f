"""A local message store over HTTP on 127.0.0.1, for trials and tests.

`Sandbox` is the store, `Settings` says what it holds and how it behaves, `Fault` makes responses go wrong. It shares no
code with `api/`, so that a mistake there cannot hide here.
"""

from __future__ import annotations

from airflow_provider_hvsms.sandbox.http.faults import Fault
from airflow_provider_hvsms.sandbox.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.settings import Settings

__all__ = ["Fault", "Sandbox", "Settings"]
