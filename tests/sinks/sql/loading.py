"""Helpers of the tests of loads into tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_hvsms.api.errors import LoadRefused
from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes, Layout, Row
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.support.messages import LOADED_AT, NOON, message

SECOND_LOAD = LOADED_AT + timedelta(days=1)


def rows(*messages: Message, loaded_at: datetime = LOADED_AT) -> list[Row]:
    return MESSAGES.rows(messages, loaded_at)


@dataclasses.dataclass(frozen=True)
class Table:
    """Loads batches of rows, as a transfer does."""

    hook: DbApiHook
    name: str = "messages"
    layout: Layout[Any] = MESSAGES

    def load(self, batches: Iterable[list[Row]]) -> Changes:
        with open_table(self.hook, self.name, self.layout) as sink:
            for some in batches:
                sink.add(some, [])
            return sink.finish({})


def table(name: str = "messages") -> Table:
    hook = BaseHook.get_hook("warehouse")
    assert isinstance(hook, DbApiHook)
    return Table(hook, name)


def unreadable() -> Iterator[list[Row]]:
    """Batches for a load that must fail before it reads any."""
    raise AssertionError("nothing may be read")
    yield []


def interrupted() -> Iterator[list[Row]]:
    """A batch, then an error."""
    yield rows(message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3)), message(9))
    raise RuntimeError("the connection was lost")


def load_is_refused(*messages: Message) -> None:
    """Check that a load of the messages fails, and that its error shows none of their values."""
    with pytest.raises(LoadRefused, match="The table was not changed") as failure:
        table().load([rows(*messages)])
    shown = f"{failure.value} {failure.value.__cause__}"
    assert "650" not in shown
    assert "secret" not in shown
    assert failure.value.__suppress_context__
