"""A service in memory, for what the sandbox cannot be told to do: an outcome for each request, steps in any order."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import InvalidRequest, NotFound, OutcomeUnknown
from airflow_provider_hvsms.api.filters import BatchFilter, MessageFilter
from airflow_provider_hvsms.api.records import Batch, Message, Page, Reject, RejectedRecipient
from airflow_provider_hvsms.api.sending import OutgoingBatch, OutgoingMessage
from airflow_provider_hvsms.api.window import Window


class Answer(enum.Enum):
    """What becomes of a request."""

    CREATED = enum.auto()
    LOST = enum.auto()
    """Created, and the answer is lost."""
    LATE = enum.auto()
    """As `LOST`, and listed only after a while."""
    NEVER_CREATED = enum.auto()
    """Not created, and the answer is lost."""
    REFUSED = enum.auto()


@dataclasses.dataclass(kw_only=True)
class StoredBatch:
    """A batch of the service.

    :param listed_from: seconds since 1970 from which it is listed.
    :param shown: of its messages, how many are listed; `None` for all.
    """

    batch: Batch
    messages: list[Message]
    listed_from: float = 0.0
    shown: int | None = None
    rejects: tuple[Reject, ...] = ()


class FakeService:
    """Takes batches and lists them, as a client of the real service would see it.

    :param clock: the present, in seconds since 1970.
    :param answer: decides what becomes of the next request.
    :param step: called between the steps of each request with a name; it may raise.
    :param delay: seconds until a batch with `Answer.LATE` is listed.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        answer: Callable[[], Answer] = lambda: Answer.CREATED,
        step: Callable[[str], None] = lambda _: None,
        delay: float = 0.0,
    ) -> None:
        self.clock = clock
        self.answer = answer
        self.step = step
        self.delay = delay
        self.batches: list[StoredBatch] = []
        self.unreadable_batches: tuple[Reject, ...] = ()
        self.rejecting: frozenset[str] = frozenset()
        self.reads: Counter[str] = Counter()
        self.clock_difference: timedelta | None = timedelta()

    @property
    def client(self) -> MessageStoreClient:
        return cast(MessageStoreClient, self)

    @property
    def received(self) -> Counter[str]:
        """How many messages each recipient got."""
        return Counter(message.to[0] for stored in self.batches for message in stored.messages)

    def create(
        self, messages: Sequence[OutgoingMessage], *, listed_from: float = 0.0, shown: int | None = None, **fields: Any
    ) -> StoredBatch:
        """Create a batch, as somebody else would."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        batch_id = f"b{len(self.batches) + 1}"
        accepted = [message for message in messages if message.to not in self.rejecting]
        batch = Batch(
            **{"id": batch_id, "creation_time": now, "from_number": "+16505550100", "batch_size": len(accepted),
               "status": "Processing", **fields}
        )  # fmt: skip
        records = [
            Message(id=f"{batch_id}-{place}", creation_time=now, to=(one.to,), text=one.text, batch_id=batch.id)
            for place, one in enumerate(accepted)
        ]
        self.batches.append(StoredBatch(batch=batch, messages=records, listed_from=listed_from, shown=shown))
        return self.batches[-1]

    def send_batch(self, batch: OutgoingBatch, *, before_sending: Callable[[], None] = lambda: None) -> Batch:
        before_sending()
        sent_at = datetime.fromtimestamp(self.clock(), UTC)
        self.step("request leaves")
        answer = self.answer()
        if answer is Answer.REFUSED:
            raise InvalidRequest("The service answered 400.")
        if answer is not Answer.NEVER_CREATED:
            late = self.clock() + self.delay if answer is Answer.LATE else 0.0
            stored = self.create(batch.messages, listed_from=late)
        self.step("answer arrives")
        if answer is not Answer.CREATED:
            raise OutcomeUnknown("The answer was lost.", sent_at)
        rejected = tuple(
            RejectedRecipient(index=index, to=(message.to,), error_code="SMS-RC-410")
            for index, message in enumerate(batch.messages, start=1)
            if message.to in self.rejecting
        )
        return cast(Batch, _replace(stored.batch, rejected=rejected))

    def batch_pages(
        self, window: Window, wanted: BatchFilter | None = None, *, on_invalid: str = "fail"
    ) -> Iterator[Page[Batch]]:
        self.step("batches are listed")
        self.reads["batches"] += 1
        listed = [stored.batch for stored in self.batches if stored.listed_from <= self.clock()]
        yield Page([one for one in listed if window.start <= one.creation_time < window.end], self.unreadable_batches)

    def message_pages(
        self, window: Window, wanted: MessageFilter, *, on_invalid: str = "fail"
    ) -> Iterator[Page[Message]]:
        self.reads["messages"] += 1
        stored = self.stored(str(wanted.batch_id))
        shown = [one for one in stored.messages if window.start <= one.creation_time < window.end]
        if wanted.view == "Simple":
            shown = [cast(Message, _replace(one, text=None)) for one in shown]
        yield Page(shown[: stored.shown], stored.rejects)

    def iter_messages(self, window: Window, wanted: MessageFilter) -> Iterator[Message]:
        for page in self.message_pages(window, wanted):
            yield from page.records

    def get_message(self, message_id: str) -> Message:
        self.reads["message"] += 1
        return next(one for stored in self.batches for one in stored.messages if one.id == message_id)

    def get_batch(self, batch_id: str) -> Batch:
        self.reads["batch"] += 1
        stored = self.stored(batch_id)
        if stored.listed_from > self.clock():
            raise NotFound(f"Batch {batch_id} is not listed yet.")
        return stored.batch

    def stored(self, batch_id: str) -> StoredBatch:
        for stored in self.batches:
            if stored.batch.id == batch_id:
                return stored
        raise NotFound(f"There is no batch {batch_id}.")


def _replace(record: Any, **values: Any) -> Any:
    return msgspec.structs.replace(record, **values)
