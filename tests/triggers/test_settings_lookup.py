"""Triggers look up their connection together, and wait for it if Airflow does not find it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Sandbox
from tests.support.waiting import wait_for
from tests.triggers.running import run_all, set_connection, trigger


def test_a_trigger_waits_for_a_secrets_backend_that_does_not_answer(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    airflow_database: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.settings_lookup._MIN_PAUSE", 0.1)
    monkeypatch.delenv("AIRFLOW_CONN_HVSMS_DEFAULT")
    batch_id = sandbox.store.start_batch(size=10, seconds=0)

    def answer_again() -> None:
        wait_for(lambda: "did not find the connection 'hvsms_default'" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)

    [event] = run_all(trigger(batch_id), meanwhile=answer_again)
    assert event["status"] == "success"


def test_triggers_that_start_together_share_one_lookup_of_the_connection(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    lookups: list[str] = []
    look_up = HvsmsHook.get_connection

    def counted(_: HvsmsHook, conn_id: str) -> Any:
        lookups.append(conn_id)
        return look_up(conn_id)

    monkeypatch.setattr(HvsmsHook, "get_connection", counted)
    run_all(*[trigger(batch_id) for _ in range(50)])
    assert len(lookups) == 1
