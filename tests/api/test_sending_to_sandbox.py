"""The client and the sandbox agree about sending, and a batch whose answer was lost can be found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.errors import InvalidRequest, OutcomeUnknown
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.api.sending import OutgoingBatch, OutgoingMessage
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.api.conftest import credentials_of

SENDER, ANA, BEN = "+16505550100", "+14155550100", "+12125550100"
BATCH = OutgoingBatch(from_number=SENDER, text="Hello", messages=(OutgoingMessage(ANA), OutgoingMessage(BEN, "Own")))
SENT = {(ANA, "Hello"): 1, (BEN, "Own"): 1}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=0, opt_outs=0, light=1000, auth=100, sending_time=0)) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[MessageStoreClient]:
    client = connect(credentials_of(sandbox))
    yield client
    client.close()


def now_about() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(minutes=1), now + timedelta(minutes=1))


def test_a_batch_is_sent_and_read_back(client: MessageStoreClient, sandbox: Sandbox) -> None:
    batch = client.send_batch(BATCH)
    assert (batch.batch_size, batch.status, batch.rejected) == (2, "Completed", ())
    assert sandbox.store.sent_counts() == SENT
    assert client.get_batch(batch.id).id == batch.id


def test_rejected_recipients_are_in_the_answer_alone(client: MessageStoreClient) -> None:
    abroad = OutgoingBatch(
        from_number=SENDER, text="Hello", messages=(OutgoingMessage(ANA), OutgoingMessage("+4940123456"))
    )
    batch = client.send_batch(abroad)
    assert [(one.index, one.to, one.error_code) for one in batch.rejected] == [(2, ("+4940123456",), "SMS-RC-410")]
    assert client.get_batch(batch.id).rejected == ()


def test_a_sender_of_another_account_is_refused(client: MessageStoreClient, sandbox: Sandbox) -> None:
    with pytest.raises(InvalidRequest, match="from"):
        client.send_batch(OutgoingBatch(from_number="+12025550100", text="Hello", messages=BATCH.messages))
    assert sandbox.store.sent_messages() == []


@pytest.mark.parametrize("fault", [Fault.lost_answer(), Fault.server_error_after(503)])
def test_a_batch_whose_answer_was_lost_is_created_once_and_listed(
    client: MessageStoreClient, sandbox: Sandbox, fault: Fault
) -> None:
    sandbox.faults.add(fault, method="POST", path="/batches")
    with pytest.raises(OutcomeUnknown):
        client.send_batch(BATCH)
    assert sandbox.store.sent_counts() == SENT
    assert [batch.batch_size for batch in client.iter_batches(now_about(), BatchFilter(from_number=SENDER))] == [2]


@pytest.mark.parametrize("fault", [Fault.drop(), Fault.server_error(503)])
def test_a_batch_that_was_not_created_is_not_listed(client: MessageStoreClient, sandbox: Sandbox, fault: Fault) -> None:
    sandbox.faults.add(fault, method="POST", path="/batches")
    with pytest.raises(OutcomeUnknown):
        client.send_batch(BATCH)
    assert list(client.iter_batches(now_about(), BatchFilter(from_number=SENDER))) == []


def test_opt_outs_are_assigned(client: MessageStoreClient, sandbox: Sandbox) -> None:
    result = client.assign_opt_outs(SENDER, opt_outs=[ANA], opt_ins=[BEN])
    assert (result.opt_outs.successful, result.opt_ins.successful) == ((ANA,), (BEN,))
    assert [(one.to_number, one.status) for one in sandbox.store.opt_outs] == [(BEN, "OptIn"), (ANA, "OptOut")]
