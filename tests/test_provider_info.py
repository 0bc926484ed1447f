"""Airflow finds the provider, and can make a connection form of what it says."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_hvsms.get_provider_info import get_provider_info
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook

PACKAGE = "airflow-provider-hvsms"


def test_the_entry_point_gives_the_provider_info() -> None:
    [entry] = [
        entry for entry in entry_points(group="apache_airflow_provider") if entry.dist and entry.dist.name == PACKAGE
    ]
    assert entry.load()() == get_provider_info()


def test_the_provider_info_is_valid_for_this_airflow() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_airflow_lists_the_provider_and_its_connection_type() -> None:
    manager = ProvidersManager()
    assert PACKAGE in manager.providers
    hook = manager.hooks["hvsms"]
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name) == (
        "airflow_provider_hvsms.hooks.hvsms.HvsmsHook",
        "RingCentral High Volume SMS",
    )


def test_the_form_shows_every_extra_field_and_hides_what_is_typed_into_secrets() -> None:
    widgets = ProvidersManager().connection_form_widgets
    fields = {name.removeprefix("extra__hvsms__"): widget for name, widget in widgets.items() if "__hvsms__" in name}
    assert set(fields) == {
        "jwt_token", "username", "extension", "user_password", "account_id", "connect_timeout", "read_timeout",
        "quota_share", "share_token",
    }  # fmt: skip
    assert {name for name, widget in fields.items() if widget.is_sensitive} == {"jwt_token", "user_password"}


def test_the_form_calls_the_standard_fields_by_what_they_hold() -> None:
    behaviour: Any = ProvidersManager().field_behaviours["hvsms"]
    assert behaviour["relabeling"] == {"host": "Server", "login": "Client ID", "password": "Client Secret"}
    assert behaviour["hidden_fields"] == ["schema", "port"]


def test_every_module_that_is_named_can_be_imported() -> None:
    info = get_provider_info()
    modules = [
        module
        for kind in ("hooks", "operators", "sensors", "triggers")
        for entry in info[kind]
        for module in entry["python-modules"]
    ]
    modules += [entry["python-module"] for entry in info["transfers"]]
    for module in modules:
        __import__(module)


def test_a_hook_can_be_had_from_the_connection(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    assert isinstance(BaseHook.get_hook("hvsms_default"), HvsmsHook)
