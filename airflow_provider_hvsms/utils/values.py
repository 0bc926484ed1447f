"""Values of arguments: which are known when the DAG is parsed, and what users may write for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.errors import InvalidRequest


def is_known(value: object) -> bool:
    """Whether an argument has its value when the DAG is parsed: neither a template nor another task's result."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, list | tuple):
        return all(is_known(item) for item in value)
    return value is None or isinstance(value, int | float | Decimal | datetime | timedelta)


def as_list(value: Any) -> Any:
    """A list given as text, as a template renders it, split on commas; anything else unchanged."""
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


def as_boolean(name: str, value: object) -> bool:
    """A boolean, or its text as a template renders it.

    :raises InvalidRequest: it is neither.
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise InvalidRequest(
            f"{name} is {value!r}; it must be True or False. A template that rendered to nothing looks like this."
        )
    return text == "true"
