"""The settings of a connection, looked up in the event loop of a triggerer.

Airflow 3.0 to 3.2.1 answers such a lookup through the stream of the event loop, so a thread must not make one. A
trigger therefore looks up the settings first, and passes them to its thread.
"""

from __future__ import annotations

import asyncio
import logging

from asgiref.sync import sync_to_async

from airflow_provider_hvsms.api.errors import ConnectionUnavailable
from airflow_provider_hvsms.hooks.client_settings import ClientSettings
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook

log = logging.getLogger(__name__)

_MIN_PAUSE, _MAX_PAUSE = 5.0, 300.0
"""Seconds between two attempts to find a connection."""

_lookups: dict[tuple[int, str], asyncio.Task[ClientSettings]] = {}
"""Lookups under way, by event loop and connection, which triggers that start together share."""


async def find_settings(hvsms_conn_id: str) -> ClientSettings:
    """The current settings of the connection. Repeats the lookup for as long as Airflow does not find the connection.

    :raises InvalidSettings: a field of the connection is missing, or its value cannot be used.
    """
    pause = _MIN_PAUSE
    while True:
        try:
            return await _look_up(hvsms_conn_id)
        except ConnectionUnavailable as error:
            log.warning("%s Retrying in %.0f s.", error, pause)
            await asyncio.sleep(pause)
            pause = min(_MAX_PAUSE, 2 * pause)


async def _look_up(hvsms_conn_id: str) -> ClientSettings:
    key = (id(asyncio.get_running_loop()), hvsms_conn_id)
    if key not in _lookups:
        hook = HvsmsHook(hvsms_conn_id)
        _lookups[key] = asyncio.ensure_future(sync_to_async(hook.client_settings)())
        _lookups[key].add_done_callback(lambda _: _lookups.pop(key, None))
    # A trigger that is cancelled must not cancel the lookup of the others.
    return await asyncio.shield(_lookups[key])
