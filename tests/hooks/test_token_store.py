"""The Airflow Variable that holds the shared token."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Variable, redact

from airflow_provider_hvsms.api.auth.oauth import Token
from airflow_provider_hvsms.api.auth.shared_session import TokenRecord
from airflow_provider_hvsms.api.errors import TokenStoreUnavailable
from airflow_provider_hvsms.hooks.token_store import VariableTokenStore

RECORD = TokenRecord("a fingerprint", Token("the access token", "the refresh token", 1.0, 2.0))


def test_the_name_of_the_variable_makes_airflow_hide_its_value() -> None:
    assert redact({VariableTokenStore("hvsms_default").variable: "value"}) == {
        "hvsms_access_token_hvsms_default": "***"
    }


def test_each_connection_has_a_variable_of_its_own() -> None:
    assert VariableTokenStore("one").variable != VariableTokenStore("other").variable
    assert VariableTokenStore("one") == VariableTokenStore("one")


def test_a_variable_of_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_ACCESS_TOKEN_ELSEWHERE", RECORD.to_json())
    assert VariableTokenStore("elsewhere").read() == RECORD


def test_the_tokens_are_masked_in_logs_once_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_ACCESS_TOKEN_ELSEWHERE", RECORD.to_json())
    VariableTokenStore("elsewhere").read()
    assert redact("the access token and the refresh token") == "*** and ***"


def test_an_error_about_an_unwritable_variable_does_not_show_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, value: Any, description: str) -> None:
        raise PermissionError(f"may not write {key}\n[parameters: {value}]")

    monkeypatch.setattr(Variable, "set", refuse)
    with pytest.raises(
        TokenStoreUnavailable, match="hvsms_access_token_elsewhere cannot be written.*may not write"
    ) as error:
        VariableTokenStore("elsewhere").write(RECORD)
    assert "the access token" not in str(error.value)
