"""Waiting for batches in the triggerer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers import base as triggers
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hvsms.api.errors import InvalidRequest, InvalidSettings
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.hooks.client_settings import ClientSettings
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.triggers.announced import Announced
from airflow_provider_hvsms.triggers.batch_follower import BatchFollower, FollowingEnded, Look, Subject
from airflow_provider_hvsms.triggers.batch_watch import Outcome, PollInterval, Wait, join_watch
from airflow_provider_hvsms.triggers.connection import find_settings
from airflow_provider_hvsms.triggers.newest import Slot, newest_of
from airflow_provider_hvsms.utils.batches import as_summary

log = logging.getLogger(__name__)

SummarisedLook = tuple[datetime, list[dict[str, Any]]]
"""When the batches were listed, and what they were."""

_ANNOUNCED = "hvsms_announced_batches"
"""The name under which the announced batches are noted in an asset's state store; of some watchers, its beginning."""

_UNTIL_EVENT_LEFT = 2.0
"""Seconds; the triggerer hands events on about once a second."""

_RECHECK = 300.0
"""Seconds after which a wait that cannot reach the service looks whether the connection was corrected."""

_FIRST_PAUSE, _MAX_PAUSE = 30.0, 600.0
"""Seconds between tries to follow batches with a connection that cannot be used."""


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
        _check_interval(poll_interval)
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
        """Wait; if the login is refused or the service not reached, go on with what the connection says by then."""
        settings = await find_settings(self.hvsms_conn_id)
        while (outcome := await self._wait_with(settings)).connection_in_doubt:
            changed = await find_settings(self.hvsms_conn_id)
            if changed == settings and outcome.failure:
                break
            log.info("Connection %r has changed since the wait began: going on with it.", self.hvsms_conn_id)
            settings = changed
        return outcome

    async def _wait_with(self, settings: ClientSettings) -> Outcome:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Outcome] = loop.create_future()

        def finish(outcome: Outcome) -> None:
            # In a closed loop nothing waits for it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, over, outcome)

        interval = PollInterval(self.poll_interval, self.longest_poll_interval)
        wait = Wait(self.batch_ids, interval, finish)
        watch = join_watch(settings, wait)
        try:
            while not (await asyncio.wait({over}, timeout=_RECHECK))[0]:
                if watch.is_failing and await find_settings(self.hvsms_conn_id) != settings:
                    return Outcome(connection_in_doubt=True)
            return over.result()
        finally:
            watch.leave(wait)


# Airflow 2 has no asset watchers; the trigger for them can then be imported, and is of no use.
_EventTrigger: Any = getattr(triggers, "BaseEventTrigger", BaseTrigger)


