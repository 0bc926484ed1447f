"""Which recipients are opted out and which in again: checked, each number once, in parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.campaigns.recipient_number import explain_invalid, normalize_number
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow

State = Literal["OptOut", "OptIn"]

STATUS_COLUMN = "status"
"""The column that says what becomes of a row's number."""

_STATES: dict[str, State] = {"optout": "OptOut", "optin": "OptIn"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptOutPart:
    """The numbers of one request.

    :param number: its place, from 1.
    """

    number: int
    opt_outs: tuple[str, ...] = dataclasses.field(repr=False)
    opt_ins: tuple[str, ...] = dataclasses.field(repr=False)

    def __len__(self) -> int:
        return len(self.opt_outs) + len(self.opt_ins)


@dataclasses.dataclass(frozen=True)
class InvalidNumber:
    """What stands where a number should be, and what should have become of it."""

    value: object = dataclasses.field(repr=False)
    state: State

    @property
    def reason(self) -> str:
        return explain_invalid(self.value)


class OptOutChanges:
    """The numbers of a task, sorted, so that each try has the same parts.

    Example::

        changes = OptOutChanges()
        changes.add([RecipientRow("Number", 1, "+14155550100")], "OptOut")
        parts = list(changes.parts(1_000))
    """

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self.invalid: list[InvalidNumber] = []
        self.repeated = 0
        """Rows whose number was there before."""
        self._contradicted: set[str] = set()

    def add(self, rows: Iterable[RecipientRow], state: State | None = None) -> None:
        """Add the numbers of some rows.

        :param state: of all of them; by default each row's own, or else `OptOut`.
        :raises InvalidRequest: the state of a row is neither.
        """
        for row in rows:
            self._add(row, state or _state_of(row))

    def check(self) -> None:
        """Refuse numbers that are to be opted out and in.

        :raises InvalidRequest: there are some.
        """
        if self._contradicted:
            raise InvalidRequest(
                f"{len(self._contradicted):,} numbers are to be opted out and opted in. Nothing was changed. Decide "
                "which one holds."
            )

    def __len__(self) -> int:
        return len(self._states)

    def parts(self, size: int) -> Iterator[OptOutPart]:
        """The numbers in parts.

        :param size: the most numbers of a part, opt-outs and opt-ins together.
        """
        numbers = sorted(self._states)
        for number, start in enumerate(range(0, len(numbers), size), start=1):
            some = numbers[start : start + size]
            opt_outs, opt_ins = (
                tuple(one for one in some if self._states[one] == state) for state in ("OptOut", "OptIn")
            )
            yield OptOutPart(number=number, opt_outs=opt_outs, opt_ins=opt_ins)

    def _add(self, row: RecipientRow, state: State) -> None:
        number = normalize_number(row.to)
        if number is None:
            self.invalid.append(InvalidNumber(row.to, state))
        elif number not in self._states:
            self._states[number] = state
        elif self._states[number] == state:
            self.repeated += 1
        else:
            self._contradicted.add(number)


def _state_of(row: RecipientRow) -> State:
    value = row.columns.get(STATUS_COLUMN)
    if value is None:
        return "OptOut"
    state = _STATES.get(value.strip().lower()) if isinstance(value, str) else None
    if state is None:
        raise InvalidRequest(
            f"{row.source} {row.place:,} has something else than OptOut or OptIn in column {STATUS_COLUMN!r}. Nothing "
            "was changed. Correct it where it comes from, or leave the row out."
        )
    return state
