"""The limits that the statuses of messages are checked against."""

from __future__ import annotations

import dataclasses
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.utils.values import is_known


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What messages must keep to. `None`: no limit.

    :param max_cost: in dollars.
    """

    max_failed_ratio: Decimal | None
    max_cost: Decimal | None
    min_messages: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class LimitArguments:
    """The arguments that set the limits of a check. Each may be a number, its text, or `None` for no limit.

    :param max_failed_ratio: the highest part of failed messages among those that were delivered or failed, 0 to 1.
        Messages that are pending, and failures whose code means that the outcome is unknown, count as neither.
        Without a message that was delivered or failed, this limit is kept.
    :param max_cost: the highest cost of all messages together, in dollars. It is not kept if the service gives no
        costs.
    :param min_messages: the fewest messages, in any status: it notices a campaign that was not sent.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("max_failed_ratio", "max_cost", "min_messages")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    max_failed_ratio: Any = None
    max_cost: Any = None
    min_messages: Any = None

    def check_known(self) -> None:
        """Refuse what is known to be wrong without a run: to be called when the DAG is parsed.

        :raises InvalidRequest: naming the argument.
        """
        known = {name: getattr(self, name) for name in self.template_fields if is_known(getattr(self, name))}
        _parse(**known)
        if len(known) == len(self.template_fields):
            self.resolve()

    def resolve(self) -> Limits:
        """The limits that the rendered arguments stand for.

        :raises InvalidRequest: naming the argument.
        """
        limits = _parse(self.max_failed_ratio, self.max_cost, self.min_messages)
        if set(dataclasses.astuple(limits)) == {None}:
            raise InvalidRequest(
                "max_failed_ratio, max_cost and min_messages are all None: give at least one limit to check."
            )
        return limits


def _parse(max_failed_ratio: object = None, max_cost: object = None, min_messages: object = None) -> Limits:
    fewest = _at_least_zero("min_messages", min_messages, "a whole number, at least 0", is_whole=True)
    return Limits(
        max_failed_ratio=_ratio("max_failed_ratio", max_failed_ratio),
        max_cost=_at_least_zero("max_cost", max_cost, "a number of dollars, at least 0"),
        min_messages=None if fewest is None else int(fewest),
    )


def _ratio(name: str, value: object) -> Decimal | None:
    wanted = "a number from 0 to 1, such as 0.05 for 5 %"
    number = _at_least_zero(name, value, wanted)
    if number is not None and number > 1:
        raise _refusal(name, value, wanted)
    return number


def _at_least_zero(name: str, value: object, wanted: str, *, is_whole: bool = False) -> Decimal | None:
    if value is None:
        return None
    number = _as_decimal(value)
    if number is None or number < 0 or (is_whole and number != number.to_integral_value()):
        raise _refusal(name, value, wanted)
    return number


def _as_decimal(value: object) -> Decimal | None:
    """The number, in the digits that the user wrote: a float by way of its text. `None` if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _refusal(name: str, value: object, wanted: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} is {value!r}; it must be {wanted}, or None for no limit. A template that rendered to nothing looks "
        "like '' or 'None'."
    )
