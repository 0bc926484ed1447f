"""Waiting until batches are completed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_hvsms.api.batch_lookup import COMPLETED, BatchLookup
from airflow_provider_hvsms.api.errors import ConnectionUnavailable, InvalidRequest, PermanentError, TransientError
from airflow_provider_hvsms.api.filters import BatchFilter, check_batch_id
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook, fail_without_retry
from airflow_provider_hvsms.operators.base import HvsmsOperator, HvsmsWindowOperator
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchTrigger
from airflow_provider_hvsms.utils.arguments import PersonalArgument, as_batch_ids, check_when_parsed, is_known
from airflow_provider_hvsms.utils.batches import as_summary, in_words

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient

_MAX_LINES = 5
"""Batches whose progress one poke logs; of more, only the count."""

_SKIPPED_BY_SOFT_FAIL = (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout)


class HvsmsSensor(BaseSensorOperator):
    """Base of the sensors: pokes with one session, or waits in the triggerer.

    A poke that the service cannot answer for the moment counts as one too early; what time cannot cure fails at once.

    :param deferrable: wait in the triggerer, where all waits with one connection share one poll; by default as
        `[operators] default_deferrable` says.
    """

    hvsms_conn_id: str

    def __init__(
        self, *, deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        with check_when_parsed(self):
            if self.poke_interval <= 0:
                raise InvalidRequest(f"poke_interval is {self.poke_interval}; it must be longer than zero seconds.")

    def look(self, client: MessageStoreClient, context: Context) -> list[Batch]:
        """All that is waited for, as it is now."""
        raise NotImplementedError

    def poke(self, context: Context) -> PokeReturnValue:
        with fail_without_retry(self.hvsms_conn_id):
            try:
                batches = self.look(self._client, context)
            except ConnectionUnavailable:
                raise  # to Airflow's retries: it may be a mistyped id
            except TransientError as error:
                self.log.warning("Nothing could be seen this time: %s", error)
                return PokeReturnValue(is_done=False)
        unfinished = [batch for batch in batches if batch.status != COMPLETED]
        self._tell(batches, unfinished)
        return PokeReturnValue(is_done=not unfinished, xcom_value=[as_summary(batch) for batch in batches])

    def execute(self, context: Context) -> Any:
        with self._session():
            return super().execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        with self.heeding_fail_modes():
            return super().resume_execution(next_method, next_kwargs, context)

    @contextmanager
    def heeding_fail_modes(self) -> Iterator[None]:
        """Skip the task as `soft_fail` and `never_fail` say; Airflow itself heeds them only while it pokes."""
        try:
            yield
        except AirflowSkipException:
            raise
        except (Exception, AirflowTaskTimeout) as error:
            if self.never_fail or (self.soft_fail and isinstance(error, _SKIPPED_BY_SOFT_FAIL)):
                raise AirflowSkipException(f"Skipped instead of failed: {error}") from error
            raise

    def defer_to_watch(self, *, deadline: datetime, **trigger: Any) -> NoReturn:
        """Leave the worker until the trigger fires; `execute_complete` goes on then."""
        longest = (self.max_wait or timedelta(hours=1)) if self.exponential_backoff else None
        self.defer(
            timeout=max(deadline - datetime.now(UTC), timedelta(seconds=1)),
            trigger=HvsmsBatchTrigger(
                hvsms_conn_id=self.hvsms_conn_id,
                poll_interval=self.poke_interval,
                longest_poll_interval=_seconds(longest),
                **trigger,
            ),
            method_name="execute_complete",
            kwargs={"deadline": deadline.isoformat()},
        )
        raise RuntimeError("a deferral does not return")

    def new_deadline(self) -> datetime:
        """When a wait that begins now has taken `timeout`."""
        return datetime.now(UTC) + timedelta(seconds=self.timeout)

    @cached_property
    def _client(self) -> MessageStoreClient:
        return HvsmsHook(self.hvsms_conn_id).get_conn()

    @contextmanager
    def _session(self) -> Iterator[None]:
        try:
            yield
        finally:
            vars(self).pop("_lookup", None)
            client = vars(self).pop("_client", None)
            if client is not None:
                client.close()

    def _tell(self, batches: list[Batch], unfinished: list[Batch]) -> None:
        self.log.info("%s of %s batches are completed.", f"{len(batches) - len(unfinished):,}", f"{len(batches):,}")
        for batch in unfinished[:_MAX_LINES]:
            self.log.info("Batch %s is %s.", batch.id, in_words(batch))
        if len(unfinished) > _MAX_LINES:
            self.log.info("And %s more are not completed.", f"{len(unfinished) - _MAX_LINES:,}")


class HvsmsBatchSensor(HvsmsOperator, HvsmsSensor):
    """Waits until batches are completed, and returns them.

    The result: a list of `{"id", "status", "batch_size", "processed_count", "rejected_count", "cost",
    "creation_time"}` in the order of the ids. A batch that the service does not know fails the task at once.

    :param batch_id: one batch, or several: a list, or a string with commas; each by its id or as
        `HvsmsListBatchesOperator` returns it. One that is named twice is waited for once.
    """

    template_fields: Sequence[str] = (*HvsmsOperator.template_fields, "batch_id")

    def __init__(self, *, batch_id: str | Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        with check_when_parsed(self):
            if is_known(batch_id):
                self._batch_ids()

    def look(self, client: MessageStoreClient, context: Context) -> list[Batch]:
        batch_ids = self._batch_ids()
        found = self._lookup.look(batch_ids)
        return [_or_raise(found[batch_id]) for batch_id in batch_ids]

    def execute(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        with self.heeding_fail_modes(), fail_without_retry(self.hvsms_conn_id):
            batch_ids = self._batch_ids()
        return self.defer_to_watch(batch_ids=batch_ids, deadline=self.new_deadline())

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None, **_: Any) -> list[dict[str, Any]]:
        """Return what the trigger saw, or fail with its reason."""
        return _batches_of(event)

    @cached_property
    def _lookup(self) -> BatchLookup:
        return BatchLookup(self._client)

    def _batch_ids(self) -> list[str]:
        batch_ids = as_batch_ids(self.batch_id)
        if not isinstance(batch_ids, Iterable) or not (named := list(batch_ids)):
            raise InvalidRequest(
                f"batch_id is {self.batch_id!r}: it must name a batch. Did a template render to nothing?"
            )
        for batch_id in named:
            check_batch_id(batch_id)
        return list(dict.fromkeys(named))


class HvsmsIntervalBatchesSensor(HvsmsWindowOperator, HvsmsSensor):
    """Waits until every batch created in a window is completed, and returns them, by one list request a poke.

    The window follows the rules of the transfers; while it has not passed, the sensor says so and waits. The result is
    a list as that of `HvsmsBatchSensor`; empty if no batch was created.

    :param from_number: only batches sent from this number.
    """

    template_fields: Sequence[str] = (*HvsmsWindowOperator.template_fields, "from_number")

    from_number = PersonalArgument()

    def __init__(self, *, from_number: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.from_number = from_number
        with check_when_parsed(self):
            if is_known(from_number):
                BatchFilter(from_number=from_number)

    def look(self, client: MessageStoreClient, context: Context) -> list[Batch]:
        window = self.planned_window(context)
        batches = client.iter_batches(window, BatchFilter(from_number=self.from_number))
        return list({batch.id: batch for batch in batches}.values())

    def poke(self, context: Context) -> PokeReturnValue:
        with fail_without_retry(self.hvsms_conn_id):
            end = self.planned_window(context).end
        if end > datetime.now(UTC):
            self.log.info("The window ends at %s: batches may still be created in it. Waiting.", end.isoformat())
            return PokeReturnValue(is_done=False)
        return super().poke(context)

    def execute(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        with self.heeding_fail_modes():
            return self._look_or_defer(context, self.new_deadline())

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, deadline: str = "", **_: Any
    ) -> list[dict[str, Any]]:
        """Look again: the trigger watched only those that were there when it began."""
        _batches_of(event)
        return self._look_or_defer(context, datetime.fromisoformat(deadline))

    def _look_or_defer(self, context: Context, deadline: datetime) -> list[dict[str, Any]]:
        with self._session(), fail_without_retry(self.hvsms_conn_id):
            end = self.planned_window(context).end
            seen = self.poke(context)
        batches: list[dict[str, Any]] = seen.xcom_value or []
        if seen.is_done:
            return batches
        soon = datetime.now(UTC) + timedelta(seconds=self.poke_interval)
        return self.defer_to_watch(
            batch_ids=[batch["id"] for batch in batches if batch["status"] != COMPLETED],
            # With nothing to watch the window has not passed, or the service could not answer.
            not_before=(soon if batches else max(end, soon)).isoformat(),
            deadline=deadline,
        )


def _or_raise(batch: Batch | PermanentError) -> Batch:
    if isinstance(batch, PermanentError):
        raise batch
    return batch


def _batches_of(event: dict[str, Any] | None) -> list[dict[str, Any]]:
    if event is None or event.get("status") != "success":
        raise AirflowFailException(f"The wait for batches failed: {(event or {}).get('message', 'there was no event')}")
    batches: list[dict[str, Any]] = event["batches"]
    return batches


def _seconds(length: timedelta | float | None) -> float | None:
    return length.total_seconds() if isinstance(length, timedelta) else length
