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
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "Server", "login": "Client ID", "password": "Client Secret"},
                    # Airflow 3.3.1 and 3.3.2 mistake a missing port for another one than the saved connection's.
                    "placeholders": {
                        "host": "https://platform.ringcentral.com",
                        "port": "443; Test in Airflow 3.3.1 and 3.3.2 needs it",
                    },
                },
                "conn-fields": _conn_fields(),
            }
        ],
    }


def _conn_fields() -> dict[str, Any]:
    """The extra fields of the form. Airflow masks those that have `token`, `password` or the like in the name."""
    return {
        "jwt_token": _secret("JWT", "The user's JWT credential; recommended for servers."),
        "username": _text("Username", "The user's phone number. Only without a JWT, where the app allows passwords."),
        "extension": _text("Extension", "Only without a JWT. Empty for the company's main administrator."),
        "user_password": _secret("User Password", "Only without a JWT."),
        "account_id": _text("Account ID", "Empty, or ~, for the account of the user who logs in."),
        "connect_timeout": _text("Connect Timeout", "Seconds to wait for a connection; 10 if empty."),
        "read_timeout": _text("Read Timeout", "Seconds to wait for the next part of an answer; 60 if empty."),
        "quota_share": _text("Quota Share", "Part of the quota that may be used, such as 0.5; all of it if empty."),
        "shared_session": _switch(
            "Shared Session", "All tasks use one session, kept in a Variable of Airflow. For more than four at once."
        ),
    }


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], "format": "password"}}


def _switch(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"], "default": False}}
