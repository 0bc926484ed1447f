"""Campaigns: what is sent to recipients, and who no longer wants it."""

from __future__ import annotations

from airflow_provider_hvsms.operators.opt_outs import HvsmsAssignOptOutsOperator
from airflow_provider_hvsms.operators.send_batch import HvsmsSendBatchOperator

__all__ = ["HvsmsAssignOptOutsOperator", "HvsmsSendBatchOperator"]
