"""Which records are wanted: values checked before anything is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Literal, get_args

from airflow_provider_hvsms.api.errors import InvalidRequest

Direction = Literal["Inbound", "Outbound"]
View = Literal["Simple", "Detailed"]

MOST_PER_PAGE = 1000
"""Records a page: the service's default, and the most that it promises (RingCentral: perPage)."""

MOST_PHONE_NUMBERS = 15
"""Phone numbers in one filter (RingCentral: phoneNumber)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MessageFilter:
    """Which messages of a window, and how much of each.

    :param batch_id: only those of one batch; `None` for all.
    :param phone_numbers: only those from or to one of these, at most 15.
    :param direction: `Inbound` or `Outbound`; `None` for both.
    :param view: `Simple`, or `Detailed` for the texts too.
    :raises InvalidRequest: a value that the service would refuse, or read as something else than was meant.
    """

    batch_id: str | None = None
    phone_numbers: Sequence[str] = ()
    direction: Direction | None = None
    view: View = "Simple"

    def __post_init__(self) -> None:
        if self.batch_id is not None:
            check_id("batch_id", self.batch_id)
        check_phone_numbers(self.phone_numbers)
        check_choice("direction", self.direction, (None, *get_args(Direction)))
        check_choice("view", self.view, get_args(View))

    def as_parameters(self) -> dict[str, str | Sequence[str]]:
        """The filter as the service reads it."""
        parameters = {
            "batchId": self.batch_id,
            "phoneNumber": self.phone_numbers,
            "direction": self.direction,
            "view": self.view,
        }
        return {name: value for name, value in parameters.items() if value}


def check_id(name: str, value: object) -> None:
    """Refuse what a template renders to when its value is missing, and what cannot stand in a path."""
    if not isinstance(value, str) or value.strip() in ("", "None", ".", ".."):
        raise InvalidRequest(
            f"{name} is {value!r}: it must name one. A template that rendered to nothing looks like this; "
            "check the task or variable that it comes from."
        )


def check_phone_numbers(phone_numbers: object) -> None:
    if isinstance(phone_numbers, str) or not isinstance(phone_numbers, Sequence):
        raise InvalidRequest("phone_numbers must be a list of strings, even for one number.")
    if not all(isinstance(number, str) and number.strip() for number in phone_numbers):
        raise InvalidRequest("phone_numbers holds something that is not a phone number, such as +16505550100.")
    if len(phone_numbers) > MOST_PHONE_NUMBERS:
        raise InvalidRequest(
            f"phone_numbers holds {len(phone_numbers)} numbers; the service takes at most {MOST_PHONE_NUMBERS}."
        )


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    if value not in choices:
        raise InvalidRequest(f"{name} is {value!r}; it must be one of {', '.join(map(repr, choices))}.")


def check_per_page(per_page: object) -> None:
    if not isinstance(per_page, int) or not 1 <= per_page <= MOST_PER_PAGE:
        raise InvalidRequest(f"per_page is {per_page!r}; it must be a whole number from 1 to {MOST_PER_PAGE}.")
