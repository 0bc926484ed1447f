"""The store: the generated data, what was added to it, live batches, and what clients sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from random import Random
from threading import RLock
from typing import Any

from airflow_provider_hvsms.sandbox.data import batch_factory, live_batch, sent_batch, timestamps
from airflow_provider_hvsms.sandbox.data.history import FIRST_ID
from airflow_provider_hvsms.sandbox.data.phone_numbers import OWN_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import Batch, Message, OptOut, RejectedRecipient, to_json
from airflow_provider_hvsms.sandbox.data.sent_batch import Recipient, SentBatchPlan
from airflow_provider_hvsms.sandbox.data.stored_records import StoredRecords
from airflow_provider_hvsms.sandbox.settings import Settings


class Store(StoredRecords):
    """Messages, batches and opt-outs, and what is added to them. Any thread may call any method.

    :param settings: settings whose ``end`` is set.
    :param clock: seconds since the epoch.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        super().__init__(settings, clock)
        self._lock = RLock()
        self._random = Random(f"additions {settings.seed}")  # noqa: S311 - repeatable on purpose
        self._numbers = count(FIRST_ID + settings.messages)
        self._sending_time = settings.sending_time
        self._listing_delay = settings.listing_delay
        self._sent_ids: list[str] = []

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
            self._opt_outs.put([opt_out])
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
            recipients = live_batch.rejected_recipients(size, rejected, self._random)
            duration = timestamps.from_seconds(3600.0 if seconds is None else seconds)
            completed = None if seconds is None else now + duration
            accepted = size - len(recipients)
            self._messages.put(
                live_batch.generate_messages(
                    accepted, now, duration, from_number, batch_id, self._numbers, self._random
                )
            )
            batch = Batch(self._number(), batch_id, from_number, size, now, completed, recipients, status)
            return self._put_batch(batch).id

    def send_batch(
        self,
        from_number: str,
        recipients: Iterable[tuple[str, str]],
        *,
        created: datetime | None = None,
        sending_time: float | None = None,
        listed_after: float | None = None,
    ) -> Batch:
        """Create a batch as a client does, and return it as the answer has it: with its rejected recipients.

        A test calls it to send a batch in the place of another client.

        :param recipients: pairs of a phone number and the text for it.
        :param created: ``None``: now.
        :param sending_time: seconds until it completes; ``None``: ``Settings.sending_time``.
        :param listed_after: seconds until the batch and its messages appear in responses; ``None``:
            ``Settings.listing_delay``.
        """
        accepted, rejected = sent_batch.split([Recipient(*pair) for pair in recipients])
        with self._lock:
            plan = SentBatchPlan(
                self._batch_id(),
                from_number,
                self.now if created is None else timestamps.from_datetime(created),
                timestamps.from_seconds(self._sending_time if sending_time is None else sending_time),
                timestamps.from_seconds(self._listing_delay if listed_after is None else listed_after),
            )
            opted_out = self._opt_outs.opted_out_from(from_number)
            self._messages.put(plan.messages(accepted, opted_out, self._numbers, self._random))
            self._sent_ids.append(plan.batch_id)
            batch = self._put_batch(plan.batch(self._number(), len(accepted)))
        return replace(batch, rejected=rejected)

    def send_copy(self, batch_id: str) -> Batch:
        """Create another batch now with the sender, recipients and texts of a batch, as another client would."""
        batch = self._batches.get(batch_id)
        return self.send_batch(batch.from_number, [(one.to_numbers[0], one.text) for one in self.messages_of(batch)])

    def sent_messages(self) -> list[Message]:
        """Return the messages of all batches that were sent, future ones included, batch by batch."""
        return [message for batch_id in tuple(self._sent_ids) for message in self._messages.of_batch(batch_id)]

    def sent_counts(self) -> Counter[tuple[str, str]]:
        """Return how many messages each pair of recipient and text was given in the batches that were sent."""
        return Counter((message.to_numbers[0], message.text) for message in self.sent_messages())

    def assign_opt_outs(self, from_number: str, recipients: Sequence[str], *, status: str) -> None:
        """Set the status, ``OptOut`` or ``OptIn``, of recipients of a sender, as the account does."""
        with self._lock:
            self._opt_outs.put([OptOut(self._number(), from_number, to, status, "Account") for to in recipients])

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

    def _batch_id(self) -> str:
        with self._lock:
            return batch_factory.random_id(self._random)

    def _number(self) -> int:
        with self._lock:
            return next(self._numbers)

    def _put_message(self, message: Message) -> Message:
        with self._lock:
            self._messages.put([message])
        return message

    def _put_batch(self, batch: Batch) -> Batch:
        with self._lock:
            self._batches.put(batch)
        return batch
