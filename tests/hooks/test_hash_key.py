"""The key of the hashes comes from the connection's extra, and is a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_hvsms.api.errors import ConnectionUnavailable, InvalidSettings
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Sandbox

KEY = "a key that is long enough"


def hook_with(connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, key: Any) -> HvsmsHook:
    extra = {**connection["extra"], "hash_key": key}
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**connection, "extra": extra}))
    return HvsmsHook()


def test_the_key_is_read_without_blanks_around_it(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hook_with(hvsms_connection, monkeypatch, f" {KEY}\n").hash_key() == KEY


@pytest.mark.parametrize("key", [None, "", " "])
def test_a_connection_without_a_key_has_an_empty_one(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, key: Any
) -> None:
    assert hook_with(hvsms_connection, monkeypatch, key).hash_key() == ""


def test_the_mask_that_the_form_hands_back_is_refused(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = hook_with(hvsms_connection, monkeypatch, "***")
    with pytest.raises(InvalidSettings, match=r"'hvsms_default': hash_key in the extra is '\*\*\*'.*type it again"):
        hook.hash_key()


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(ConnectionUnavailable, match="nowhere"):
        HvsmsHook("nowhere").hash_key()


@pytest.mark.parametrize(("key", "warns"), [("fifteen letters", True), ("sixteen letters!", False)])
def test_a_short_key_draws_a_warning_that_does_not_show_it(
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    task_log: Callable[[], str],
    key: str,
    warns: bool,
) -> None:
    hook_with(hvsms_connection, monkeypatch, key).hash_key()
    log = task_log()
    assert ("hash_key in the extra has fewer than 16 characters" in log) is warns
    assert key not in log


def test_airflow_masks_the_key_once_it_was_read(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "a key that nothing masked before"
    hook = hook_with(hvsms_connection, monkeypatch, key)
    assert redact(f"the key is {key}") == f"the key is {key}"
    hook.hash_key()
    assert redact(f"the key is {key}") == "the key is ***"


def test_the_test_of_the_connection_and_the_settings_do_not_show_the_key(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = hook_with(hvsms_connection, monkeypatch, KEY)
    assert KEY not in f"{hook.test_connection()} {hook.client_settings()!r} {hook!r}"
