"""What a delivery report holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from airflow_provider_hvsms.api.error_codes import CodeCount


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tally:
    """Some messages.

    :param cost: in dollars; messages whose cost the service did not give add none.
    :param segments: parts in which the texts were sent.
    """

    count: int = 0
    cost: Decimal = Decimal()
    segments: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            count=self.count + other.count, cost=self.cost + other.cost, segments=self.segments + other.segments
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Outbound messages by what became of them."""

    delivered: Tally = Tally()
    failed: Tally = Tally()
    unknown: Tally = Tally()
    pending: Tally = Tally()

    @property
    def total(self) -> Tally:
        return self.delivered + self.failed + self.unknown + self.pending

    @property
    def delivery_rate(self) -> float | None:
        """Delivered messages as a part of those delivered or failed, 0 to 1; `None` if there are none."""
        decided = self.delivered.count + self.failed.count
        return self.delivered.count / decided if decided else None

    @property
    def cost_per_delivered(self) -> Decimal | None:
        """The cost of all messages for each one that was delivered; `None` if none was."""
        return self.total.cost / self.delivered.count if self.delivered.count else None

    @property
    def segments_per_message(self) -> float | None:
        """`None` if there are no messages."""
        return self.total.segments / self.total.count if self.total.count else None

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(
            delivered=self.delivered + other.delivered,
            failed=self.failed + other.failed,
            unknown=self.unknown + other.unknown,
            pending=self.pending + other.pending,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Day:
    """One day in UTC.

    :param inbound: messages that were received.
    """

    day: date
    outbound: Outcomes
    inbound: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """The outbound messages of one sender or batch.

    :param name: the batch's id, or the sender's number with most of its digits masked.
    :param inbound: messages that a sender received; 0 for a batch.
    """

    name: str
    outbound: Outcomes
    inbound: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportNumbers:
    """The numbers of one report.

    :param table: where they were read.
    :param start: of the window, in UTC; likewise `end`, which is exclusive.
    :param days: every day of the window, in order; empty if the report is not grouped by day.
    :param senders: the largest ones, by messages; empty if the report is not grouped by sender.
    :param batches: those with the most failed messages; empty if the report is not grouped by batch.
    :param codes: the most frequent first.
    :param other_senders: how many senders are not in `senders`.
    """

    table: str
    start: datetime
    end: datetime
    created_at: datetime
    outbound: Outcomes
    inbound: int
    days: tuple[Day, ...] = ()
    senders: tuple[Group, ...] = ()
    batches: tuple[Group, ...] = ()
    codes: tuple[CodeCount, ...] = ()
    other_senders: int = 0


def sum_outcomes(some: Iterable[Outcomes]) -> Outcomes:
    """All of them together."""
    return sum(some, start=Outcomes())
