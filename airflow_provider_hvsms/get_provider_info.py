"""What Airflow asks an installed provider about itself."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "RingCentral High Volume SMS"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider in the shape of Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "airflow-provider-hvsms",
        "name": _INTEGRATION,
        "description": "RingCentral's High Volume SMS message store: messages, batches, statuses and opt-outs.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://developers.ringcentral.com/guide/messaging/sms/high-volume",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_hvsms.hooks.hvsms"]},
        ],
        "operators": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_hvsms.operators.hvsms"]},
        ],
        "sensors": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_hvsms.sensors.hvsms"]},
        ],
        "triggers": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_hvsms.triggers.hvsms"]},
        ],
        "transfers": [
            {
                "source-integration-name": _INTEGRATION,
                "target-integration-name": "Common SQL",
                "python-module": "airflow_provider_hvsms.transfers.hvsms_to_sql",
            },
            {
                "source-integration-name": _INTEGRATION,
                "target-integration-name": "Common IO",
                "python-module": "airflow_provider_hvsms.transfers.hvsms_to_object_storage",
            },
        ],
        "connection-types": [
            {
                "connection-type": "hvsms",
                "hook-class-name": "airflow_provider_hvsms.hooks.hvsms.HvsmsHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {"host": "Server", "login": "Client ID", "password": "Client Secret"},
                    "placeholders": {"host": "https://platform.ringcentral.com"},
                },
                "conn-fields": {
                    "jwt_token": _field("JWT", "password", "The way for servers. Leave the user's fields below empty."),
                    "username": _field("Username", None, "Phone number of the user, where the app allows passwords."),
                    "extension": _field("Extension", None, "Empty for the company's main administrator."),
                    "user_password": _field("User Password", "password", "The user's password."),
                    "account_id": _field("Account ID", None, "Empty (or ~) for the account of the user."),
                    "connect_timeout": _field("Connect Timeout", None, "Seconds; 10 if empty."),
                    "read_timeout": _field("Read Timeout", None, "Seconds between two bytes; 60 if empty."),
                    "quota_share": _field("Quota Share", None, "Part of the quota, above 0 and up to 1; 1 if empty."),
                    "share_token": _switch("Share Token", "Let all tasks use one session, kept in a Variable."),
                },
            }
        ],
    }


def _field(label: str, display_format: str | None, description: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if display_format:
        schema["format"] = display_format
    return {"label": label, "description": description, "schema": schema}


def _switch(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"], "default": False}}
