"""Campaigns: what is sent to recipients, and who no longer wants it."""

from __future__ import annotations

from airflow_provider_hvsms.operators.opt_outs import HvsmsAssignOptOutsOperator

__all__ = ["HvsmsAssignOptOutsOperator"]
