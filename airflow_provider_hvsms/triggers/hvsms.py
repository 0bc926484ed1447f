"""Waiting for batches in the triggerer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timezone
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hvsms.hooks.batch_summary import as_summary
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.triggers.batch_watch import Outcome, PollInterval, Wait, join_watch


class HvsmsBatchTrigger(BaseTrigger):
    """Fires once, when all of some batches are completed, or when that will never be seen.

    In a triggerer all triggers of one connection share one thread, one login, one quota and one poll. The event is
    `{"status": "success", "batches": […]}`, each batch without phone numbers, or `{"status": "error", "message": …}`.

    :param batch_ids: the batches.
    :param hvsms_conn_id: the connection to the message store.
    :param poll_interval: seconds between two looks; 60, as a batch takes minutes to hours.
    :param longest_poll_interval: let the interval double after each look, up to this; `None` (default): it stays.
    :param not_before: do not look earlier than this, ISO 8601; `None` (default): look at once.
    """

    def __init__(
        self,
        *,
        batch_ids: Sequence[str],
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        poll_interval: float = 60.0,
        longest_poll_interval: float | None = None,
        not_before: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has not typed it
        self.batch_ids = list(batch_ids)
        self.hvsms_conn_id = hvsms_conn_id
        self.poll_interval = poll_interval
        self.longest_poll_interval = longest_poll_interval
        self.not_before = not_before

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "batch_ids": self.batch_ids,
                "hvsms_conn_id": self.hvsms_conn_id,
                "poll_interval": self.poll_interval,
                "longest_poll_interval": self.longest_poll_interval,
                "not_before": self.not_before,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await self._sleep_until_not_before()
        outcome = await self._wait() if self.batch_ids else Outcome()
        if outcome.failure is None:
            yield _event(status="success", batches=[as_summary(batch) for batch in outcome.batches])
        else:
            yield _event(status="error", message=outcome.failure)

    async def _sleep_until_not_before(self) -> None:
        if self.not_before is not None:
            ahead = datetime.fromisoformat(self.not_before) - datetime.now(timezone.utc)
            await asyncio.sleep(max(0.0, ahead.total_seconds()))

    async def _wait(self) -> Outcome:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Outcome] = loop.create_future()

        def tell(outcome: Outcome) -> None:
            # A closed loop has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, over, outcome)

        interval = PollInterval(self.poll_interval, self.longest_poll_interval)
        wait = Wait(self.batch_ids, interval, tell)
        watch = join_watch(self.hvsms_conn_id, wait, HvsmsHook(self.hvsms_conn_id).get_conn)
        try:
            return await over
        except asyncio.CancelledError:
            watch.leave(wait)
            raise


def _event(**payload: Any) -> TriggerEvent:
    event: TriggerEvent = TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow has not typed it
    return event


def _resolve(over: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not over.done():
        over.set_result(outcome)
