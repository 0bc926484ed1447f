"""The key of fingerprints is derived from a secret of the connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidSettings
from airflow_provider_hvsms.campaigns.fingerprint_key import fingerprint_key
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook

KEY = "a key that is long enough"


def key_with(connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **fields: Any) -> bytes:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**connection, **fields}))
    return fingerprint_key(HvsmsHook())


def test_the_key_of_fingerprints_changes_with_the_secret_that_it_is_derived_from(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_hash_key = {**hvsms_connection["extra"], "hash_key": KEY}
    by_secret = key_with(hvsms_connection, monkeypatch)
    by_hash_key = key_with(hvsms_connection, monkeypatch, extra=with_hash_key)
    assert by_secret != key_with(hvsms_connection, monkeypatch, password="another")
    assert by_hash_key == key_with(hvsms_connection, monkeypatch, extra=with_hash_key, password="another")
    assert by_secret != by_hash_key != KEY.encode()


@pytest.mark.parametrize("password", ["", "***"])
def test_without_a_secret_there_is_no_key_of_fingerprints(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    with pytest.raises(InvalidSettings, match=r"'hvsms_default': [Tt]he client secret is"):
        key_with(hvsms_connection, monkeypatch, password=password)
