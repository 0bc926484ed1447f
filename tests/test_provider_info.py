"""Airflow finds the provider, and builds the connection form from its provider info."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import redact
from airflow.providers_manager import ProvidersManager

from airflow_provider_hvsms.get_provider_info import get_provider_info
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook

PACKAGE = "airflow-provider-hvsms"
AIRFLOW_2 = int(version("apache-airflow").split(".")[0]) < 3


@dataclasses.dataclass(frozen=True)
class Form:
    """The form of a new connection, as Airflow builds it from the provider info."""

    labels: dict[str, str]
    hidden: set[str]
    extra_fields: set[str]
    secrets: set[str]
    filled_in: set[str]


@pytest.fixture(scope="module")
def form() -> Form:
    return _form_of_airflow_2() if AIRFLOW_2 else _form_of_airflow_3()


def _form_of_airflow_2() -> Form:
    manager: Any = ProvidersManager()
    behaviour = manager.field_behaviours["hvsms"]
    widgets = {
        name.removeprefix("extra__hvsms__"): widget
        for name, widget in manager.connection_form_widgets.items()
        if "__hvsms__" in name
    }
    return Form(
        labels=behaviour["relabeling"],
        hidden=set(behaviour["hidden_fields"]),
        extra_fields=set(widgets),
        secrets={name for name, widget in widgets.items() if widget.is_sensitive},
        filled_in={name for name, widget in widgets.items() if widget.field.kwargs.get("default")},
    )


# In a separate process: before Airflow 3.2, the API server replaces the form's packages by stubs, before they are
# imported.
_PRINT_FORM = """
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

[form] = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "hvsms"]
print(form.model_dump_json())
"""


def _form_of_airflow_3() -> Form:
    done = subprocess.run([sys.executable, "-c", _PRINT_FORM], capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout.splitlines()[-1])
    standard = {name.removeprefix("url_"): field for name, field in shown["standard_fields"].items() if field}
    extra = shown["extra_fields"]
    return Form(
        labels={name: field["title"] for name, field in standard.items() if field["title"]},
        hidden={name for name, field in standard.items() if field["hidden"]},
        extra_fields=set(extra),
        secrets={name for name, field in extra.items() if field["schema"].get("format") == "password"},
        filled_in={name for name, field in extra.items() if field["value"]},
    )


def test_the_entry_point_returns_the_provider_info() -> None:
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


def test_the_form_has_every_extra_field_and_masks_secrets(form: Form) -> None:
    assert form.extra_fields == {
        "jwt_token", "username", "extension", "user_password", "account_id", "connect_timeout", "read_timeout",
        "quota_share", "hash_key", "shared_session",
    }  # fmt: skip
    assert form.secrets == {"jwt_token", "user_password", "hash_key"}


def test_a_new_form_is_empty_and_its_switch_is_off(form: Form) -> None:
    assert form.filled_in == set()


def test_airflow_masks_the_secrets_of_a_login_by_their_names_and_nothing_else() -> None:
    """It does not know `hash_key`: the hook masks its value, and the reference says how to mask the field."""
    connection_type = get_provider_info()["connection-types"][0]
    names = list(connection_type["conn-fields"])
    shown: Any = redact(dict.fromkeys(names, "value"))
    assert {name for name in names if shown[name] != "value"} == {"jwt_token", "user_password"}


def test_the_form_labels_the_standard_fields(form: Form) -> None:
    assert form.labels == {"host": "Server", "login": "Client ID", "password": "Client Secret"}
    assert form.hidden == {"schema"}


def test_every_module_in_the_provider_info_can_be_imported() -> None:
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


def test_airflow_creates_the_hook_of_a_connection(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    assert isinstance(BaseHook.get_hook("hvsms_default"), HvsmsHook)
