"""An Apache Airflow provider for RingCentral's High Volume SMS message store."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
