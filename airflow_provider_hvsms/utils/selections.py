"""Which messages or batches a task is about, as its arguments say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, get_args

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.filters import (
    BatchFilter,
    Direction,
    StatusFilter,
    check_batch_id,
    check_choice,
    check_phone_numbers,
)
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.utils.arguments import NOT_GIVEN
from airflow_provider_hvsms.utils.data_interval import WindowArguments, up_to_now
from airflow_provider_hvsms.utils.filter_text import describe_filters, hide_numbers
from airflow_provider_hvsms.utils.values import as_batch_id, as_list, is_known


@dataclasses.dataclass(frozen=True, kw_only=True)
class MessageSelection(WindowArguments):
    """The arguments that say which messages are read or counted.

    :param batch_id: only the messages of one batch, given by its id or as `HvsmsListBatchesOperator` returns it.
        Without any dates they are read from the batch's creation to now.
    :param phone_numbers: only messages from or to one of these, at most 15: a list, or a string with commas.
    :param direction: `Inbound` or `Outbound`; by default both.
    """

    template_fields: ClassVar[tuple[str, ...]] = (
        *WindowArguments.template_fields,
        "batch_id",
        "phone_numbers",
        "direction",
    )
    personal_fields: ClassVar[tuple[str, ...]] = ("phone_numbers",)

    batch_id: Any = NOT_GIVEN
    phone_numbers: Any = ()
    direction: Any = None
    has_batch_id: bool = True

    def __post_init__(self) -> None:
        if self.batch_id is NOT_GIVEN:
            object.__setattr__(self, "batch_id", None)
            object.__setattr__(self, "has_batch_id", False)

    @property
    def has_batch_window(self) -> bool:
        """Whether the window is the batch's own, which only the message store knows."""
        return self.has_batch_id and (self.date_from, self.date_to, self.window) == (None, None, None)

    @property
    def described_filters(self) -> str:
        """The rendered filters for the log, without phone numbers."""
        given = self.filter_arguments()
        return describe_filters(
            batch_id=given["batch_id"], phone_numbers=hide_numbers(given["phone_numbers"]), direction=given["direction"]
        )

    def check_known(self) -> None:
        super().check_known()
        if self.has_batch_id and is_known(self.batch_id):
            check_batch_id(as_batch_id(self.batch_id))
        if is_known(self.phone_numbers):
            check_phone_numbers(as_list(self.phone_numbers))
        if is_known(self.direction):
            check_choice("direction", self.direction, (None, *get_args(Direction)))

    def check_rendered(self, context: Mapping[str, Any]) -> None:
        """Check the rendered arguments, before anything is sent or opened.

        :raises InvalidRequest: naming the argument.
        """
        self.as_filter()
        self.planned_window(context)

    def planned_window(self, context: Mapping[str, Any]) -> Window | None:
        """The window that the run stands for, whose end may lie in the future; `None` for the batch's own."""
        return None if self.has_batch_window else self.resolve(context)

    def as_filter(self) -> StatusFilter:
        """The filter that the rendered arguments stand for."""
        return StatusFilter(**self.filter_arguments())

    def filter_arguments(self) -> dict[str, Any]:
        """The rendered arguments, as the filters take them.

        :raises InvalidRequest: a batch id was given, and rendered to nothing.
        """
        batch_id = as_batch_id(self.batch_id)
        if self.has_batch_id:
            check_batch_id(batch_id)
        return {"batch_id": batch_id, "phone_numbers": as_list(self.phone_numbers), "direction": self.direction}

    def window_to_read(self, client: MessageStoreClient, context: Mapping[str, Any]) -> Window:
        """The part of the window that has passed, or the batch's own window."""
        planned = self.planned_window(context)
        return up_to_now(planned) if planned else client.window_of_batch(self.filter_arguments()["batch_id"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchSelection(WindowArguments):
    """The arguments that say which batches are read.

    :param from_number: only batches sent from this number.
    :param statuses: only batches in one of `Queued`, `Processing`, `Sent`, `Completed`: a list, or a string with
        commas.
    """

    template_fields: ClassVar[tuple[str, ...]] = (*WindowArguments.template_fields, "from_number", "statuses")
    personal_fields: ClassVar[tuple[str, ...]] = ("from_number",)

    from_number: Any = None
    statuses: Any = ()

    @property
    def described_filters(self) -> str:
        """The rendered filters for the log, without phone numbers."""
        return describe_filters(from_number=hide_numbers(self.from_number), statuses=", ".join(as_list(self.statuses)))

    def check_known(self) -> None:
        super().check_known()
        if is_known(self.from_number):
            BatchFilter(from_number=self.from_number)
        if is_known(self.statuses):
            BatchFilter(statuses=as_list(self.statuses))

    def check_rendered(self, context: Mapping[str, Any]) -> None:
        """Check the rendered arguments, before anything is sent or opened.

        :raises InvalidRequest: naming the argument.
        """
        self.as_filter()
        self.planned_window(context)

    def planned_window(self, context: Mapping[str, Any]) -> Window:
        """The window that the run stands for, whose end may lie in the future."""
        return self.resolve(context)

    def as_filter(self) -> BatchFilter:
        """The filter that the rendered arguments stand for."""
        return BatchFilter(from_number=self.from_number, statuses=as_list(self.statuses))
