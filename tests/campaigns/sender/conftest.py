"""A sender on a service and a ledger in memory, and on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import SentPart
from tests.campaigns.sender.steps import (
    FIRST,
    Kept,
)
from tests.support.campaigns import RUN, SENDER, ListPlan
from tests.support.clock import ManualClock
from tests.support.fake_service import FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


@pytest.fixture
def service(clock: ManualClock) -> FakeService:
    return FakeService(clock)


@pytest.fixture
def ledger() -> SearchableMemoryLedger:
    return SearchableMemoryLedger()


@pytest.fixture
def kept() -> Kept:
    """The rejected recipients that were kept, with their error codes, by batch."""
    return []


@pytest.fixture
def make_sender(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept
) -> Callable[..., CampaignSender]:
    def keep(of: Part, batch: Batch) -> None:
        kept.append((batch.id, [(one.to[0], one.error_code) for one in batch.rejected]))

    def make(**arguments: Any) -> CampaignSender:
        given = {"from_number": SENDER, "run": RUN, "keep_rejected": keep, "clock": clock, "sleep": clock.sleep}
        return CampaignSender(service.client, **{"ledger": ledger, **given, **arguments})

    return make


@pytest.fixture
def send(make_sender: Callable[..., CampaignSender]) -> Callable[..., list[SentPart]]:
    """Sends parts, as one try."""

    def send(*parts: Part, **arguments: Any) -> list[SentPart]:
        return list(make_sender(**arguments).send(ListPlan(*(parts or (FIRST,)))))

    return send
