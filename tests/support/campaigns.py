"""Parts and plans of campaigns, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_hvsms.api.sending import OutgoingMessage
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.part import Part

SENDER = "+16505550100"
RUN = RunKey(dag_id="campaign", run_id="manual__1", task_id="send")


def message(number: int, text: str = "Hello") -> OutgoingMessage:
    return OutgoingMessage(f"+1415555{number:04d}", text)


def part(number: int = 1, *, recipients: Sequence[int] = (1, 2, 3, 4), opted_out: Sequence[int] = ()) -> Part:
    """A part whose fingerprint depends on its recipients, opted out or not."""
    planned = sorted({*recipients, *opted_out})
    return Part(
        number=number,
        fingerprint=f"fingerprint-{planned}",
        messages=tuple(message(one) for one in recipients),
        opted_out=tuple(message(one) for one in opted_out),
    )


class ListPlan:
    """A plan of parts in memory."""

    def __init__(self, *parts: Part) -> None:
        self.parts = parts

    def fingerprints(self) -> dict[int, str]:
        return {one.number: one.fingerprint for one in self.parts}

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)


def intended(of: Part, at: float, **values: Any) -> LedgerEntry:
    """The entry of a part whose request was about to leave at a time, in seconds since 1970."""
    moment = datetime.fromtimestamp(at, UTC)
    fields: dict[str, Any] = {
        "run": RUN, "part": of.number, "fingerprint": of.fingerprint, "size": len(of.messages),
        "state": EntryState.INTENDED, "first_intended_at": moment, "intended_at": moment, **values,
    }  # fmt: skip
    return LedgerEntry(**fields)
