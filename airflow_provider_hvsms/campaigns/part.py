"""A part of a campaign: what one batch sends; and the plan, which has the parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Protocol

from airflow_provider_hvsms.api.sending import OutgoingMessage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """The recipients that one batch is sent to.

    :param number: its place in the campaign, from 1.
    :param fingerprint: of sender, planned recipients and texts; the same in each try of the same campaign.
    :param messages: what is sent, sorted by recipient, each with its whole text; empty if all planned recipients have
        opted out.
    :param opted_out: what is not sent because its recipient has opted out; a try before this one may have sent it.
    """

    number: int
    fingerprint: str
    messages: tuple[OutgoingMessage, ...] = dataclasses.field(repr=False)
    opted_out: tuple[OutgoingMessage, ...] = dataclasses.field(default=(), repr=False)


class Plan(Protocol):
    """The parts of a campaign, the same in each pass but for opt-outs."""

    def fingerprints(self) -> Mapping[int, str]:
        """The fingerprint of each part by its number."""

    def __iter__(self) -> Iterator[Part]:
        """The parts in their order, one in memory at a time."""
