"""A local message store to try and test against, over HTTP on 127.0.0.1."""

from __future__ import annotations

from airflow_provider_hvsms.sandbox.faults import Fault
from airflow_provider_hvsms.sandbox.server import Sandbox
from airflow_provider_hvsms.sandbox.settings import Settings

__all__ = ["Fault", "Sandbox", "Settings"]
