"""The triggers: `HvsmsBatchTrigger` for deferral, `HvsmsBatchCompletedEventTrigger` for asset watchers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers import base as triggers
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hvsms.api.errors import HvsmsError, InvalidRequest, InvalidSettings
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.hooks.client_settings import ClientSettings
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.triggers.announced_batches import AnnouncedBatches
from airflow_provider_hvsms.triggers.asset_state import AssetState
from airflow_provider_hvsms.triggers.batch_poller import Outcome, PollInterval, Subscription, subscribe
from airflow_provider_hvsms.triggers.latest_queue import LatestQueue, latest_of
from airflow_provider_hvsms.triggers.recent_batches import RecentBatches, poll_recent_batches
from airflow_provider_hvsms.triggers.settings_lookup import find_settings
from airflow_provider_hvsms.utils.batches import as_summary

log = logging.getLogger(__name__)

_EVENT_INTERVAL = 2.0
"""Seconds between two events; the triggerer forwards events about once a second."""

_RECHECK_INTERVAL = 300.0
"""Seconds after which a trigger that cannot reach the service checks whether the connection was changed."""

_MIN_PAUSE, _MAX_PAUSE = 30.0, 600.0
"""Seconds between two attempts of an asset watcher while batches cannot be polled."""


class HvsmsBatchTrigger(BaseTrigger):
    """Fires once, when all the batches are completed, or when an error makes that impossible to observe.

    In a triggerer, all triggers with the same connection share one thread, one session, one quota and one poll. The
    event is `{"status": "success", "batches": [...]}`, where each batch is a dictionary without phone numbers, or
    `{"status": "error", "message": ...}`. While the service or Airflow's secrets backend does not answer, the trigger
    retries; it takes up a connection that is corrected meanwhile.

    `HvsmsBatchSensor(deferrable=True)` uses it. An operator of your own defers with it like this::

        class ReportOperator(BaseOperator):
            def execute(self, context):
                self.defer(trigger=HvsmsBatchTrigger(batch_ids=["b1", "b2"]), method_name="report")

            def report(self, context, event):
                if event["status"] == "error":
                    raise AirflowFailException(event["message"])
                return event["batches"]

    :param batch_ids: the ids of the batches.
    :param hvsms_conn_id: the connection to the message store.
    :param poll_interval: seconds between two polls; 60 by default, as a batch takes minutes to hours.
    :param longest_poll_interval: the interval doubles after each poll, up to this many seconds; `None` (default): it
        stays the same.
    :param not_before: the time of the first poll, ISO 8601 with a time zone; `None` (default): at once.
    :raises InvalidRequest: `poll_interval` is not above zero.
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
        _check_seconds("poll_interval", poll_interval)
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
        try:
            outcome = await self._wait() if self.batch_ids else Outcome()
        except InvalidSettings as error:
            outcome = Outcome(failure=str(error))
        if outcome.failure is None:
            yield _event(status="success", batches=[as_summary(batch) for batch in outcome.batches])
        else:
            yield _event(status="error", message=outcome.failure)

    async def _sleep_until_not_before(self) -> None:
        if self.not_before is not None:
            ahead = datetime.fromisoformat(self.not_before) - datetime.now(UTC)
            await asyncio.sleep(max(0.0, ahead.total_seconds()))

    async def _wait(self) -> Outcome:
        settings = await find_settings(self.hvsms_conn_id)
        while (outcome := await self._wait_with(settings)).connection_in_doubt:
            current = await find_settings(self.hvsms_conn_id)
            if current == settings and outcome.failure:
                break
            log.info("Connection %r has changed since the wait began: continuing with it.", self.hvsms_conn_id)
            settings = current
        return outcome

    async def _wait_with(self, settings: ClientSettings) -> Outcome:
        outcomes: LatestQueue[Outcome] = LatestQueue()
        interval = PollInterval(self.poll_interval, self.longest_poll_interval)
        subscription = Subscription(self.batch_ids, interval, outcomes.put)
        poller = subscribe(settings, subscription)
        try:
            while True:
                try:
                    return await asyncio.wait_for(anext(outcomes), timeout=_RECHECK_INTERVAL)
                except TimeoutError:
                    if poller.is_failing and await find_settings(self.hvsms_conn_id) != settings:
                        return Outcome(connection_in_doubt=True)
        finally:
            poller.remove(subscription)


# Airflow 2 has no asset watchers: the trigger for them can then be imported, but not used.
_EventTrigger: Any = getattr(triggers, "BaseEventTrigger", BaseTrigger)


