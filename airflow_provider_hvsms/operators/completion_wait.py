"""The wait of a task for the batches that it sent."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_hvsms.api.batch_lookup import BatchLookup
from airflow_provider_hvsms.api.errors import BatchesPending, InvalidRequest, NotFound, TransientError
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sensors.waiting import DEFAULT_DEFERRABLE, find_all, look, unfinished_of
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchTrigger
from airflow_provider_hvsms.utils.batches import as_summary

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.records import Batch

DEFAULT_TIMEOUT = timedelta(days=1)
"""A large batch takes hours."""

_LISTING_PAUSE = 10.0
"""Seconds, at the most, between looks for a batch that is not listed yet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaitArguments:
    """The arguments that say whether and how a task waits for the batches that it sent.

    :param wait_for_completion: wait until all batches are completed; off by default, as `HvsmsBatchSensor` can wait in
        a task of its own.
    :param deferrable: wait in the triggerer, where all waits with one connection share one poll; by default as
        `[operators] default_deferrable` says.
    :param poke_interval: seconds between two looks at the batches, or a `timedelta`; 60 by default.
    :param completion_timeout: how long a try waits, a day by default. It then fails, and the next try goes on waiting:
        nothing is sent again.
    """

    template_fields: ClassVar[tuple[str, ...]] = ()
    personal_fields: ClassVar[tuple[str, ...]] = ()

    wait_for_completion: bool = False
    deferrable: bool = DEFAULT_DEFERRABLE
    poke_interval: float | timedelta = 60.0
    completion_timeout: timedelta = DEFAULT_TIMEOUT

    def check_known(self) -> None:
        if self.poke_seconds <= 0:
            raise InvalidRequest(f"poke_interval is {self.poke_interval}; it must be longer than zero seconds.")
        if not isinstance(self.completion_timeout, timedelta) or self.completion_timeout <= timedelta():
            raise InvalidRequest(
                f"completion_timeout is {self.completion_timeout!r}; it must be a timedelta longer than zero."
            )

    @property
    def poke_seconds(self) -> float:
        interval = self.poke_interval
        return interval.total_seconds() if isinstance(interval, timedelta) else float(interval)

    def trigger(self, batch_ids: Sequence[str], hvsms_conn_id: str) -> HvsmsBatchTrigger:
        """What waits in the triggerer."""
        return HvsmsBatchTrigger(batch_ids=batch_ids, hvsms_conn_id=hvsms_conn_id, poll_interval=self.poke_seconds)

    def wait_until_listed(self, batch_ids: Sequence[str], hvsms_conn_id: str, within: timedelta) -> None:
        """Wait until the service lists the batches, which a wait takes for granted.

        :param within: after which a batch that is not listed is an error.
        :raises NotFound: a batch is not listed.
        """
        deadline = datetime.now(UTC) + within
        with HvsmsHook(hvsms_conn_id).get_conn() as client:
            lookup = BatchLookup(client)
            while True:
                try:
                    find_all(lookup, batch_ids)
                except TransientError:
                    return  # The wait repeats it.
                except NotFound:
                    if datetime.now(UTC) >= deadline:
                        raise
                else:
                    return
                time.sleep(min(self.poke_seconds, _LISTING_PAUSE))

    def wait(self, batch_ids: Sequence[str], hvsms_conn_id: str, log: Any) -> list[dict[str, Any]]:
        """Wait in the worker, and return the completed batches.

        :raises BatchesPending: they are not completed in time.
        """
        deadline = datetime.now(UTC) + self.completion_timeout
        with HvsmsHook(hvsms_conn_id).get_conn() as client:
            lookup = BatchLookup(client)

            def find() -> list[Batch]:
                return find_all(lookup, batch_ids)

            while True:
                batches = look(find, hvsms_conn_id=hvsms_conn_id, poke_interval=self.poke_seconds, log=log)
                if batches is not None and not unfinished_of(batches):
                    return [as_summary(batch) for batch in batches]
                remaining = (deadline - datetime.now(UTC)).total_seconds()
                if remaining <= 0:
                    raise self.pending(batch_ids)
                time.sleep(min(self.poke_seconds, remaining))

    def pending(self, batch_ids: Sequence[str] = ()) -> BatchesPending:
        """The error when the time is over.

        :param batch_ids: all batches that were waited for, if they are known.
        """
        which = f"the batches {', '.join(batch_ids)}" if batch_ids else "the batches of this task"
        return BatchesPending(
            f"Not all of {which} were completed within {self.completion_timeout}. They were sent, and nothing is sent "
            "again: another try of this task goes on waiting for them. Allow more time with completion_timeout, or "
            "look at the account's batches."
        )


def with_status(sent: Sequence[Mapping[str, Any]], completed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is known of batches that were sent, and their state after the wait.

    The rejected recipients are counted by the answer to the request alone, so that count stays.
    """
    states = {batch["id"]: {**batch} for batch in completed}
    return [{**states.get(batch["id"], {}), **batch} for batch in sent]
