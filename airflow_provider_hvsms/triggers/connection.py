"""A connection's settings, looked up in the event loop of a triggerer.

Airflow 3.0 to 3.2.1 answers look-ups through the event loop's own stream: a thread that the loop does not know must
not ask. So triggers look up first, and hand their threads what they got.
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
"""Look-ups under way, by event loop and connection: a thousand triggers that start at once ask once."""


async def find_settings(hvsms_conn_id: str) -> ClientSettings:
    """The settings that the connection says now. Waits while Airflow does not find it.

    :raises InvalidSettings: the connection lacks a field, or holds one that cannot be used.
    """
    pause = _MIN_PAUSE
    while True:
        try:
            return await _look_up(hvsms_conn_id)
        except ConnectionUnavailable as error:
            log.warning("%s Trying again in %.0f s.", error, pause)
            await asyncio.sleep(pause)
            pause = min(_MAX_PAUSE, 2 * pause)


async def _look_up(hvsms_conn_id: str) -> ClientSettings:
    key = (id(asyncio.get_running_loop()), hvsms_conn_id)
    if key not in _lookups:
        hook = HvsmsHook(hvsms_conn_id)
        _lookups[key] = asyncio.ensure_future(sync_to_async(hook.client_settings)())
        _lookups[key].add_done_callback(lambda _: _lookups.pop(key, None))
    # One trigger that is cancelled must not cancel the look-up of the others.
    return await asyncio.shield(_lookups[key])
