"""The table of opt-outs."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from airflow_provider_hvsms.sandbox.data.filters import OptOutFilters
from airflow_provider_hvsms.sandbox.data.keys import Key
from airflow_provider_hvsms.sandbox.data.phone_numbers import CUSTOMER_NUMBERS, OWN_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import OptOut

_SOURCES = ("Recipient", "Recipient", "Recipient", "Account", "Upstream", "Carrier")
"""Repeated by how frequent they are."""


class OptOutTable:
    """All opt-outs, oldest first. Any thread may read; the caller of ``put`` holds a lock."""

    def __init__(self, opt_outs: Sequence[OptOut]) -> None:
        # Replaced as a whole and never changed in place: a reader keeps the tuple that it took.
        self._opt_outs = tuple(opt_outs)

    def put(self, opt_outs: Sequence[OptOut]) -> None:
        """Add opt-outs at the end, in place of older ones of the same two numbers."""
        new = {(one.from_number, one.to_number): one for one in opt_outs}
        kept = (other for other in self._opt_outs if (other.from_number, other.to_number) not in new)
        self._opt_outs = (*kept, *new.values())

    def opted_out_from(self, from_number: str) -> frozenset[str]:
        """Return the recipients that opted out from a sender."""
        return frozenset(
            one.to_number for one in self._opt_outs if one.from_number == from_number and one.status == "OptOut"
        )

    def all(self) -> list[OptOut]:
        """Return all opt-outs, oldest first."""
        return list(self._opt_outs)

    def matching(self, filters: OptOutFilters) -> dict[Key, OptOut]:
        """Return the opt-outs that pass the filters, oldest first."""
        return {opt_out.key: opt_out for opt_out in self._opt_outs if filters.match(opt_out)}


def generate_opt_outs(count: int, seed: int) -> list[OptOut]:
    """Return ``count`` opt-outs, each of another pair of numbers."""
    random = Random(f"opt-outs {seed}")  # noqa: S311 - repeatable on purpose
    pairs = range(len(OWN_NUMBERS) * len(CUSTOMER_NUMBERS))
    return [
        OptOut(
            number,
            OWN_NUMBERS[pair % len(OWN_NUMBERS)],
            CUSTOMER_NUMBERS[pair // len(OWN_NUMBERS)],
            "OptIn" if random.random() < 0.2 else "OptOut",
            random.choice(_SOURCES),
        )
        for number, pair in enumerate(random.sample(pairs, min(count, len(pairs))))
    ]
