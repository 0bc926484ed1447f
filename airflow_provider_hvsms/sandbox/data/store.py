"""The store: the generated data, what was added to it, and live batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random
from threading import RLock
from typing import Any

from airflow_provider_hvsms.sandbox.data import batch_factory, message_factory, timestamps
from airflow_provider_hvsms.sandbox.data.batches import BatchState, BatchTable
from airflow_provider_hvsms.sandbox.data.filters import BatchFilters, MessageFilters, OptOutFilters
from airflow_provider_hvsms.sandbox.data.history import FIRST_ID, History
from airflow_provider_hvsms.sandbox.data.keys import Key
from airflow_provider_hvsms.sandbox.data.messages import MatchingMessages, MessageTable
from airflow_provider_hvsms.sandbox.data.opt_outs import OptOutTable, generate_opt_outs
from airflow_provider_hvsms.sandbox.data.phone_numbers import CUSTOMER_NUMBERS, OWN_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import Batch, Message, OptOut, RejectedRecipient, to_json
from airflow_provider_hvsms.sandbox.settings import Settings

_INVALID_RECIPIENT = "29395"


class Store:
    """Messages, batches and opt-outs. Any thread may call any method.

    :param settings: settings whose ``end`` is set.
    :param clock: seconds since the epoch.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        if settings.end is None:
            raise ValueError("Settings.end must be set.")
        self._clock = clock
        self._lock = RLock()
        self._random = Random(f"additions {settings.seed}")  # noqa: S311 - repeatable on purpose
        self._next_number = FIRST_ID + settings.messages
        end = timestamps.from_datetime(settings.end)
        self.history = History(settings.messages, settings.days, settings.seed, end, settings.bad_day)
        self._messages = MessageTable(self.history)
        self._batches = BatchTable(self.history.batches, self._messages)
        self._opt_outs = OptOutTable(generate_opt_outs(settings.opt_outs, settings.seed))

    @property
    def now(self) -> int:
        """The clock in microseconds."""
        return timestamps.from_seconds(self._clock())

    @property
    def messages(self) -> list[Message]:
        """All messages but raw ones, future ones included, oldest first; built at each access."""
        return self._messages.all()

    @property
    def batches(self) -> list[Batch]:
        """All batches but raw ones, future ones included, oldest first."""
        return self._batches.all()

    @property
    def opt_outs(self) -> list[OptOut]:
        """All opt-outs, oldest first."""
        return self._opt_outs.all()

    def get_message(self, key: Key) -> Message:
        """Return the message with a key."""
        return self._messages.get(key)

    def find_message(self, message_id: str, now: int) -> Message | None:
        """Return the message with an id, if responses contain it by ``now``."""
        return self._messages.find(message_id, now)

    def matching_messages(self, filters: MessageFilters, now: int) -> MatchingMessages:
        """Return the keys of the messages that pass the filters."""
        return self._messages.matching(filters, now)

    def messages_of(self, batch: Batch) -> list[Message]:
        """Return the messages of a batch, future ones included, oldest first."""
        return self._messages.of_batch(batch.id)

    def find_batch(self, batch_id: str, now: int) -> Batch | None:
        """Return the batch with an id, if it exists by ``now``."""
        return self._batches.find(batch_id, now)

    def matching_batches(self, filters: BatchFilters, now: int) -> dict[Key, Batch]:
        """Return the batches that pass the filters, oldest first."""
        return self._batches.matching(filters, now)

    def batch_state(self, batch: Batch, now: int) -> BatchState:
        """Return the state of a batch at a time."""
        return self._batches.state(batch, now)

    def matching_opt_outs(self, filters: OptOutFilters) -> dict[Key, OptOut]:
        """Return the opt-outs that pass the filters, oldest first."""
        return self._opt_outs.matching(filters)

    def add_message(
        self,
        *,
        created: datetime,
        from_number: str = OWN_NUMBERS[0],
        to_number: str | tuple[str, ...] = "+12025550123",
        direction: str = "Outbound",
        text: str = "Hello",
        segments: int = 1,
        final_status: str = "Delivered",
        sent_after: float | None = 1.0,
        settled_after: float = 2.0,
        cost: float | None = 0.007,
        error_code: str | None = None,
        batch_id: str | None = None,
        listed_after: float = 0.0,
    ) -> Message:
        """Add a message and return it. Delays are seconds after ``created``; any status is accepted."""
        return self._put_message(
            Message(
                id=self._number(),
                created=timestamps.from_datetime(created),
                direction=direction,
                from_number=from_number,
                to_numbers=(to_number,) if isinstance(to_number, str) else to_number,
                text=text,
                segments=segments,
                final_status=final_status,
                sent_after=None if sent_after is None else timestamps.from_seconds(sent_after),
                settled_after=timestamps.from_seconds(settled_after),
                final_cost=cost,
                error_code=error_code,
                batch_id=batch_id,
                listed_after=timestamps.from_seconds(listed_after),
            )
        )

    def add_raw_message(self, record: Any, *, created: datetime) -> Message:
        """Add a message that is returned as ``record``, any JSON value; ``created`` is its place in the list."""
        return self._put_message(Message.from_raw(self._number(), timestamps.from_datetime(created), record))

    def add_batch(
        self,
        *,
        created: datetime,
        completed: datetime | None,
        size: int,
        batch_id: str | None = None,
        from_number: str = OWN_NUMBERS[0],
        rejected: tuple[RejectedRecipient, ...] = (),
        status: str = "Processing",
        cost: float | None = None,
        processed: int | None = None,
    ) -> Batch:
        """Add a batch without messages and return it; ``size`` includes rejected recipients."""
        return self._put_batch(
            Batch(
                self._number(),
                batch_id or self._batch_id(),
                from_number,
                size,
                timestamps.from_datetime(created),
                None if completed is None else timestamps.from_datetime(completed),
                rejected,
                status,
                cost,
                processed,
            )
        )

    def add_raw_batch(self, record: Any, *, created: datetime, batch_id: str | None = None) -> Batch:
        """Add a batch that is returned as ``record``; its id is ``batch_id``, or else the record's own."""
        return self._put_batch(Batch.from_raw(self._number(), timestamps.from_datetime(created), record, batch_id))

    def add_opt_out(
        self,
        *,
        from_number: str,
        to_number: str,
        status: str = "OptOut",
        source: str = "Recipient",
        raw: Any = None,
    ) -> OptOut:
        """Add an opt-out, in place of an older one of the same two numbers, and return it.

        :param raw: JSON value that is returned instead of the fields.
        """
        raw_json = None if raw is None else to_json(raw)
        opt_out = OptOut(self._number(), from_number, to_number, status, source, raw_json)
        with self._lock:
            self._opt_outs.put(opt_out)
        return opt_out

    def start_batch(
        self,
        *,
        size: int = 100,
        seconds: float | None = 60.0,
        from_number: str = OWN_NUMBERS[0],
        status: str = "Processing",
        rejected: int | None = None,
    ) -> str:
        """Start a batch now and return its id.

        :param size: recipients, rejected ones included.
        :param seconds: time until it completes; ``None``: until ``complete_batch``.
        :param status: its status until then.
        :param rejected: how many recipients are rejected; ``None``: a random number.
        :raises ValueError: for a size, a number or a time that is out of range.
        """
        if size < 1 or (rejected is not None and not 0 <= rejected <= size) or (seconds is not None and seconds < 0):
            raise ValueError("size must be at least 1, rejected at most size, and seconds not negative")
        with self._lock:
            now, batch_id = self.now, self._batch_id()
            recipients = self._rejected(size, rejected)
            duration = timestamps.from_seconds(3600.0 if seconds is None else seconds)
            completed = None if seconds is None else now + duration
            self._messages.put(self._generate(size - len(recipients), now, duration, from_number, batch_id))
            batch = Batch(self._number(), batch_id, from_number, size, now, completed, recipients, status)
            return self._put_batch(batch).id

    def complete_batch(self, batch_id: str) -> None:
        """Complete a live batch now; its messages that have not been created yet are created now.

        :raises KeyError: if there is no such batch.
        :raises TypeError: for a raw batch, which never changes.
        """
        with self._lock:
            now, batch = self.now, self._batches.get(batch_id)
            if batch.raw_json is not None:
                raise TypeError("A raw batch cannot be completed.")
            self._messages.create_now(batch_id, now)
            self._batches.put(replace(batch, completed=now))

    def delete_batch(self, batch_id: str) -> None:
        """Delete a batch; its messages stay."""
        with self._lock:
            self._batches.delete(batch_id)

    def _generate(self, count: int, now: int, duration: int, from_number: str, batch_id: str) -> list[Message]:
        bits_of_each = message_factory.random_bits(count, self._random)
        template = self._random.randrange(100)
        return [
            message_factory.outgoing(
                self._number(),
                now + duration * place // count,
                from_number,
                CUSTOMER_NUMBERS[message_factory.customer_code(bits)],
                batch_id,
                template,
                bits,
            )
            for place, bits in enumerate(bits_of_each)
        ]

    def _rejected(self, size: int, count: int | None) -> tuple[RejectedRecipient, ...]:
        if count is None:
            count = min(size - 1, len(batch_factory.random_rejected(size, self._random)))
        indices = sorted(self._random.sample(range(size), count))
        return tuple(batch_factory.rejected_recipient(index, _INVALID_RECIPIENT) for index in indices)

    def _batch_id(self) -> str:
        with self._lock:
            return batch_factory.random_id(self._random)

    def _number(self) -> int:
        with self._lock:
            self._next_number += 1
            return self._next_number - 1

    def _put_message(self, message: Message) -> Message:
        with self._lock:
            self._messages.put([message])
        return message

    def _put_batch(self, batch: Batch) -> Batch:
        with self._lock:
            self._batches.put(batch)
        return batch
