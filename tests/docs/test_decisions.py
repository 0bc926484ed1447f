"""The decisions that the guide to campaigns shows are those that the ledger's message gives, and are understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.campaigns.decision import Decision
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.resolving import RESOLVE_KEY, decisions

EXAMPLES = Path(__file__).parent / "examples"
AT = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
ENTRY = LedgerEntry(
    run=RunKey(dag_id="hvsms_campaign", run_id="scheduled__2026-11-02T15:00:00+00:00", task_id="send"),
    part=1,
    fingerprint="f",
    size=3,
    state=EntryState.INTENDED,
    first_intended_at=AT,
    intended_at=AT,
)


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("shown", "with_run", "created"),
    [
        (example("resolve_created")[RESOLVE_KEY], True, True),
        (example("resolve_not_created")[RESOLVE_KEY], True, False),
        (example("resolve_in_task_state")["value"], False, True),
    ],
)
def test_a_decision_of_the_guide_is_the_one_that_the_failed_task_shows(
    shown: dict[str, Any], with_run: bool, created: bool
) -> None:
    expected = json.loads(decisions(ENTRY, with_run=with_run)[0 if created else 1])
    if created:
        expected["batch_id"] = "3157ac7d"
    assert shown == expected
    decision = Decision.parse(shown)
    assert (decision.part, decision.batch_id) == (1, "3157ac7d" if created else None)
