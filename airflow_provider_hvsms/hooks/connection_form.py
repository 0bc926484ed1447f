"""The connection form for Airflow before 3.2, which asks the hook for it and does not read the provider info."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from airflow_provider_hvsms.get_provider_info import get_provider_info


def standard_fields() -> dict[str, Any]:
    """Labels, placeholders and visibility of the fields that every connection has."""
    behaviour = _connection_type()["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in behaviour.items()}


def extra_fields() -> dict[str, Any]:
    """A form field for each field of the extra."""
    # Only a process that shows the form is sure to have these packages.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import BooleanField, PasswordField, StringField

    constructors = {
        "text": functools.partial(StringField, widget=BS3TextFieldWidget()),
        "password": functools.partial(PasswordField, widget=BS3PasswordFieldWidget()),
        "boolean": BooleanField,
    }
    return {
        name: constructors[_kind_of(field["schema"])](field["label"], description=field["description"])
        for name, field in _connection_type()["conn-fields"].items()
    }


def _connection_type() -> dict[str, Any]:
    connection_type: dict[str, Any] = get_provider_info()["connection-types"][0]
    return connection_type


def _kind_of(schema: Mapping[str, Any]) -> str:
    return "boolean" if "boolean" in schema["type"] else schema.get("format", "text")
