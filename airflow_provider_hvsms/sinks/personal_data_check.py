"""Refuses to load rows into a target that holds those of another `personal_data`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.personal_data import PersonalData

SAMPLE_ROWS = 100
"""Rows of a target that are looked at, whatever its size."""

Numbers = Sequence[Any]
"""The values of a row in the columns that hold phone numbers."""


class Sample(Protocol):
    """Reads the numbers of some rows of a target.

    :param with_numbers: only of rows in which one of the columns is not null. Finding one may read the whole target,
        so it is asked for only before a load is refused.
    """

    def __call__(self, *, with_numbers: bool) -> Sequence[Numbers]: ...


def check_personal_data(target: str, setting: PersonalData, sample: Sample) -> None:
    """Check that a target holds no rows of another setting than the ones to be loaded.

    :param target: what the message begins with, such as `Table 'messages'`.
    :param setting: that of the rows to be loaded.
    :raises TableMismatch: it does.
    """
    found = held_in(sample(with_numbers=False))
    if found == "drop" and setting != "drop" and (rows := sample(with_numbers=True)):
        # The rows of the first sample are older than their columns, or numbers are missing in them.
        found = held_in(rows)
    refuse_other(target, setting, found)


def refuse_other(target: str, setting: PersonalData, found: PersonalData | None) -> None:
    """Refuse a target if the setting of its rows is known and another one.

    :raises TableMismatch: it is.
    """
    if found not in (None, setting):
        raise TableMismatch(
            f"{target} holds {_CONTENTS[found]}, as with personal_data={found!r}, but personal_data is {setting!r}. "
            f"Nothing was written. Load into another place, or with personal_data={found!r}. To convert what is there, "
            "remove all of it, rejects included, and load all windows again."
        )


def held_in(rows: Iterable[Numbers]) -> PersonalData | None:
    """The setting with which rows were loaded; `None` if there are none, or if they do not show it."""
    values = [value for row in rows for value in row]
    numbers = [str(value) for value in values if value not in (None, "")]
    if numbers:
        return "hash" if all(map(_HASHES.fullmatch, numbers)) else "keep"
    return "drop" if values and all(value is None for value in values) else None


_CONTENTS = {"keep": "phone numbers as they are", "hash": "hashes of phone numbers", "drop": "no phone numbers"}

_HASHES = re.compile("[0-9a-f]{64}(,[0-9a-f]{64})*")
"""HMAC-SHA256 in hexadecimal; one for each recipient."""
