"""The generated history: repeatable, realistic, and settled when the sandbox starts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_hvsms.api.error_codes import DOCUMENTED
from airflow_provider_hvsms.sandbox import Settings
from airflow_provider_hvsms.sandbox.data.history import default_end
from airflow_provider_hvsms.sandbox.data.store import Store
from tests.sandbox.conftest import END

SECOND = 1_000_000


def test_the_same_seed_gives_the_same_store() -> None:
    first, again = (Store(Settings(messages=500, seed=3, end=END), lambda: 0.0) for _ in range(2))
    assert first.messages == again.messages
    assert first.batches == again.batches
    assert first.opt_outs == again.opt_outs


def test_another_seed_gives_another_store() -> None:
    first, other = (Store(Settings(messages=500, seed=seed, end=END), lambda: 0.0) for seed in (3, 4))
    assert first.messages != other.messages


def test_another_end_moves_the_store_and_changes_nothing_else() -> None:
    day = timedelta(days=1)
    first, later = (Store(Settings(messages=500, end=end), lambda: 0.0) for end in (END, END + day))
    assert [one._replace(created=one.created + 86_400 * SECOND) for one in first.messages] == later.messages


@pytest.mark.parametrize("minutes", [0, 10, 359, 361, 720, 1_435])
def test_a_store_that_starts_at_any_hour_has_whole_days_of_settled_messages(minutes: int) -> None:
    started = END + timedelta(minutes=minutes)
    end = default_end(started.timestamp())
    assert end.time() == END.time()
    assert started - end < timedelta(hours=31)
    messages = Store(Settings(messages=5_000, days=1, end=end), started.timestamp).messages
    assert len(messages) == 5_000
    assert max(one.created + one.settled_after for one in messages) <= started.timestamp() * SECOND


def test_the_history_covers_all_of_its_days() -> None:
    messages = Store(Settings(messages=5000, days=4, end=END), lambda: 0.0).messages
    assert len(messages) == 5000
    days = {(END - one.creation_time - timedelta(microseconds=1)) // timedelta(days=1) for one in messages}
    assert days == {0, 1, 2, 3}
    assert [one.key for one in messages] == sorted(one.key for one in messages)


def test_the_history_resembles_real_traffic() -> None:
    messages = Store(Settings(messages=5000, end=END), lambda: 0.0).messages
    inbound = [one for one in messages if one.direction == "Inbound"]
    assert len(inbound) == 500
    assert all(one.batch_id is None and not one.final_cost for one in inbound)
    assert {one.final_cost for one in inbound} == {None, 0.0}
    assert {one.segments for one in messages} == {1, 2, 3}
    assert {one.final_status for one in messages} == {"Delivered", "DeliveryFailed", "SendingFailed"}
    errors = {one.error_code for one in messages if one.error_code}
    assert {"SMS-CAR-104", "SMS-CAR-199"} <= errors
    assert {code.rsplit("-", 1)[0] for code in errors} == {"SMS-RC", "SMS-UP", "SMS-CAR"}
    assert any("\n" in one.text for one in messages)
    assert any(ord(max(one.text)) > 0xFFFF for one in messages)
    assert max(one.settled_after for one in messages) > 3600 * SECOND


def test_on_a_bad_day_a_quarter_of_the_outgoing_messages_is_blocked_and_nothing_else_changes() -> None:
    good, bad = (Store(Settings(messages=6_000, days=3, end=END, bad_day=day), lambda: 0.0).messages for day in (0, 2))
    changed = [(before, after) for before, after in zip(good, bad, strict=True) if before != after]
    start = END - timedelta(days=2)
    assert all(start <= after.creation_time < start + timedelta(days=1) for _, after in changed)
    assert {before.final_status for before, _ in changed} == {"Delivered"}
    assert {(after.final_status, after.error_code) for _, after in changed} == {("DeliveryFailed", "SMS-CAR-430")}
    assert len(changed) == pytest.approx(6_000 / 3 * 0.9 * 0.25, rel=0.2)


def test_error_codes_of_messages_are_documented_ones() -> None:
    messages = Store(Settings(messages=6_000, days=3, end=END, bad_day=1), lambda: 0.0).messages
    codes = {one.error_code for one in messages if one.error_code}
    assert len(codes) > 10
    assert codes <= set(DOCUMENTED)
    failed = [one for one in messages if one.final_status.endswith("Failed")]
    assert {one.error_code is None for one in failed} == {False}
    assert {one.final_status for one in messages if one.error_code} == {"DeliveryFailed", "SendingFailed"}