class HvsmsBatchCompletedEventTrigger(_EventTrigger):  # type: ignore[misc]  # its base depends on Airflow
    """For an `AssetWatcher` (Airflow 3): fires for each batch that completes from now on.

    The event is `{"id", "status", "batch_size", "processed_count", "rejected_count", "cost", "creation_time"}`, without
    phone numbers. Events are two seconds apart: where more than thirty batches complete in a minute, events come later,
    and none is lost that comes within `reach`.

    On Airflow 3.3 and later, the announced batches are kept in the asset's state store, so that a restarted triggerer
    neither repeats nor misses a batch, unless it was down for longer than `reach`. Before 3.3, a restart begins with
    what completes from then on.

    Triggers with equal arguments share one poll; all triggers of one connection share one session and one quota.

    A DAG that runs for each completed batch::

        completed = Asset(
            "hvsms_completed_batches",
            watchers=[AssetWatcher(name="completed", trigger=HvsmsBatchCompletedEventTrigger())],
        )


        @dag(schedule=completed)
        def report(): ...

    :param hvsms_conn_id: the connection to the message store.
    :param from_number: only batches sent from this number; `None` (default): from any.
    :param poll_interval: seconds between two polls, each of which lists the batches created within `reach`; 60 by
        default, as a batch takes minutes to hours.
    :param reach: seconds that may pass from the creation of a batch to its completion; a day by default, as a large
        batch takes hours.
    :raises InvalidRequest: `from_number` is empty, or `poll_interval` or `reach` is not above zero.
    """

    def __init__(
        self,
        *,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        from_number: str | None = None,
        poll_interval: float = 60.0,
        reach: float = 86_400.0,
    ) -> None:
        super().__init__()
        _check_seconds("poll_interval", poll_interval)
        _check_seconds("reach", reach)
        BatchFilter(from_number=from_number)
        self.hvsms_conn_id = hvsms_conn_id
        self.from_number = from_number
        self.poll_interval = poll_interval
        self.reach = reach

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "hvsms_conn_id": self.hvsms_conn_id,
                "from_number": self.from_number,
                "poll_interval": self.poll_interval,
                "reach": self.reach,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event

    def shared_stream_key(self) -> tuple[Any, ...]:
        """Triggers with equal keys share one stream (Airflow 3.3)."""
        return ("hvsms", *self.serialize()[1].values())

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[RecentBatches]:
        """The result of each poll. It never ends.

        Airflow restarts a watcher that failed within seconds. An error is therefore retried here, with growing pauses
        and with the settings that the connection has by then.
        """
        pause = _MIN_PAUSE
        while True:
            try:
                async for recent in _poll(**kwargs):
                    pause = _MIN_PAUSE
                    yield recent
            except HvsmsError as error:
                log.warning("Batches cannot be polled; retrying in %.0f s: %s", pause, error)
            except Exception:
                log.exception("Polling batches failed unexpectedly; retrying in %.0f s.", pause)
            await asyncio.sleep(pause)
            pause = min(_MAX_PAUSE, 2 * pause)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[RecentBatches]) -> AsyncIterator[TriggerEvent]:
        """An event for each completed batch that was not announced before."""
        accessor = getattr(self, "asset_state_store", None)
        state = AssetState(accessor, hvsms_conn_id=self.hvsms_conn_id, from_number=self.from_number)
        announced = await state.read()
        async for recent in latest_of(shared_stream):
            if announced is None:
                announced = AnnouncedBatches.starting_from(recent.batches, recent.polled_at)
                await state.write(announced)
            announced = announced.advance(recent.batches, recent.polled_at, reach=timedelta(seconds=self.reach))
            for batch in sorted(recent.batches, key=lambda batch: str(batch["creation_time"])):
                if not announced.is_new(batch):
                    continue  # or on two pages of the list
                yield _event(**batch)
                # The state is written once the event has left this process, so that an event lost with the process
                # is repeated. Of events sent together, Airflow may defer all but the first to a later run.
                await asyncio.sleep(_EVENT_INTERVAL)
                announced = announced.add(batch)
                await state.write(announced)


async def _poll(
    hvsms_conn_id: str, from_number: str | None, poll_interval: float, reach: float
) -> AsyncIterator[RecentBatches]:
    settings = await find_settings(hvsms_conn_id)
    wanted = BatchFilter(from_number=from_number)
    async for recent in poll_recent_batches(settings, wanted, reach=reach, poll_interval=poll_interval):
        yield recent


def _check_seconds(name: str, seconds: float) -> None:
    if seconds <= 0:
        raise InvalidRequest(f"{name} is {seconds}; it must be longer than zero seconds.")


def _event(**payload: Any) -> TriggerEvent:
    event: TriggerEvent = TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow has not typed it
    return event
