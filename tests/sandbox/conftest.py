"""A sandbox whose clock stands still, and a minimal client."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.support.clock import ManualClock

END = datetime(2026, 3, 1, tzinfo=UTC)
SENDER = "+16505550100"
BASE = "/restapi/v1.0/account/~/a2p-sms"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
STARTED = (END + timedelta(hours=12)).timestamp()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> tuple[int, str, str | None]:
        """Status, error code, and the first parameter that is named."""
        content = self.json()
        return self.status, content["errorCode"], content["errors"][0].get("parameterName")


@dataclass
class Client:
    sandbox: Sandbox
    token: str | None = None
    base: str = BASE
    everything: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(str(urlsplit(self.sandbox.url).netloc), timeout=60)

    def send(self, method: str, target: str, body: str | None = None, headers: dict[str, str] | None = None) -> Reply:
        self.connection.request(method, target, body, headers or {})
        response = self.connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, response.read())

    def read(self, path: str, query: Any = (), method: str = "GET") -> Reply:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        encoded = urlencode(query, doseq=True)
        return self.send(method, f"{self.base}{path}" + (f"?{encoded}" if encoded else ""), headers=headers)

    def post(self, path: str, content: Any, content_type: str | None = "application/json") -> Reply:
        """Send JSON, or a text as it is."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        body = content if isinstance(content, str) else json.dumps(content)
        return self.send("POST", f"{self.base}{path}", body, headers)

    def send_batch(self, *recipients: str, text: str = "Hello", **fields: Any) -> Reply:
        """Send a batch with one text."""
        messages = [{"to": [number]} for number in recipients]
        return self.post("/batches", {"from": SENDER, "text": text, "messages": messages, **fields})

    def pages(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        pages = [self.read(path, query).json()]
        while token := pages[-1].get("paging", {}).get("nextPageToken"):
            pages.append(self.read(path, {**query, "pageToken": token}).json())
        return pages

    def records(self, path: str, query: dict[str, Any]) -> list[Any]:
        return [record for page in self.pages(path, query) for record in page["records"]]

    def grant(self, *, secret: str = "sandbox-secret", path: str = "/restapi/oauth/token", **form: str) -> Reply:
        basic = base64.b64encode(f"sandbox-client:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(form), headers)

    def login(self, **form: str) -> Reply:
        return self.grant(grant_type=JWT_GRANT, assertion=self.sandbox.settings.jwt, **form)


Opener = Callable[..., Client]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(STARTED)


@pytest.fixture
def open_client(clock: ManualClock) -> Iterator[Opener]:
    """Start a sandbox with some settings and return a client that is logged in."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Client:
            defaults = {
                "messages": 300,
                "days": 2,
                "seed": 7,
                "end": END,
                "light": 100_000,
                "auth": 1000,
                "opt_outs": 50,
            }
            client = Client(stack.enter_context(Sandbox(Settings(**{**defaults, **settings}), clock=clock)))
            stack.callback(client.connection.close)
            client.token = client.login().json()["access_token"]
            return client

        yield start


@pytest.fixture
def client(open_client: Opener) -> Client:
    return open_client()


@pytest.fixture(scope="module")
def big() -> Iterator[Client]:
    """A sandbox of 3,000 messages that is shared by tests that only read; ``everything`` covers the whole history."""
    clock = ManualClock(STARTED)
    settings = Settings(messages=3000, days=3, seed=11, end=END, light=1_000_000, auth=1000, opt_outs=400)
    with Sandbox(settings, clock=clock) as sandbox:
        client = Client(sandbox)
        client.token = client.login().json()["access_token"]
        client.everything = {"dateFrom": "2026-02-01T00:00:00Z", "dateTo": "2026-03-01T00:00:00Z"}
        yield client
