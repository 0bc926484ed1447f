"""Clients of a sandbox, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant, PasswordGrant
from airflow_provider_hvsms.api.auth.session import Session
from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.quota.quota import Quota
from airflow_provider_hvsms.api.transport import TimeLimits, Transport
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.data.records import Message
from tests.support.clock import ManualClock
from tests.support.history import stored_between

MakeClient = Callable[..., MessageStoreClient]


def credentials_of(sandbox: Sandbox) -> Credentials:
    settings = sandbox.settings
    return Credentials(sandbox.url, settings.client_id, settings.client_secret, JwtGrant(settings.jwt))


def whole_history(sandbox: Sandbox) -> Window:
    end = sandbox.settings.end
    assert end is not None
    return Window(end - timedelta(days=sandbox.settings.days), end)


def stored(sandbox: Sandbox, window: Window) -> list[Message]:
    return stored_between(sandbox, window.start, window.end)


def ids(records: Iterable[Any]) -> list[str]:
    return sorted(str(record.id) for record in records)


@pytest.fixture
def make_client(clock: ManualClock) -> Iterator[MakeClient]:
    """Makes clients, each with its own session and quota, all on the manual clock."""
    made: list[MessageStoreClient] = []

    def make(
        sandbox: Sandbox,
        *,
        grant: JwtGrant | PasswordGrant | None = None,
        client_secret: str | None = None,
        limits: TimeLimits | None = None,
        account_id: str = "~",
    ) -> MessageStoreClient:
        given = credentials_of(sandbox)
        credentials = Credentials(
            given.server, given.client_id, client_secret or given.client_secret, grant or given.grant
        )
        quota = Quota(clock=clock, sleep=clock.sleep)
        session_transport = Transport(credentials.server, quota=quota, limits=limits, sleep=clock.sleep)
        session = Session(credentials, session_transport, clock=clock, sleep=clock.sleep)
        transport = Transport(credentials.server, quota=quota, limits=limits, sleep=clock.sleep)
        made.append(MessageStoreClient(transport, session, account_id=account_id))
        return made[-1]

    yield make
    for client in made:
        client.close()
