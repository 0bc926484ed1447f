"""Gets the largest groups of messages from a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, get_args

import sqlalchemy as sa

from airflow_provider_hvsms.api.outcomes import Outcome, outcome_of
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.reports.numbers import Outcomes
from airflow_provider_hvsms.reports.total import INBOUND, as_tally, sum_of
from airflow_provider_hvsms.sinks.table_reader import TableReader

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_RECEIVED = "received"
"""Stands for the outcome of an inbound message."""


class GroupQuery:
    """Groups the messages of a window. The database sorts the groups and returns the first ones.

    :param kinds: the statuses and error codes of the outbound messages in the window.
    """

    def __init__(self, reader: TableReader, window: Window, kinds: Collection[tuple[str | None, str | None]]) -> None:
        self._reader = reader
        self._window = window
        self._unknown_codes = sorted({code for _, code in kinds if code and outcome_of("Delivered", code) == "unknown"})
        self._statuses = sorted({status for status, _ in kinds if status and outcome_of(status, None) != "unknown"})

    def largest_senders(self, limit: int) -> list[tuple[str | None, Outcomes, int]]:
        """The numbers with the most outbound messages, and what each of them sent and received."""
        messages, sent = self._messages_of_senders()
        received = sum_of(sa.case((messages.c.outcome == _RECEIVED, 1), else_=0))
        statement = (
            sa.select(messages.c.group_name, *_outcome_sums(messages), received, sent.label("sent_count"))
            .group_by(messages.c.group_name)
            .having(sent > 0)
            .order_by(sa.desc("sent_count"), messages.c.group_name)
            .limit(limit)
        )
        return [(name, _outcomes(sums), int(received)) for name, *sums, received, _ in self._reader.rows(statement)]

    def count_senders(self) -> int:
        """How many numbers sent messages; messages without a number count as one."""
        messages, sent = self._messages_of_senders()
        senders = sa.select(messages.c.group_name).group_by(messages.c.group_name).having(sent > 0).subquery("senders")
        [[count]] = self._reader.rows(sa.select(sa.func.count()).select_from(senders))
        return int(count)

    def worst_batches(self, limit: int) -> list[tuple[str, Outcomes]]:
        """The batches with the most failed messages."""
        column = self._reader.column("batch_id")
        messages = self._messages(column, column.is_not(None), self._is_outbound())
        failed = sum_of(sa.case((messages.c.outcome == "failed", 1), else_=0))
        statement = (
            sa.select(messages.c.group_name, *_outcome_sums(messages), failed.label("failed_count"))
            .group_by(messages.c.group_name)
            .order_by(sa.desc("failed_count"), messages.c.group_name)
            .limit(limit)
        )
        return [(str(name), _outcomes(sums)) for name, *sums, _ in self._reader.rows(statement)]

    def _messages_of_senders(self) -> tuple[Any, sa.ColumnElement[Any]]:
        """All messages by the account's own number, and how many of a group are outbound."""
        from_number, to_number = self._reader.column("from_number"), self._reader.column("to_number")
        messages = self._messages(sa.case((self._is_outbound(), from_number), else_=to_number))
        return messages, sum_of(sa.case((messages.c.outcome == _RECEIVED, 0), else_=1))

    def _messages(self, group: sa.ColumnElement[Any], *conditions: sa.ColumnElement[bool]) -> Any:
        reader, created = self._reader, self._reader.column("creation_time")
        return (
            sa.select(
                group.label("group_name"),
                self._outcome().label("outcome"),
                reader.column("cost").label("cost"),
                reader.column("segment_count").label("segments"),
            )
            .select_from(reader.source)
            .where(
                created >= reader.timestamp(self._window.start),
                created < reader.timestamp(self._window.end),
                *conditions,
            )
            .subquery("messages")
        )

    def _is_outbound(self) -> sa.ColumnElement[bool]:
        direction = self._reader.column("direction")
        return sa.or_(direction != INBOUND, direction.is_(None))

    def _outcome(self) -> sa.ColumnElement[Any]:
        """`outcome_of` in SQL, for the statuses and codes that there are."""
        status, code = self._reader.column("message_status"), self._reader.column("error_code")
        return sa.case(
            (self._reader.column("direction") == INBOUND, _RECEIVED),
            *([(code.in_(self._unknown_codes), "unknown")] if self._unknown_codes else []),
            *((status == one, outcome_of(one, None)) for one in self._statuses),
            else_="unknown",
        )


def _outcome_sums(messages: Any) -> Iterable[sa.ColumnElement[Any]]:
    for outcome in OUTCOMES:
        is_so = messages.c.outcome == outcome
        yield sum_of(sa.case((is_so, 1), else_=0))
        yield sum_of(sa.case((is_so, messages.c.cost)))
        yield sum_of(sa.case((is_so, messages.c.segments)))


def _outcomes(sums: Sequence[Any]) -> Outcomes:
    return Outcomes(**{outcome: as_tally(*sums[3 * place : 3 * place + 3]) for place, outcome in enumerate(OUTCOMES)})
