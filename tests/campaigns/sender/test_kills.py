"""A try that is killed at any step is followed by one that sends what is left, once."""

from __future__ import annotations

import pytest

from tests.campaigns.sender.steps import (
    Killed,
    Send,
    once,
    raise_once,
)
from tests.support.fake_service import FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


@pytest.mark.parametrize(
    ("place", "at"),
    [("before", "add"), ("after", "intended"), ("before", "replace"), ("after", "created"), ("after", "recorded"),
     ("service", "request leaves"), ("service", "answer arrives")],
)  # fmt: skip
def test_wherever_a_try_is_killed_the_next_one_sends_once(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send, place: str, at: str
) -> None:
    kill = raise_once(Killed(), at=at)
    setattr(*((service, "step", kill) if place == "service" else (ledger, place, kill)))
    with pytest.raises(Killed):
        send()
    send()
    assert service.received == once(1, 2, 3, 4)
