"""What operators have in common: the connection, the window, the messages that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.api.filters import (
    BatchFilter,
    Direction,
    StatusFilter,
    check_batch_id,
    check_choice,
    check_phone_numbers,
)
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.utils.arguments import (
    NOT_GIVEN,
    NotGiven,
    PersonalArgument,
    as_batch_id,
    as_list,
    check_when_parsed,
    is_known,
)
from airflow_provider_hvsms.utils.data_interval import WindowRule, up_to_now

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.window import Window


class HvsmsOperator(BaseOperator):
    """Reads the message store.

    :param hvsms_conn_id: the connection to it.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)

    def __init__(self, *, hvsms_conn_id: str = HvsmsHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id


class HvsmsWindowOperator(HvsmsOperator):
    """Reads what was created in a window.

    :param date_from: start of the window (inclusive), aware; the data interval's start by default.
    :param date_to: end of the window (exclusive), aware; the data interval's end by default. Never later than now.
    :param window: instead of `date_from`: read the span of this length that ends at the end.
    :param lookback: start this much earlier, to read again what changed since: a message's status and cost settle for
        hours after its creation.
    """

    template_fields: Sequence[str] = (*HvsmsOperator.template_fields, "date_from", "date_to")

    def __init__(
        self,
        *,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.date_from = date_from
        self.date_to = date_to
        self.window = window
        self.lookback = lookback
        with check_when_parsed(self):
            self._window_rule.check()

    def planned_window(self, context: Context) -> Window:
        """The window that the run stands for; its end may lie in the future."""
        return self._window_rule.resolve(context)

    @property
    def _window_rule(self) -> WindowRule:
        return WindowRule(date_from=self.date_from, date_to=self.date_to, window=self.window, lookback=self.lookback)


class HvsmsScopedOperator(HvsmsWindowOperator):
    """Reads messages, or counts them, within a scope.

    :param batch_id: only the messages of one batch, given by its id or as `HvsmsListBatchesOperator` returns it.
        Without any dates they are read from the batch's creation to now.
    :param phone_numbers: only messages from or to one of these, at most 15: a list, or a string with commas.
    :param direction: `Inbound` or `Outbound`; both by default.
    """

    template_fields: Sequence[str] = (*HvsmsWindowOperator.template_fields, "batch_id", "phone_numbers", "direction")

    phone_numbers = PersonalArgument()

    def __init__(
        self,
        *,
        batch_id: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN,
        phone_numbers: Sequence[str] | str = (),
        direction: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = None if isinstance(batch_id, NotGiven) else batch_id
        self.phone_numbers = phone_numbers
        self.direction = direction
        self._is_about_a_batch = not isinstance(batch_id, NotGiven)
        with check_when_parsed(self):
            self._check_what_is_known()

    @property
    def is_about_a_batch_alone(self) -> bool:
        """Whether the window is the batch's own, which only the store knows."""
        return self._is_about_a_batch and (self.date_from, self.date_to, self.window) == (None, None, None)

    def check_arguments(self, context: Context) -> None:
        """Check what was rendered, before anything is asked or opened."""
        StatusFilter(**self.scope())
        if not self.is_about_a_batch_alone:
            self.planned_window(context)

    def window_to_read(self, client: MessageStoreClient, context: Context) -> Window:
        """The part of the planned window that has passed, or the batch's own window."""
        if self.is_about_a_batch_alone:
            return client.window_of_batch(self.scope()["batch_id"])
        return up_to_now(self.planned_window(context))

    def scope(self) -> dict[str, Any]:
        """The rendered arguments, as the filters take them.

        :raises InvalidRequest: a batch id was meant, and came to nothing.
        """
        batch_id = as_batch_id(self.batch_id)
        if self._is_about_a_batch:
            check_batch_id(batch_id)
        return {
            "batch_id": batch_id,
            "phone_numbers": as_list(self.phone_numbers),
            "direction": self.direction,
        }

    def _check_what_is_known(self) -> None:
        if self._is_about_a_batch and is_known(self.batch_id):
            check_batch_id(as_batch_id(self.batch_id))
        if is_known(self.phone_numbers):
            check_phone_numbers(as_list(self.phone_numbers))
        if is_known(self.direction):
            check_choice("direction", self.direction, (None, *get_args(Direction)))


class HvsmsBatchListOperator(HvsmsWindowOperator):
    """Reads batches.

    :param from_number: only batches sent from this number.
    :param statuses: only those in one of `Queued`, `Processing`, `Sent`, `Completed`: a list, or a string with commas.
    """

    template_fields: Sequence[str] = (*HvsmsWindowOperator.template_fields, "from_number", "statuses")

    from_number = PersonalArgument()

    def __init__(self, *, from_number: str | None = None, statuses: Sequence[str] | str = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.from_number = from_number
        self.statuses = statuses
        with check_when_parsed(self):
            if is_known(from_number):
                BatchFilter(from_number=from_number)
            if is_known(statuses):
                BatchFilter(statuses=as_list(statuses))

    def batch_filter(self) -> BatchFilter:
        """The rendered arguments as a filter."""
        return BatchFilter(from_number=self.from_number, statuses=as_list(self.statuses))
