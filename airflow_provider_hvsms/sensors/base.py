"""How a sensor pokes, defers, and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
)

from airflow_provider_hvsms.api.batch_lookup import BatchLookup
from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sensors.waiting import defer_until_fired, look, unfinished_of
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchTrigger
from airflow_provider_hvsms.utils.arguments import check_when_parsed
from airflow_provider_hvsms.utils.batches import as_summary

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Batch

_SKIPPED_BY_SOFT_FAIL = (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout)


class HvsmsSensor(BaseSensorOperator):
    """Base of the sensors: pokes with one session, or waits in the triggerer.

    A poke that the service cannot answer at the moment counts as unsuccessful; a permanent error fails at once.

    :param hvsms_conn_id: the connection to the message store.
    :param deferrable: wait in the triggerer, where all waits with one connection share one poll; by default as
        `[operators] default_deferrable` says.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)

    def __init__(self, *, hvsms_conn_id: str, deferrable: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id
        self.deferrable = deferrable
        with check_when_parsed(self):
            if self.poke_interval <= 0:
                raise InvalidRequest(f"poke_interval is {self.poke_interval}; it must be longer than zero seconds.")

    def find_batches(self, context: Context) -> list[Batch]:
        """All batches that are waited for, as they are now."""
        raise NotImplementedError

    def begin_deferred(self, context: Context) -> Any:
        """Defer, or return the batches if there is nothing to wait for."""
        raise NotImplementedError

    def poke(self, context: Context) -> PokeReturnValue:
        batches = look(
            lambda: self.find_batches(context),
            hvsms_conn_id=self.hvsms_conn_id,
            poke_interval=self.poke_interval,
            log=self.log,
        )
        if batches is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=not unfinished_of(batches), xcom_value=[as_summary(batch) for batch in batches])

    def execute(self, context: Context) -> Any:
        with self.open_session():
            if not self.deferrable:
                return super().execute(context)
            with self.apply_fail_modes():
                return self.begin_deferred(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        with self.open_session(), self.apply_fail_modes():
            return super().resume_execution(next_method, next_kwargs, context)

    @contextmanager
    def apply_fail_modes(self) -> Iterator[None]:
        """Skip the task as `soft_fail` and `never_fail` say; Airflow itself applies them only while it pokes."""
        try:
            yield
        except AirflowSkipException:
            raise
        except (Exception, AirflowTaskTimeout) as error:
            if self.never_fail or (self.soft_fail and isinstance(error, _SKIPPED_BY_SOFT_FAIL)):
                raise AirflowSkipException(f"Skipped instead of failed: {error}") from error
            raise

    def defer_until_completed(self, *, deadline: datetime, **trigger: Any) -> NoReturn:
        """Leave the worker until the trigger fires; `execute_complete` goes on then."""
        max_interval = (self.max_wait or timedelta(hours=1)) if self.exponential_backoff else None
        watching = HvsmsBatchTrigger(
            hvsms_conn_id=self.hvsms_conn_id,
            poll_interval=self.poke_interval,
            longest_poll_interval=_seconds(max_interval),
            **trigger,
        )
        defer_until_fired(self, watching, deadline=deadline)

    def new_deadline(self) -> datetime:
        """When a wait that begins now has taken `timeout`."""
        return datetime.now(UTC) + timedelta(seconds=self.timeout)

    @cached_property
    def client(self) -> MessageStoreClient:
        """One client for all pokes of a session."""
        return HvsmsHook(self.hvsms_conn_id).get_conn()

    @cached_property
    def lookup(self) -> BatchLookup:
        """One look-up for all pokes of a session, which remembers when batches were created."""
        return BatchLookup(self.client)

    @contextmanager
    def open_session(self) -> Iterator[None]:
        """Close the client at the end, if one was made, so that none is pickled or left open."""
        try:
            yield
        finally:
            vars(self).pop("lookup", None)
            client = vars(self).pop("client", None)
            if client is not None:
                client.close()


def _seconds(length: timedelta | float | None) -> float | None:
    return length.total_seconds() if isinstance(length, timedelta) else length
