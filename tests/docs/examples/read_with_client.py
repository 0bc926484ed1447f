"""The client without Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.filters import MessageFilter
from airflow_provider_hvsms.api.window import Window


def count_replies(server: str, client_id: str, client_secret: str, jwt_token: str) -> int:
    credentials = Credentials(server, client_id, client_secret, JwtGrant(jwt_token))
    yesterday = Window(datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) - timedelta(days=1))
    with connect(credentials) as client:
        return sum(1 for _ in client.iter_messages(yesterday, MessageFilter(direction="Inbound")))
