"""The provider info: what Airflow reads of an installed provider, the connection form included."""

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
        "hooks": [_modules("hooks")],
        "operators": [_modules("operators", "campaigns", "hvsms", "report")],
        "sensors": [_modules("sensors")],
        "triggers": [_modules("triggers")],
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
        "extra-links": ["airflow_provider_hvsms.operators.report_link.HvsmsReportLink"],
        "asset-uris": [_asset_uris()],
        # Airflow 2.11 reads the former name only.
        "dataset-uris": [_asset_uris()],
        "connection-types": [_connection_type()],
    }


def _modules(floor: str, *names: str) -> dict[str, Any]:
    modules = [f"airflow_provider_hvsms.{floor}.{name}" for name in names or ("hvsms",)]
    return {"integration-name": _INTEGRATION, "python-modules": modules}


def _asset_uris() -> dict[str, Any]:
    module = "airflow_provider_hvsms.assets.hvsms"
    return {
        "schemes": ["hvsms"],
        "handler": f"{module}.sanitize_uri",
        "factory": f"{module}.create_asset",
        "to_openlineage_converter": f"{module}.convert_asset_to_openlineage",
    }


def _connection_type() -> dict[str, Any]:
    return {
        "connection-type": "hvsms",
        "hook-class-name": "airflow_provider_hvsms.hooks.hvsms.HvsmsHook",
        "hook-name": _INTEGRATION,
        "ui-field-behaviour": {
            "hidden-fields": ["schema"],
            "relabeling": {"host": "Server", "login": "Client ID", "password": "Client Secret"},
            # Airflow 3.3.1 and 3.3.2 take an empty port for a change of the saved connection.
            "placeholders": {
                "host": "https://platform.ringcentral.com",
                "port": "443 (Airflow 3.3.1 and 3.3.2 need it to test the connection)",
            },
        },
        "conn-fields": _conn_fields(),
    }


def _conn_fields() -> dict[str, Any]:
    """The extra fields of the form. Airflow masks fields whose names contain `token`, `password` or the like."""
    return {
        "jwt_token": _secret("JWT", "A JWT credential of the user. Recommended for servers."),
        "username": _text("Username", "Only without a JWT: the user's phone number. The app must allow passwords."),
        "extension": _text(
            "Extension", "Only without a JWT: the user's extension. Default: that of the main administrator."
        ),
        "user_password": _secret("User Password", "Only without a JWT: the user's password."),
        "account_id": _text("Account ID", "Default: ~, the account of the user who logs in."),
        "connect_timeout": _text("Connect Timeout", "Seconds to wait for a connection to the server. Default: 10."),
        "read_timeout": _text("Read Timeout", "Seconds to wait for the next bytes of a response. Default: 60."),
        "quota_share": _text("Quota Share", "Part of the quota to use, such as 0.5. Default: 1, the whole quota."),
        "hash_key": _secret(
            "Hash Key",
            "Only for loads with personal_data='hash': a long random text with which phone numbers are hashed. "
            "Another key gives other hashes.",
        ),
        "shared_session": _switch(
            "Shared Session",
            "All tasks share one session, which is kept in an Airflow Variable. Turn it on if more than four processes "
            "read at once. Default: off, each process logs in for itself.",
        ),
    }


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], "format": "password"}}


def _switch(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"], "default": False}}
