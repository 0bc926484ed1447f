"""What each ledger does."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from airflow_provider_hvsms.api.errors import LedgerConflict
from airflow_provider_hvsms.campaigns.ledger import EntryState, Ledger
from tests.campaigns.entries import NOON, RUN, changed, entry


class LedgerContract:
    """The tests of each ledger. A test module has a subclass and a fixture `ledger`."""

    def test_new_ledger_has_no_entries(self, ledger: Ledger) -> None:
        assert ledger.entries(RUN) == {}

    def test_entries_come_back_as_they_were_added(self, ledger: Ledger) -> None:
        first, second = entry(1), entry(2, state=EntryState.SKIPPED, size=0)
        ledger.add(first)
        ledger.add(second)
        assert ledger.entries(RUN) == {1: first, 2: second}

    def test_replaced_entry_comes_back_with_all_its_changes(self, ledger: Ledger) -> None:
        before = entry()
        ledger.add(before)
        after = changed(
            before,
            state=EntryState.RECORDED,
            size=9_990,
            intended_at=NOON + timedelta(minutes=11, microseconds=1),
            attempts=2,
            batch_id="batch-1",
            rejected_count=0,
        )
        ledger.replace(after)
        assert ledger.entries(RUN) == {1: after}

    def test_second_first_entry_of_a_part_is_a_conflict(self, ledger: Ledger) -> None:
        ledger.add(entry(size=1))
        with pytest.raises(LedgerConflict, match="Part 1"):
            ledger.add(entry(size=2))
        assert ledger.entries(RUN) == {1: entry(size=1)}

    def test_equal_entry_of_another_process_is_a_conflict_too(self, ledger: Ledger) -> None:
        ledger.add(entry())
        with pytest.raises(LedgerConflict):
            ledger.add(entry())

    def test_replacing_a_revision_that_is_gone_is_a_conflict(self, ledger: Ledger) -> None:
        before = entry()
        ledger.add(before)
        after = changed(before, attempts=2)
        ledger.replace(after)
        with pytest.raises(LedgerConflict, match="Part 1"):
            ledger.replace(changed(before, attempts=3))
        assert ledger.entries(RUN) == {1: after}

    def test_replacing_an_entry_that_was_never_added_is_a_conflict(self, ledger: Ledger) -> None:
        with pytest.raises(LedgerConflict):
            ledger.replace(changed(entry()))
        assert ledger.entries(RUN) == {}

    def test_time_in_another_zone_comes_back_in_utc(self, ledger: Ledger) -> None:
        ledger.add(entry(intended_at=NOON.astimezone(timezone(timedelta(hours=9)))))
        found = ledger.entries(RUN)[1].intended_at
        assert (found, found.utcoffset()) == (NOON, timedelta(0))
