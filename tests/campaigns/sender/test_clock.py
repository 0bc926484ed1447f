"""A machine whose clock is wrong sends nothing: by the time of an intent its batch is looked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.errors import ClockDiffers, InvalidRequest
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.api.canned_server import Canned, canned_server
from tests.campaigns.sender.steps import FIRST, Send, answers, states
from tests.support.campaigns import RUN, SENDER, ListPlan
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import SearchableMemoryLedger

TWO_HOURS = timedelta(hours=2)


@pytest.mark.parametrize(
    ("ahead", "words"), [(TWO_HOURS, "2:00:00 .* ahead of"), (-timedelta(minutes=3), "0:03:00 .* behind")]
)
def test_nothing_is_noted_or_sent_until_the_clock_is_right(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send, ahead: timedelta, words: str
) -> None:
    service.clock_difference = ahead
    with pytest.raises(ClockDiffers, match=words):
        send()
    assert (service.batches, states(ledger)) == ([], {})
    service.clock_difference = timedelta()
    assert [one.how for one in send()] == [How.SENT]


def test_a_small_difference_does_not_matter(service: FakeService, send: Send) -> None:
    service.clock_difference = timedelta(minutes=2)
    assert [one.how for one in send()] == [How.SENT]


def test_a_batch_is_found_all_the_same(service: FakeService, send: Send) -> None:
    answers(service, Answer.LOST)
    service.step = lambda _: setattr(service, "clock_difference", TWO_HOURS)
    assert [one.how for one in send()] == [How.ADOPTED]


def test_a_clock_that_went_wrong_after_a_lost_answer_leaves_no_open_intent(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    answers(service, Answer.NEVER_CREATED)
    service.step = lambda _: setattr(service, "clock_difference", TWO_HOURS)
    with pytest.raises(ClockDiffers):
        send()
    assert states(ledger) == {1: EntryState.NOT_CREATED}


@pytest.fixture
def requests() -> list[str]:
    """The paths of the reads, then a word for each request that changes something."""
    return []


@pytest.fixture
def try_to_send(ledger: SearchableMemoryLedger, requests: list[str]) -> Callable[[dict[str, str]], None]:
    """Sends a part to a server whose answers have the given headers."""

    def send(headers: dict[str, str]) -> None:
        def respond(path: str) -> Canned:
            requests.append(path.partition("?")[0].rpartition("/")[2])
            return Canned({"records": [], "paging": {}}, headers=headers)

        def change(_: bytes) -> Canned:
            requests.append("sent")
            return Canned({"errorCode": "CMN-101", "message": "Refused"}, status=400)

        with (
            canned_server(respond, change=change) as url,
            connect(Credentials(url, "id", "secret", JwtGrant("jwt"))) as client,
        ):
            list(CampaignSender(client, ledger, from_number=SENDER, run=RUN).send(ListPlan(FIRST)))

    return send


def test_a_client_that_has_no_answer_yet_asks_the_service(
    try_to_send: Callable[[dict[str, str]], None], requests: list[str]
) -> None:
    with pytest.raises(ClockDiffers, match=r"2:00:0. .* ahead of"):
        try_to_send({"Date": format_datetime(datetime.now(UTC) - TWO_HOURS, usegmt=True)})
    assert requests == ["batches"]


def test_answers_without_a_date_are_logged_and_the_part_is_sent(
    try_to_send: Callable[[dict[str, str]], None], requests: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidRequest, match="Refused"):
        try_to_send({"Date": ""})
    assert requests == ["batches", "sent"]
    assert "The service's answer has no date" in caplog.text