class HvsmsBatchCompletedEventTrigger(_EventTrigger):  # type: ignore[misc]  # its base depends on Airflow
    """For `AssetWatcher` (Airflow 3): one event for each batch that completes, without phone numbers.

    The event is `{"id", "status", "batch_size", "processed_count", "rejected_count", "cost", "creation_time"}`. Events
    are two seconds apart, one for each batch: where more than thirty batches complete in a minute they come later, and
    none is lost that comes within `reach`. They begin with what completes from now on. On Airflow 3.3 and later their
    place is kept in the asset's state store, so that a restarted triggerer neither repeats nor misses a batch; before
    3.3 a restart begins from now again. A triggerer that was down for longer than `reach` misses what completed before
    that.

    Triggers with the same arguments share one look a poll; all triggers of one connection share one login and quota.

    :param hvsms_conn_id: the connection to the message store.
    :param from_number: only batches sent from this number.
    :param poll_interval: seconds between two looks, each of which lists the batches created within `reach`.
    :param reach: seconds that may pass from a batch's creation to its completion; a day, as large ones take hours.
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
        _check_interval(poll_interval)
        if reach <= 0:
            raise InvalidRequest(f"reach is {reach}; it must be longer than zero seconds.")
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
        """Which triggers see the same: those with the same arguments (Airflow 3.3)."""
        return ("hvsms", *self.serialize()[1].values())

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[SummarisedLook]:
        """After each look, all batches created within `reach`, completed or not. It never ends.

        Airflow makes a watcher that failed again within seconds, so trouble is waited out here. Then the connection is
        read again.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                async for look in _looks(**kwargs):
                    pause = _FIRST_PAUSE
                    yield look
            except (FollowingEnded, InvalidSettings) as error:
                log.warning("Batches cannot be followed; trying again in %.0f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(_MAX_PAUSE, 2 * pause)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[SummarisedLook]) -> AsyncIterator[TriggerEvent]:
        """An event for each completed batch that was not announced before."""
        announced = await self._announced()
        async for looked_at, batches in newest_of(shared_stream):
            if announced is None:
                announced = Announced.at_first_look(batches, looked_at)
                await self._note(announced)
            announced = announced.moved_on(batches, looked_at, reach=timedelta(seconds=self.reach))
            for batch in sorted(batches, key=lambda batch: str(batch["creation_time"])):
                if not announced.is_new(batch):
                    continue  # or listed twice, on two pages
                yield _event(**batch)
                # The place is noted when the event has left this process: what is lost with it comes again. And of
                # events that come at once, Airflow may leave all but the first to a later run.
                await asyncio.sleep(_UNTIL_EVENT_LEFT)
                announced = announced.with_one(batch)
                await self._note(announced)

    async def _announced(self) -> Announced | None:
        noted = [await store.aget(self._place) for store in self._state_stores()]
        # An asset that was not watched for a while knows only what was announced before.
        return max(map(Announced.from_json, filter(None, noted)), key=lambda place: place.until, default=None)

    async def _note(self, announced: Announced) -> None:
        for store in self._state_stores():
            await store.aset(self._place, announced.as_json())

    @property
    def _place(self) -> str:
        """The name of the note: an asset may have several watchers, each of which sees other batches."""
        subject = (self.hvsms_conn_id, self.from_number)
        if subject == (HvsmsHook.default_conn_name, None):
            return _ANNOUNCED
        # So short a hash does not give the number away.
        return f"{_ANNOUNCED}_{hashlib.sha256(repr(subject).encode()).hexdigest()[:4]}"

    def _state_stores(self) -> Collection[Any]:
        """The state store of each asset that this trigger watches; none before Airflow 3.3.

        Assets whose watchers have equal arguments share one trigger, and Airflow does not name them to it: only their
        accessors know them.
        """
        store = getattr(self, "asset_state_store", None)
        if store is None:
            return ()
        return list(getattr(store, "_by_name", {}).values()) or [store]


async def _looks(
    hvsms_conn_id: str, from_number: str | None, poll_interval: float, reach: float
) -> AsyncIterator[SummarisedLook]:
    """Look after look; where one is not taken before the next, only the newest."""
    loop = asyncio.get_running_loop()
    newest: Slot[Look | FollowingEnded] = Slot()

    def show(look: Look | FollowingEnded) -> None:
        # In a closed loop nothing waits for it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(newest.put, look)

    settings = await find_settings(hvsms_conn_id)
    subject = Subject(BatchFilter(from_number=from_number), reach, poll_interval)
    follower = BatchFollower(settings.connect, subject, show)
    follower.start()
    try:
        while not isinstance(look := await newest.take(), FollowingEnded):
            yield look.at, [as_summary(batch) for batch in look.batches]
        raise look
    finally:
        follower.stop()


def _check_interval(poll_interval: float) -> None:
    if poll_interval <= 0:
        raise InvalidRequest(f"poll_interval is {poll_interval}; it must be longer than zero seconds.")


def _event(**payload: Any) -> TriggerEvent:
    event: TriggerEvent = TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow has not typed it
    return event


def _resolve(over: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not over.done():
        over.set_result(outcome)
