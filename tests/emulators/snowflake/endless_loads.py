"""Loads the same rows again and again, each time in a newer state, until it is killed."""

from __future__ import annotations

import itertools
import json
import os
from datetime import timedelta

import snowflake.connector

from airflow_provider_hvsms.api.records import Reject
from airflow_provider_hvsms.sinks.schema import REJECTS
from tests.emulators.snowflake.connecting import connect_to
from tests.emulators.warehouses.loading import load, many
from tests.support.messages import LOADED_AT, NOON

ROWS = 300


def load_endlessly(first: int) -> None:
    """Load the states `first`, `first + 1`, …, each with a reject of its own, into the emulator of the environment."""
    snowflake.connector.connect = connect_to(json.loads(os.environ["HVSMS_TEST_SNOWFLAKE"]))
    for number in itertools.count(first):
        rows = many(ROWS, message_status=str(number), last_modified_time=NOON + timedelta(seconds=number))
        rejects = REJECTS.rows([Reject(f'{{"id": {number}}}'.encode(), str(number))], LOADED_AT)
        load([rows[:200], rows[200:]], rejects=rejects)
