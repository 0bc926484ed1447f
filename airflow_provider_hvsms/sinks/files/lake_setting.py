"""The `personal_data` of a lake, as the `_SUCCESS` files of its folders note it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.publication import SUCCESS
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.sinks.personal_data_check import refuse_other
from airflow_provider_hvsms.sinks.schema import Layout

_MAX_READS = 10
"""Small files that are read. The first one is enough, unless its folder has no rows or was not completed."""


def check_lake(folder: Folder, existing: Iterable[str], replaced: Collection[str], layout: Layout[Any]) -> None:
    """Check that the folders which a load does not replace hold no rows of another `personal_data`.

    :param existing: the names of all folders by time.
    :param replaced: the names of those that the load replaces.
    :raises TableMismatch: they do.
    """
    if not layout.number_columns:
        return
    kept = sorted((name for name in existing if name not in replaced), reverse=True)
    for name in itertools.islice(kept, _MAX_READS):
        if setting := _noted(folder.subfolder(name).read(SUCCESS)):
            refuse_other(f"The lake {folder.display_name}, in {name},", layout.personal_data, setting)
            return


class _Summary(msgspec.Struct):
    """As much of a load's summary as matters here; one of an earlier version notes no setting."""

    rows: int | None = None
    personal_data: PersonalData = "keep"


def _noted(success: bytes) -> PersonalData | None:
    """The setting of a folder's rows; `None` if it has none, or its summary is not one of a load."""
    try:
        summary = msgspec.json.decode(success, type=_Summary)
    except msgspec.MsgspecError:
        return None
    return None if summary.rows == 0 else summary.personal_data
