"""The numbers of a task that sets opt-outs: each once, in the same parts in each try."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.campaigns.opt_out_changes import OptOutChanges, State
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow

FIRST, SECOND, THIRD = "+14155550101", "+14155550102", "+14155550103"


def changes(*values: Any, state: State | None = None) -> OptOutChanges:
    """Of numbers, or of pairs of a number and a status."""
    found = OptOutChanges()
    pairs = [value if isinstance(value, tuple) else (value, None) for value in values]
    rows = [RecipientRow("Row", place, to, columns={"status": status}) for place, (to, status) in enumerate(pairs, 1)]
    found.add(rows, state)
    return found


def test_parts_hold_both_states_up_to_their_size_sorted_by_number() -> None:
    parts = list(changes((THIRD, "OptOut"), (FIRST, "OptIn"), (SECOND, "OptOut")).parts(2))
    assert [(part.number, part.opt_outs, part.opt_ins) for part in parts] == [
        (1, (SECOND,), (FIRST,)),
        (2, (THIRD,), ()),
    ]


def test_a_number_is_taken_once_however_it_is_written() -> None:
    found = changes(FIRST, "+1 (415) 555-0101", FIRST)
    assert [part.opt_outs for part in found.parts(10)] == [(FIRST,)]
    assert found.repeated == 2


@pytest.mark.parametrize(
    ("status", "part"), [("OptIn", ((), (FIRST,))), (" optout ", ((FIRST,), ())), (None, ((FIRST,), ()))]
)
def test_a_row_says_what_becomes_of_its_number(status: str | None, part: Any) -> None:
    [found] = changes((FIRST, status)).parts(10)
    assert (found.opt_outs, found.opt_ins) == part


def test_the_status_of_a_list_is_that_of_all_its_numbers() -> None:
    [part] = changes((FIRST, None), (SECOND, "nonsense"), state="OptIn").parts(10)
    assert part.opt_ins == (FIRST, SECOND)


@pytest.mark.parametrize("status", [FIRST, "", "Out", 1])
def test_another_status_is_refused_without_showing_it(status: object) -> None:
    with pytest.raises(InvalidRequest, match="Row 2 has something else than OptOut or OptIn") as failure:
        changes(SECOND, (FIRST, status))
    assert "415" not in str(failure.value)


def test_a_number_with_both_states_is_refused_without_showing_it() -> None:
    found = changes((FIRST, "OptOut"), (FIRST, "OptIn"), SECOND)
    with pytest.raises(
        InvalidRequest, match="^1 numbers are to be opted out and opted in. Nothing was changed"
    ) as failure:
        found.check()
    assert "415" not in str(failure.value)


def test_what_is_no_number_is_set_aside_with_its_reason() -> None:
    found = changes("4155550101", None, FIRST)
    assert [(one.value, one.state) for one in found.invalid] == [("4155550101", "OptOut"), (None, "OptOut")]
    assert "start with +" in found.invalid[0].reason
    assert len(found) == 1


def test_representations_show_no_number() -> None:
    found = changes(FIRST, "4155550102")
    assert "415" not in repr([*found.parts(1), *found.invalid, found])
