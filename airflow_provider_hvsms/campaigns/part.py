"""A part of a campaign: what one batch sends."""

from __future__ import annotations

import dataclasses

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
