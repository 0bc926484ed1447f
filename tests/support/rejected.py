"""Rejected recipients of a run, as tests keep them."""

from __future__ import annotations

import dataclasses
from typing import Any

from airflow_provider_hvsms.campaigns.ledger import RunKey
from airflow_provider_hvsms.sinks.personal_data import PersonalData, Protection
from airflow_provider_hvsms.sinks.rejected_recipients import RejectedRecipients, RejectedTarget, Rejection
from tests.support.messages import NOON

RUN = RunKey(dag_id="campaign", run_id="scheduled__2026-11-01T00:00:00+00:00", task_id="send")
FIRST, SECOND = "+14155550101", "+14155550102"


def keeper(target: RejectedTarget, setting: PersonalData = "keep", run: RunKey = RUN) -> RejectedRecipients:
    return RejectedRecipients(target, run, Protection(setting, "a key of the tests" if setting == "hash" else ""))


def rejection(to: str | None = FIRST, **fields: Any) -> Rejection:
    """One that the first answer named, with all that it tells."""
    told = Rejection(
        to=to, rejected_at=NOON, error_code="SMS-RC-410", description=f"{to} is no mobile", position=1, place=1
    )
    return dataclasses.replace(told, **fields)


def untold(told: Rejection) -> Rejection:
    """The same recipient, found again after the answer was lost."""
    return dataclasses.replace(told, error_code=None, description=None, position=None)
