"""How a page tells that this package wrote it."""

from __future__ import annotations

GENERATOR_TAG = '<meta name="generator" content="airflow-provider-hvsms">'
"""In the head of each report. Airflow's API server shows no page without it."""
