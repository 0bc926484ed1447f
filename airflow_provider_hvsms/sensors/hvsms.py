"""Waiting until batches are completed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import PokeReturnValue, XComArg

from airflow_provider_hvsms.api.batch_lookup import COMPLETED
from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import BatchFilter, check_batch_id
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sensors.base import HvsmsSensor
from airflow_provider_hvsms.sensors.waiting import DEFAULT_DEFERRABLE, batches_of, find_all
from airflow_provider_hvsms.utils.arguments import check_when_parsed, keep, rendered, takes
from airflow_provider_hvsms.utils.data_interval import WindowArguments
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.values import as_batch_ids, is_known

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


@takes()
class HvsmsBatchSensor(HvsmsSensor):
    """Waits until batches are completed, and returns them.

    The result: a list of `{"id", "status", "batch_size", "processed_count", "rejected_count", "cost",
    "creation_time"}` in the order of the ids. A batch that the service does not know fails the task at once::

        HvsmsBatchSensor(task_id="wait", batch_id="{{ params.batch_id }}", deferrable=True)

    :param batch_id: one batch, or several: a list, or a string with commas; each by its id or as
        `HvsmsListBatchesOperator` returns it. One that is named twice is waited for once.
    """

    template_fields: Sequence[str] = (*HvsmsSensor.template_fields, "batch_id")

    def __init__(
        self,
        *,
        batch_id: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | XComArg,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        deferrable: bool = DEFAULT_DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        super().__init__(hvsms_conn_id=hvsms_conn_id, deferrable=deferrable, **kwargs)
        self.batch_id = batch_id
        with check_when_parsed(self):
            if is_known(batch_id):
                self._batch_ids()

    def find_batches(self, context: Context) -> list[Batch]:
        return find_all(self.lookup, self._batch_ids())

    def begin_deferred(self, context: Context) -> Any:
        with fail_without_retry(self.hvsms_conn_id):
            batch_ids = self._batch_ids()
        self.defer_until_completed(batch_ids=batch_ids, deadline=self.new_deadline())

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None, **_: Any) -> list[dict[str, Any]]:
        """Return what the trigger saw, or fail with its reason."""
        return batches_of(event)

    def _batch_ids(self) -> list[str]:
        batch_ids = as_batch_ids(self.batch_id)
        if not isinstance(batch_ids, Iterable) or not (named := list(batch_ids)):
            raise InvalidRequest(
                f"batch_id is {self.batch_id!r}: it must name a batch. Did a template render to nothing?"
            )
        for batch_id in named:
            check_batch_id(batch_id)
        return list(dict.fromkeys(named))


@dataclasses.dataclass(frozen=True, kw_only=True)
class IntervalBatches(WindowArguments):
    """The arguments that say which batches of a window are waited for.

    :param from_number: only batches sent from this number.
    """

    template_fields: ClassVar[tuple[str, ...]] = (*WindowArguments.template_fields, "from_number")
    personal_fields: ClassVar[tuple[str, ...]] = ("from_number",)

    from_number: Any = None

    def check_known(self) -> None:
        super().check_known()
        if is_known(self.from_number):
            BatchFilter(from_number=self.from_number)


@takes(IntervalBatches)
class HvsmsIntervalBatchesSensor(HvsmsSensor):
    """Waits until every batch created in a window is completed, and returns them, by one list request a poke.

    The window follows the rules of the transfers; until it has passed, the sensor waits and says so. The result is
    a list as that of `HvsmsBatchSensor`; empty if no batch was created::

        HvsmsIntervalBatchesSensor(task_id="wait_for_all", mode="reschedule")
    """

    def __init__(
        self,
        *,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        from_number: str | None = None,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        deferrable: bool = DEFAULT_DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        super().__init__(hvsms_conn_id=hvsms_conn_id, deferrable=deferrable, **kwargs)
        wanted = IntervalBatches(
            date_from=date_from, date_to=date_to, window=window, lookback=lookback, from_number=from_number
        )
        keep(self, wanted)

    def find_batches(self, context: Context) -> list[Batch]:
        wanted = rendered(IntervalBatches, self)
        batches = self.client.iter_batches(wanted.resolve(context), BatchFilter(from_number=wanted.from_number))
        return list({batch.id: batch for batch in batches}.values())

    def poke(self, context: Context) -> PokeReturnValue:
        end = self._window_end(context)
        if end > datetime.now(UTC):
            self.log.info("The window ends at %s: batches may still be created in it. Waiting.", end.isoformat())
            return PokeReturnValue(is_done=False)
        return super().poke(context)

    def begin_deferred(self, context: Context) -> Any:
        return self._poke_or_defer(context, self.new_deadline())

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, deadline: str = "", **_: Any
    ) -> list[dict[str, Any]]:
        """Poke again: the trigger watched only the batches that were there when it began."""
        batches_of(event)
        return self._poke_or_defer(context, datetime.fromisoformat(deadline))

    def _window_end(self, context: Context) -> datetime:
        with fail_without_retry(self.hvsms_conn_id):
            return rendered(IntervalBatches, self).resolve(context).end

    def _poke_or_defer(self, context: Context, deadline: datetime) -> list[dict[str, Any]]:
        result = self.poke(context)
        batches: list[dict[str, Any]] = result.xcom_value or []
        if result.is_done:
            return batches
        next_poke = datetime.now(UTC) + timedelta(seconds=self.poke_interval)
        return self.defer_until_completed(
            batch_ids=[batch["id"] for batch in batches if batch["status"] != COMPLETED],
            # Without batches: the window has not ended, or the service did not answer.
            not_before=(next_poke if batches else max(self._window_end(context), next_poke)).isoformat(),
            deadline=deadline,
        )
