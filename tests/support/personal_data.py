"""Rows of messages as each setting of `personal_data` writes them, made by hand."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from typing import get_args

from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.sinks.schema import MESSAGES, Layout, Row
from tests.support.messages import LOADED_AT

SETTINGS: tuple[PersonalData, ...] = get_args(PersonalData)
CHANGES = list(itertools.permutations(SETTINGS, 2))
"""What a target holds, and the other setting of a later load."""

_NUMBERS = tuple(MESSAGES.names.index(name) for name in ("from_number", "to_number"))


def layout_of(setting: PersonalData) -> Layout[Message]:
    return dataclasses.replace(MESSAGES, personal_data=setting)


def rows_of(setting: PersonalData, *messages: Message) -> list[Row]:
    return [_protected(row, setting) for row in MESSAGES.rows(messages, LOADED_AT)]


def _protected(row: Row, setting: PersonalData) -> Row:
    values = list(row)
    for position in _NUMBERS:
        if setting != "keep":
            numbers = values[position].split(",") if setting == "hash" and values[position] else []
            values[position] = ",".join(hashlib.sha256(number.encode()).hexdigest() for number in numbers) or None
    return tuple(values)
