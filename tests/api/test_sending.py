"""A batch is sent by one request, which is repeated only where nothing can have been created."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    LedgerUnavailable,
    OutcomeUnknown,
    PermissionDenied,
    ServerUnreachable,
)
from airflow_provider_hvsms.api.sending import OutgoingBatch, OutgoingMessage
from airflow_provider_hvsms.api.transport import TimeLimits
from tests.api.canned_server import HTML, Canned, canned_server, refusing_server

SENDER, RECIPIENT, OTHER = "+16505550100", "+14155550100", "+12125550100"
CREATED = {
    "id": "b1",
    "from": SENDER,
    "batchSize": 1,
    "processedCount": 0,
    "status": "Processing",
    "creationTime": "2026-11-01T00:00:00Z",
    "rejected": [{"index": 2, "to": [OTHER], "errorCode": "SMS-RC-410", "description": "Invalid number"}],
}
BATCH = OutgoingBatch(
    from_number=SENDER, text="Hello", messages=(OutgoingMessage(RECIPIENT), OutgoingMessage(OTHER, "Own text"))
)
UNKNOWN: dict[str, Canned | None] = {
    "a lost connection": None,
    "a server error": Canned({}, 500),
    "a gateway's time-out": Canned(HTML, 504),
    "a request time-out": Canned({}, 408),
    "a proxy's refusal": Canned(HTML, 403),
    "HTML with status 200": Canned(HTML),
    "a batch without an id": Canned({"status": "Processing"}, 201),
    "a list instead of a batch": Canned([], 201),
    "a redirect": Canned({}, 302, {"Location": "https://elsewhere.example"}),
}


class Service:
    """Gives canned answers to the requests that change something, in turn, and keeps their bodies."""

    def __init__(self, *answers: Canned | None) -> None:
        self.answers = list(answers)
        self.bodies: list[Any] = []

    def __call__(self, body: bytes) -> Canned | None:
        self.bodies.append(json.loads(body))
        return self.answers.pop(0)


Connect = Callable[[str], MessageStoreClient]


@pytest.fixture
def connect_to() -> Iterator[Connect]:
    made: list[MessageStoreClient] = []

    def make(url: str) -> MessageStoreClient:
        made.append(connect(Credentials(url, "id", "secret", JwtGrant("jwt")), limits=TimeLimits(tries=2)))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_a_batch_is_sent_as_the_service_describes_it(connect_to: Connect) -> None:
    service = Service(Canned(CREATED, 201))
    with canned_server(change=service) as url:
        batch = connect_to(url).send_batch(BATCH)
    assert service.bodies == [
        {
            "from": SENDER,
            "text": "Hello",
            "messages": [{"to": [RECIPIENT]}, {"to": [OTHER], "text": "Own text"}],
        }
    ]
    assert (batch.id, batch.batch_size) == ("b1", 1)
    assert [(entry.index, entry.to, entry.error_code) for entry in batch.rejected] == [(2, (OTHER,), "SMS-RC-410")]


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_answer_that_proves_nothing_is_not_followed_by_a_second_request(
    connect_to: Connect, answer: Canned | None
) -> None:
    service = Service(answer)
    before = datetime.now(UTC)
    with canned_server(change=service) as url, pytest.raises(OutcomeUnknown, match="POST .*/batches") as error:
        connect_to(url).send_batch(BATCH)
    assert len(service.bodies) == 1
    assert before <= error.value.sent_at <= datetime.now(UTC)
    assert not any(number in str(error.value) for number in (SENDER, RECIPIENT, OTHER))


def test_after_a_429_the_batch_is_sent_again(connect_to: Connect) -> None:
    service = Service(Canned({"errorCode": "CMN-301"}, 429, {"Retry-After": "1"}), Canned(CREATED, 201))
    with canned_server(change=service) as url:
        assert connect_to(url).send_batch(BATCH).id == "b1"
    assert len(service.bodies) == 2


def test_a_rejected_token_is_renewed_and_the_batch_sent_again(connect_to: Connect) -> None:
    service = Service(Canned({"errorCode": "OAU-129"}, 401), Canned(CREATED, 201))
    with canned_server(change=service) as url:
        assert connect_to(url).send_batch(BATCH).id == "b1"
    assert len(service.bodies) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Canned({"errorCode": "CMN-101", "message": "Parameter [from] is invalid"}, 400), InvalidRequest),
        (Canned({"errorCode": "CMN-401", "message": "No permission"}, 403), PermissionDenied),
    ],
)
def test_a_refusal_by_the_service_is_final(connect_to: Connect, answer: Canned, error: type[Exception]) -> None:
    service = Service(answer)
    with canned_server(change=service) as url, pytest.raises(error):
        connect_to(url).send_batch(BATCH)
    assert len(service.bodies) == 1


def test_what_is_to_be_done_before_sending_is_done_before_each_request(connect_to: Connect) -> None:
    service = Service(Canned({"errorCode": "CMN-301"}, 429, {"Retry-After": "1"}), Canned(CREATED, 201))
    sent_before: list[int] = []
    with canned_server(change=service) as url:
        connect_to(url).send_batch(BATCH, before_sending=lambda: sent_before.append(len(service.bodies)))
    assert sent_before == [0, 1]


def test_nothing_is_sent_if_what_comes_before_fails(connect_to: Connect) -> None:
    def fail() -> None:
        raise LedgerUnavailable("the ledger is not there")

    service = Service()
    with canned_server(change=service) as url, pytest.raises(LedgerUnavailable):
        connect_to(url).send_batch(BATCH, before_sending=fail)
    assert service.bodies == []


def test_a_server_that_refuses_connections_is_no_unknown_outcome(connect_to: Connect) -> None:
    intents: list[int] = []

    def vanish() -> None:
        """The server is there for the login and gone for the batch."""
        intents.append(1)
        client._transport._server = gone

    with canned_server(change=Service()) as url, refusing_server() as gone:
        client = connect_to(url)
        client._transport._sleep = lambda _: None
        with pytest.raises(ServerUnreachable):
            client.send_batch(BATCH, before_sending=vanish)
    assert len(intents) == 2


def test_a_lost_connection_is_unknown_even_while_a_refused_one_is_handled(connect_to: Connect) -> None:
    with canned_server(change=Service(None)) as url, refusing_server() as gone:
        refused, client = connect_to(gone), connect_to(url)
        refused._transport._sleep = lambda _: None
        try:
            refused.get_batch("b1")
        except ServerUnreachable:
            with pytest.raises(OutcomeUnknown):
                client.send_batch(BATCH)


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        (OutgoingBatch(from_number=SENDER, messages=(), text="Hello"), "at least one message"),
        (OutgoingBatch(from_number="None", messages=BATCH.messages, text="Hello"), "from_number"),
        (OutgoingBatch(from_number=SENDER, messages=(OutgoingMessage("4155550100"),), text="Hi"), "message 1 is not"),
        (OutgoingBatch(from_number=SENDER, messages=BATCH.messages), "Message 1 has no text"),
        (OutgoingBatch(from_number=SENDER, messages=BATCH.messages, text="x" * 1_001), "1,001 characters"),
    ],
)
def test_a_batch_that_cannot_be_right_is_not_sent(connect_to: Connect, batch: OutgoingBatch, problem: str) -> None:
    service = Service()
    with canned_server(change=service) as url, pytest.raises(InvalidRequest, match=problem):
        connect_to(url).send_batch(batch)
    assert service.bodies == []


def test_neither_a_batch_nor_its_messages_show_numbers_or_texts() -> None:
    shown = f"{BATCH!r} {BATCH.messages!r}"
    assert not any(secret in shown for secret in (SENDER, RECIPIENT, OTHER, "Hello", "Own text"))


def test_opt_outs_and_opt_ins_are_assigned_by_one_request(connect_to: Connect) -> None:
    failed = [{"to": OTHER, "errorMessage": "Unexpected issue"}]
    service = Service(Canned({"optOuts": {"successful": [RECIPIENT]}, "optIns": {"successful": [], "failed": failed}}))
    with canned_server(change=service) as url:
        result = connect_to(url).assign_opt_outs(SENDER, opt_outs=[RECIPIENT], opt_ins=[OTHER])
    assert service.bodies == [{"from": SENDER, "optOuts": [RECIPIENT], "optIns": [OTHER]}]
    assert result.opt_outs.successful == (RECIPIENT,)
    assert [(failure.to, failure.error_message) for failure in result.opt_ins.failed] == [(OTHER, "Unexpected issue")]
    assert RECIPIENT not in repr(result)


def test_lists_of_an_assignment_may_be_null(connect_to: Connect) -> None:
    service = Service(Canned({"optOuts": {"successful": [RECIPIENT], "failed": None}, "optIns": None}))
    with canned_server(change=service) as url:
        result = connect_to(url).assign_opt_outs(SENDER, opt_outs=[RECIPIENT])
    assert (result.opt_outs.failed, result.opt_ins.successful) == ((), ())


@pytest.mark.parametrize(
    ("opt_outs", "opt_ins", "problem"),
    [
        ([], [], "at least one number"),
        ([RECIPIENT], [RECIPIENT], "1 numbers are in opt_outs and in opt_ins"),
        ([RECIPIENT, "12"], [], "Number 2 of opt_outs"),
    ],
)
def test_an_assignment_that_cannot_be_right_is_not_sent(
    connect_to: Connect, opt_outs: list[str], opt_ins: list[str], problem: str
) -> None:
    service = Service()
    with canned_server(change=service) as url, pytest.raises(InvalidRequest, match=problem):
        connect_to(url).assign_opt_outs(SENDER, opt_outs=opt_outs, opt_ins=opt_ins)
    assert service.bodies == []
