"""The announced batches of an asset's watcher, kept in Airflow's state store of the asset (Airflow 3.3 and later)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.triggers.announced_batches import AnnouncedBatches

_KEY = "hvsms_announced_batches"


class AssetState:
    """Reads and writes the announced batches of a watcher in the state of each asset that it watches.

    :param accessor: the trigger's `asset_state_store`; `None` (before Airflow 3.3): nothing is kept.
    """

    def __init__(self, accessor: Any, *, hvsms_conn_id: str, from_number: str | None) -> None:
        self._stores = _stores_of_assets(accessor)
        self._key = _key_of(hvsms_conn_id, from_number)

    async def read(self) -> AnnouncedBatches | None:
        """The announced batches; `None` if nothing was written yet."""
        saved = [await store.aget(self._key) for store in self._stores]
        # An asset whose watcher was off for a while has an older state than the others.
        return max(map(AnnouncedBatches.from_json, filter(None, saved)), key=lambda one: one.watermark, default=None)

    async def write(self, announced: AnnouncedBatches) -> None:
        for store in self._stores:
            await store.aset(self._key, announced.to_json())


def _stores_of_assets(accessor: Any) -> Collection[Any]:
    """One store for each asset.

    Assets whose watchers have equal arguments share one trigger. Airflow does not name them to the trigger, so they
    are taken from a private attribute of the accessor.
    """
    if accessor is None:
        return ()
    return list(getattr(accessor, "_by_name", {}).values()) or [accessor]


def _key_of(hvsms_conn_id: str, from_number: str | None) -> str:
    """A key for each connection and number, as an asset may have a watcher for each."""
    watched = (hvsms_conn_id, from_number)
    if watched == (HvsmsHook.default_conn_name, None):
        return _KEY
    # A hash this short does not reveal the number.
    return f"{_KEY}_{hashlib.sha256(repr(watched).encode()).hexdigest()[:4]}"
