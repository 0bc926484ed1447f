"""An operator's arguments, before they are rendered and after."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, mask_secret

from airflow_provider_hvsms.api.errors import InvalidRequest

# Airflow refuses to mask what is shorter, and says so in the log each time.
_MIN_MASKED = 5


class NotGiven(enum.Enum):
    """The default of an argument for which `None` must be a mistake: a template or task that came to nothing."""

    NOT_GIVEN = enum.auto()


NOT_GIVEN = NotGiven.NOT_GIVEN


class PersonalArgument:
    """An argument that holds phone numbers: masked in logs and rendered templates from the moment they are known."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance, self._attribute)

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance, self._attribute, value)
        numbers = as_list(value) if is_known(value) else ()
        for number in numbers if isinstance(numbers, list | tuple) else ():
            if isinstance(number, str) and len(number) >= _MIN_MASKED:
                mask_secret(number)


@contextmanager
def check_when_parsed(operator: BaseOperator) -> Iterator[None]:
    """Check arguments in the constructor, so that a mistake shows when the DAG is parsed.

    A mapped task is constructed in its worker, where what fails is tried again: `execute`, which checks everything
    once more, then fails for good.
    """
    try:
        yield
    except InvalidRequest:
        if not getattr(operator, "_BaseOperator__from_mapped", False):
            raise


def is_known(value: object) -> bool:
    """Whether an argument has its value when the DAG is parsed: neither a template nor another task's result."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, list | tuple):
        return all(is_known(item) for item in value)
    return value is None or isinstance(value, int | float | datetime | timedelta)


def as_list(value: Any) -> Any:
    """A list given as text, as a template renders it, parted at its commas; anything else unchanged."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def as_batch_id(value: Any) -> Any:
    """The id of a batch given by its summary, as `HvsmsListBatchesOperator` returns it; anything else unchanged."""
    return value.get("id") if isinstance(value, Mapping) else value


def as_batch_ids(value: Any) -> Any:
    """A list of batches, each given by its id or its summary, or as text; of one batch, a list of that."""
    if isinstance(value, Mapping):
        return [as_batch_id(value)]
    several = as_list(value)
    return [as_batch_id(one) for one in several] if isinstance(several, Sequence) else several
