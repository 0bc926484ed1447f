"""What each resource's transfer reads, wherever it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_hvsms.api.filters import MOST_PER_PAGE, MessageFilter, check_per_page
from airflow_provider_hvsms.hooks.data_interval import is_known
from airflow_provider_hvsms.sinks.rows import MESSAGES
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Message, Page
    from airflow_provider_hvsms.api.window import Window


class MessagesTransfer(HvsmsTransferOperator):
    """Reads messages.

    :param batch_id: only the messages of one batch.
    :param phone_numbers: only messages from or to one of these, at most 15: a list, or a string with commas.
    :param direction: `Inbound` or `Outbound`; both by default.
    :param view: `Simple` (default), or `Detailed` to read the texts too.
    :param per_page: messages a request, 1 to 1000.
    """

    layout = MESSAGES

    template_fields: Sequence[str] = (
        *HvsmsTransferOperator.template_fields,
        "batch_id",
        "phone_numbers",
        "direction",
        "view",
    )

    def __init__(
        self,
        *,
        batch_id: str | None = None,
        phone_numbers: Sequence[str] | str | None = None,
        direction: str | None = None,
        view: str = "Simple",
        per_page: int = MOST_PER_PAGE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.phone_numbers = phone_numbers
        self.direction = direction
        self.view = view
        self.per_page = per_page
        known = {name: value for name, value in self._filter_arguments().items() if is_known(value)}
        MessageFilter(**known)
        check_per_page(per_page)

    @property
    def phone_numbers(self) -> Sequence[str] | str:
        """Masked in logs and rendered templates from the moment that they are known."""
        return self._phone_numbers

    @phone_numbers.setter
    def phone_numbers(self, value: Sequence[str] | str | None) -> None:
        self._phone_numbers = () if value is None else value
        if is_known(value):
            for number in _split(self._phone_numbers):
                mask_secret(number)

    def read(self, client: MessageStoreClient, window: Window) -> Iterator[Page[Message]]:
        return client.message_pages(window, MessageFilter(**self._filter_arguments()), per_page=self.per_page)

    def _filter_arguments(self) -> dict[str, Any]:
        return {
            "batch_id": self.batch_id,
            "phone_numbers": _split(self.phone_numbers),
            "direction": self.direction,
            "view": self.view,
        }


def _split(phone_numbers: Any) -> Any:
    if isinstance(phone_numbers, str) and is_known(phone_numbers):
        return [number.strip() for number in phone_numbers.split(",")]
    return phone_numbers
