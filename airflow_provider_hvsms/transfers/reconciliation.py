"""Compares what a load has read with the totals of the message store."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Literal, get_args

import msgspec

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import HvsmsError, TotalsDiffer
from airflow_provider_hvsms.api.filters import Direction, StatusFilter
from airflow_provider_hvsms.api.records import Message, Page, Reject, StatusTotals
from airflow_provider_hvsms.api.window import Window

Reconcile = Literal["warn", "fail", "off"]
"""What happens if the totals differ: the log warns, or the load fails; or they are not read at all."""

_SETTLING = timedelta(hours=1)
"""A window that ended less than this before the read may still get messages that are listed late."""

_Kind = tuple[str | None, str | None]
"""The direction and the status of a message."""

_kind_of: Callable[[Message], _Kind] = attrgetter("direction", "message_status")


@dataclasses.dataclass(frozen=True)
class Totals:
    """How many messages of a window there are.

    :param read: those that were listed, with those that could not be decoded.
    :param counted: the message store's total of all statuses.
    """

    read: int
    counted: int


class Reconciliation:
    """Counts the messages that are read, and compares them with the message store's totals at the end.

    Only totals are compared: a status may change between the read and the count.

    :param window: the window that is read.
    :param wanted: the filter with which it is read.
    :param on_difference: `warn` logs a warning, `fail` raises `TotalsDiffer`.
    """

    def __init__(
        self, client: MessageStoreClient, window: Window, wanted: StatusFilter, *, on_difference: Reconcile
    ) -> None:
        self._client = client
        self._window = window
        self._wanted = wanted
        self._on_difference = on_difference
        self._kinds: Counter[_Kind] = Counter()

    def over(self, pages: Iterator[Page[Message]]) -> Iterator[Page[Message]]:
        """The pages, counted as they are taken."""
        for page in pages:
            self._kinds.update(map(_kind_of, page.records))
            self._kinds.update(map(_kind_of_reject, page.rejects))
            yield page

    def compare(self, log: Any) -> Totals | None:
        """Compare the totals, with one request; two more tell the directions if the totals differ.

        :param log: the task's logger.
        :return: `None` if the message store could not count, and the load goes on all the same.
        :raises TotalsDiffer: the totals differ, with `fail`.
        :raises HvsmsError: the message store could not count, with `fail`.
        """
        try:
            answer = self._client.get_statuses(self._window, self._wanted)
        except HvsmsError as error:
            if self._on_difference == "fail":
                raise
            log.warning("Whether all messages were read could not be checked. They are loaded all the same. %s", error)
            return None
        totals = Totals(self._kinds.total(), answer.total)
        if not totals.read - self._count_of_unlisted(answer) <= totals.counted <= totals.read:
            self._report(totals, log)
        return totals

    def _count_of_unlisted(self, answer: StatusTotals) -> int:
        """How many messages were read in a status that the answer has no total for, as an undocumented one."""
        listed = answer.by_status()
        return sum(count for (_, status), count in self._kinds.items() if status not in listed)

    def _report(self, totals: Totals, log: Any) -> None:
        found = (
            f"{totals.read:,} messages created in {self._window} were read, and the message store counts "
            f"{totals.counted:,}{self._by_direction()}. {self._advice(totals)}"
        )
        if self._on_difference == "fail":
            raise TotalsDiffer(f"{found} The target is as it was.")
        log.warning("%s What was read is loaded.", found)

    def _by_direction(self) -> str:
        if self._wanted.direction:
            return f" ({self._wanted.direction} only)"
        parts = []
        for direction in get_args(Direction):
            wanted = dataclasses.replace(self._wanted, direction=direction)
            try:
                counted = self._client.get_statuses(self._window, wanted).total
            except HvsmsError:
                return ""
            read = sum(count for (one, _), count in self._kinds.items() if one == direction)
            parts.append(f"{direction}: {read:,} read, {counted:,} counted")
        return f" ({'; '.join(parts)})"

    def _advice(self, totals: Totals) -> str:
        if datetime.now(UTC) - self._window.end < _SETTLING:
            return "The window has only just ended, so messages may be listed late: run it again in an hour."
        cause = (
            "Some were not listed, perhaps because pages shifted while they were read"
            if totals.read < totals.counted
            else "Some were deleted since, or listed twice because pages shifted while they were read"
        )
        return f"{cause}: run it again. If the numbers still differ, compare them a day later."


class _RejectKind(msgspec.Struct, rename="camel"):
    direction: Any = None
    message_status: Any = None


_decode_kind = msgspec.json.Decoder(_RejectKind).decode


def _kind_of_reject(reject: Reject) -> _Kind:
    try:
        kind = _decode_kind(reject.record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, None
    return _as_text(kind.direction), _as_text(kind.message_status)


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None
