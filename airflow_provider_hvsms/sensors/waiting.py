"""What waits for batches share, in a worker or in the triggerer: one look, its progress, and a deferral."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_hvsms.api.batch_lookup import COMPLETED, BatchLookup
from airflow_provider_hvsms.api.errors import ConnectionUnavailable, TransientError
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchTrigger
from airflow_provider_hvsms.utils.batches import in_words
from airflow_provider_hvsms.utils.failures import fail_without_retry

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.records import Batch

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
"""What Airflow's configuration says."""

_MAX_LINES = 5
"""Batches whose progress one look logs; of more, only the count."""


def find_all(lookup: BatchLookup, batch_ids: Sequence[str]) -> list[Batch]:
    """The batches in the order of their ids.

    :raises HvsmsError: one of them cannot be read.
    """
    found = lookup.find(batch_ids)
    if found.errors:
        raise next(iter(found.errors.values()))
    return [found.batches[batch_id] for batch_id in batch_ids]


def look(find: Callable[[], list[Batch]], *, hvsms_conn_id: str, poke_interval: float, log: Any) -> list[Batch] | None:
    """Find the batches and log their progress; `None` if the service cannot answer at the moment.

    :param poke_interval: seconds until the next look.
    :raises AirflowFailException: a permanent error, which the next look would meet again.
    """
    with fail_without_retry(hvsms_conn_id):
        try:
            batches = find()
        except ConnectionUnavailable:
            raise  # to Airflow's retries: it may be a mistyped id
        except TransientError as error:
            log.warning("This poke failed: %s The next one follows in %.0f s.", error, poke_interval)
            return None
    _log_progress(batches, log)
    return batches


def unfinished_of(batches: Sequence[Batch]) -> list[Batch]:
    """The batches that are not completed."""
    return [batch for batch in batches if batch.status != COMPLETED]


def defer_until_fired(
    operator: BaseOperator, trigger: HvsmsBatchTrigger, *, deadline: datetime, **kwargs: Any
) -> NoReturn:
    """Leave the worker until the trigger fires; `execute_complete` of the operator goes on then.

    :param kwargs: what `execute_complete` is given beside the event and the `deadline` (ISO 8601).
    """
    operator.defer(
        timeout=max(deadline - datetime.now(UTC), timedelta(seconds=1)),
        trigger=trigger,
        method_name="execute_complete",
        kwargs={"deadline": deadline.isoformat(), **kwargs},
    )
    raise RuntimeError("a deferral does not return")


def batches_of(event: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The batches of a trigger's event.

    :raises AirflowFailException: the event says why the wait failed, or there is none.
    """
    if event is None or event.get("status") != "success":
        raise AirflowFailException(f"The wait for batches failed: {(event or {}).get('message', 'there was no event')}")
    batches: list[dict[str, Any]] = event["batches"]
    return batches


def _log_progress(batches: Sequence[Batch], log: Any) -> None:
    unfinished = unfinished_of(batches)
    log.info("%s of %s batches are completed.", f"{len(batches) - len(unfinished):,}", f"{len(batches):,}")
    for batch in unfinished[:_MAX_LINES]:
        log.info("Batch %s is %s.", batch.id, in_words(batch))
    if len(unfinished) > _MAX_LINES:
        log.info("And %s more are not completed.", f"{len(unfinished) - _MAX_LINES:,}")
