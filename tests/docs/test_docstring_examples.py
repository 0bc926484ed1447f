"""The usage examples in docstrings run as they stand, against the sandbox under the address that they name."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.providers.common.compat import sdk
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.filters import MessageFilter
from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup
from airflow_provider_hvsms.api.transport import Transport
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.campaigns.recipient_rows import read_list
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from tests.campaigns.state_store import MemoryStore
from tests.support.campaigns import RUN, ListPlan, part
from tests.support.memory_ledger import MemoryLedger
from tests.support.modules import own_modules

SERVER = "https://platform.ringcentral.com"
FOLDER = re.compile(r'"s3://aws@lake/[^"{]*"')
COROUTINE = "async for"
"""In an example that is a part of a coroutine, which has no beginning and no end of its own."""


@dataclasses.dataclass(frozen=True)
class Example:
    name: str
    code: str
    module: Any


def examples() -> Iterator[Example]:
    for module in own_modules():
        for name, documented in _documented(module):
            for code in re.findall(r"::\n\n((?: {4}.*\n|\n)+)", f"{inspect.getdoc(documented)}\n"):
                if COROUTINE not in code:
                    yield Example(name, textwrap.dedent(code), module)


def _documented(module: Any) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) == module.__name__ and (
            inspect.isclass(value) or inspect.isfunction(value)
        ):
            yield name, value
            for method, function in vars(value).items() if inspect.isclass(value) else ():
                if inspect.isfunction(function) and function.__doc__:
                    yield f"{name}.{method}", function


EXAMPLES = list(examples())


@pytest.fixture
def given(sandbox: Sandbox, hvsms_connection: dict[str, Any], tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The names that examples use without saying where they come from."""
    now = datetime.now(UTC)
    for batch_id in ("b1", "b2"):
        sandbox.store.add_batch(batch_id=batch_id, created=now - timedelta(hours=1), completed=now, size=1)
    settings = sandbox.settings
    credentials = Credentials(sandbox.url, settings.client_id, settings.client_secret, JwtGrant(settings.jwt))
    airflow = vars(sdk) | vars(importlib.import_module(sdk.Asset.__module__))
    names = {
        **{name: getattr(sdk, name) for name in ("AirflowFailException", "Asset", "BaseOperator", "ObjectStoragePath")},
        "AssetWatcher": airflow.get("AssetWatcher"),
        "dag": sdk.dag,
        "task": sdk.task,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "jwt": settings.jwt,
        "credentials": credentials,
        "password": "secret",
        "session": requests.Session(),
        "url": sandbox.url,
        "transport": Transport(sandbox.url, quota=Quota()),
        "quota": Quota(),
        "sandbox": sandbox,
        "path": tmp_path,
        "midnight": settings.end,
        "rows": [],
        "load": repr,
        **{
            one.__name__: one for one in (Fault, HvsmsMessagesToSqlOperator, JwtGrant, MessageFilter, Sandbox, Settings)
        },
        **{one.__name__: one for one in (UsageGroup, Window, closing, connect, datetime, timedelta)},
        **_of_campaigns(),
        "MESSAGES": MESSAGES,
        "UTC": UTC,
        "requests": requests,
    }
    with connect(credentials) as client, sdk.DAG(dag_id="example", start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        yield {**names, "client": client, "window": Window(now - timedelta(days=2), now - timedelta(days=1))}


def _of_campaigns() -> dict[str, Any]:
    return {
        "numbers": [{"to": "+14155550100", "name": "Ada"}],
        "opted_out_numbers": [],
        "key": b"key",
        "read_list": read_list,
        "plan": ListPlan(part()),
        "ledger": MemoryLedger(),
        "run": RUN,
        "context": {"task_state_store": MemoryStore()},
        "PostgresHook": PostgresHook,
        "HvsmsBatchSensor": HvsmsBatchSensor,
    }


def test_every_public_class_is_found() -> None:
    assert {"HvsmsHook", "HvsmsBatchSensor", "HvsmsMessagesToSqlOperator", "connect"} <= {
        found.name for found in EXAMPLES
    }
    assert len(EXAMPLES) > 30


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_of(example: Example, given: dict[str, Any], sandbox: Sandbox, tmp_path: Path) -> None:
    if "AssetWatcher" in example.code and given["AssetWatcher"] is None:
        pytest.skip("Airflow 2 has no asset watchers")
    code = FOLDER.sub(repr(f"file://{tmp_path}"), example.code.replace(SERVER, sandbox.url))
    exec(compile(code, example.name, "exec"), {**vars(example.module), **given})
