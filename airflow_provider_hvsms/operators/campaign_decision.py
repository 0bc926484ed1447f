"""A person's decision on a batch of which it is not sure whether it was created: where it is read, and what follows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_hvsms.campaigns.decision import Decision, apply_decision
from airflow_provider_hvsms.campaigns.ledger import Ledger, RunKey
from airflow_provider_hvsms.campaigns.resolving import RESOLVE_KEY
from airflow_provider_hvsms.campaigns.task_state_ledger import TaskStateLedger

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient

log = logging.getLogger(__name__)


def note_decision(
    argument: object, context: Mapping[str, Any], *, ledger: Ledger, client: MessageStoreClient, run: RunKey,
    from_number: str,
) -> None:  # fmt: skip
    """Note the decision that the task was given, if it was given one.

    :param argument: `resolve` of the operator; without it, the configuration of the run, and then the state of the
        task, are looked at.
    :raises AirflowSkipException: the decision is about another run, so that this one sends nothing.
    :raises HvsmsError: it is no decision, or contradicts what is known; see `apply_decision`.
    """
    given = argument if _is_given(argument) else _of_configuration(context)
    if _is_given(given):
        decision = Decision.parse(given)
        apply_decision(decision, ledger=ledger, client=client, run=run, from_number=from_number)
        if decision.run_id not in (None, run.run_id):
            raise AirflowSkipException(
                f"This run only notes the decision on run {decision.run_id!r}, and sends nothing. Clear the task there."
            )
    if isinstance(ledger, TaskStateLedger) and (noted := ledger.decision()) is not None:
        decision = Decision.parse(noted)
        apply_decision(decision, ledger=ledger, client=client, run=run, from_number=from_number)
        ledger.remove_decision()


def _of_configuration(context: Mapping[str, Any]) -> object:
    configuration = getattr(context.get("dag_run"), "conf", None)
    return configuration.get(RESOLVE_KEY) if isinstance(configuration, Mapping) else None


def _is_given(value: object) -> bool:
    """Whether there is a value: neither none nor a template that rendered to nothing."""
    return value not in (None, "", "None", {})
