"""The filters of each read, and the checks of arguments before a request is sent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from airflow_provider_hvsms.api.errors import InvalidRequest

Direction = Literal["Inbound", "Outbound"]
View = Literal["Simple", "Detailed"]
BatchStatus = Literal["Queued", "Processing", "Sent", "Completed"]
OnInvalid = Literal["fail", "quarantine"]
OptOutStatus = Literal["optout", "optin", "all"]
Parameters = Mapping[str, "str | int | Sequence[str]"]

MAX_PER_PAGE = 1000
"""Records in a page: the service's default, and the most that it guarantees (RingCentral: perPage)."""

MAX_CONCURRENCY = 16
"""The highest `concurrency`: more requests at once only strain the service."""

MAX_PHONE_NUMBERS = 15
"""Phone numbers in one filter (RingCentral: phoneNumber)."""

_PHONE_NUMBER = re.compile(r"\+?\d{3,15}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatusFilter:
    """Which messages of a window are counted.

    Example::

        StatusFilter(batch_id="b1")

    :param batch_id: only messages of this batch; `None` (default) for all.
    :param phone_numbers: only messages from or to one of these, at most 15; empty (default) for all.
    :param direction: `Inbound` or `Outbound`; `None` (default) for both.
    :raises InvalidRequest: the service would refuse a value, or read it as something else than was meant.
    """

    batch_id: str | None = None
    phone_numbers: Sequence[str] = ()
    direction: Direction | None = None

    def __post_init__(self) -> None:
        _none_as_empty(self, "phone_numbers")
        if self.batch_id is not None:
            check_batch_id(self.batch_id)
        check_phone_numbers(self.phone_numbers)
        check_choice("direction", self.direction, (None, *get_args(Direction)))

    def as_parameters(self) -> Parameters:
        """The filter as query parameters."""
        return _without_unset(batchId=self.batch_id, phoneNumber=self.phone_numbers, direction=self.direction)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MessageFilter(StatusFilter):
    """Which messages of a window are read, and with which fields. The other parameters are those of `StatusFilter`.

    Example::

        MessageFilter(direction="Outbound", view="Detailed")

    :param view: `Simple` (default), or `Detailed` to include the texts.
    """

    view: View = "Simple"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("view", self.view, get_args(View))

    def as_parameters(self) -> Parameters:
        return {**super().as_parameters(), "view": self.view}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchFilter:
    """Which batches of a window are read.

    Example::

        BatchFilter(statuses=["Processing"])

    :param from_number: only batches sent from this number; `None` (default) for all.
    :param statuses: only batches with one of `Queued`, `Processing`, `Sent`, `Completed`; empty (default) for all.
    :raises InvalidRequest: the service would refuse a value.
    """

    from_number: str | None = None
    statuses: Sequence[BatchStatus] = ()

    def __post_init__(self) -> None:
        _none_as_empty(self, "statuses")
        check_phone_number("from_number", self.from_number)
        if isinstance(self.statuses, str) or not isinstance(self.statuses, Collection):
            raise InvalidRequest(f"statuses is {self.statuses!r}; it must be a list, even for one status.")
        for status in self.statuses:
            check_choice("statuses", status, get_args(BatchStatus))

    def as_parameters(self) -> Parameters:
        """The filter as query parameters."""
        return _without_unset(**{"from": self.from_number, "status": self.statuses})


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptOutFilter:
    """Which opt-outs are read.

    Example::

        OptOutFilter(from_number="+16505550100", status="all")

    :param from_number: only opt-outs from this sender, `*` for any; `None` (default) for all.
    :param to_number: only opt-outs of this recipient; `None` (default) for all.
    :param status: `optout` (default), `optin` for recipients who opted in again, or `all`.
    :raises InvalidRequest: the service would refuse a value.
    """

    from_number: str | None = None
    to_number: str | None = None
    status: OptOutStatus = "optout"

    def __post_init__(self) -> None:
        check_phone_number("from_number", self.from_number)
        check_phone_number("to_number", self.to_number)
        check_choice("status", self.status, get_args(OptOutStatus))

    def as_parameters(self) -> Parameters:
        """The filter as query parameters."""
        return _without_unset(**{"from": self.from_number, "to": self.to_number, "status": self.status})


def _none_as_empty(values: object, name: str) -> None:
    if getattr(values, name) is None:
        object.__setattr__(values, name, ())


def _without_unset(**parameters: str | Sequence[str] | None) -> Parameters:
    return {name: value for name, value in parameters.items() if value}


def check_id(name: str, value: object) -> None:
    """Refuse a value that a template renders when its source is missing, and one that cannot be part of a path."""
    if isinstance(value, int):
        raise InvalidRequest(f"{name} is the number {value!r}: ids are strings, so put it in quotes.")
    if not isinstance(value, str) or value.strip() in ("", "None", ".", ".."):
        raise InvalidRequest(
            f"{name} is {value!r}, which is not an id. A template that rendered to nothing looks like this: check the "
            "task or variable that the value comes from."
        )


def check_batch_id(batch_id: object) -> None:
    """Refuse what `check_id` refuses, a list, and the text of a list or mapping that another task returned."""
    if isinstance(batch_id, Sequence) and not isinstance(batch_id, str) and batch_id:
        raise InvalidRequest("batch_id is a list and must be one batch: map over it with .expand(batch_id=...).")
    check_id("batch_id", batch_id)
    if str(batch_id).lstrip().startswith(("{", "[")):
        raise InvalidRequest(
            "batch_id is the text of a list or mapping, as a template renders it: pass the other task's output itself "
            "(.output), or map over it with .expand."
        )


def check_phone_numbers(phone_numbers: object) -> None:
    if isinstance(phone_numbers, str) or not isinstance(phone_numbers, Sequence):
        raise InvalidRequest("phone_numbers must be a list of strings, even for one number.")
    if not all(isinstance(number, str) and _PHONE_NUMBER.fullmatch(number) for number in phone_numbers):
        raise InvalidRequest(
            "phone_numbers contains a value that is not a phone number such as +16505550100. A template that rendered "
            "to nothing, or to the text of a list, looks like this."
        )
    if len(phone_numbers) > MAX_PHONE_NUMBERS:
        raise InvalidRequest(
            f"phone_numbers contains {len(phone_numbers)} numbers; the service accepts at most {MAX_PHONE_NUMBERS}."
        )


def check_phone_number(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or value.strip() in ("", "None")):
        raise InvalidRequest(
            f"{name} is not a phone number such as +16505550100. A template that rendered to nothing looks like this."
        )


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    if value not in choices:
        raise InvalidRequest(f"{name} is {value!r}; it must be one of {', '.join(map(repr, choices))}.")


def check_concurrency(concurrency: object) -> None:
    if not isinstance(concurrency, int) or not 1 <= concurrency <= MAX_CONCURRENCY:
        raise InvalidRequest(f"concurrency is {concurrency!r}; it must be an integer from 1 to {MAX_CONCURRENCY}.")


def check_per_page(per_page: object) -> None:
    if not isinstance(per_page, int) or not 1 <= per_page <= MAX_PER_PAGE:
        raise InvalidRequest(f"per_page is {per_page!r}; it must be an integer from 1 to {MAX_PER_PAGE}.")
