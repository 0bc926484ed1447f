"""The data behind the reads: the seeded history, and what was added to it since."""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import merge
from random import Random
from threading import RLock
from typing import Any, TypeVar

from airflow_provider_hvsms.sandbox import drafting, moments
from airflow_provider_hvsms.sandbox.history import (
    FIRST_BATCH,
    FIRST_ID,
    INBOUND,
    History,
    random_bits,
    rejected_recipients,
)
from airflow_provider_hvsms.sandbox.lifecycle import is_complete
from airflow_provider_hvsms.sandbox.numbers import CUSTOMER_COUNT, OWN_NUMBERS, customer, customer_code
from airflow_provider_hvsms.sandbox.records import (
    Batch,
    Key,
    Message,
    OptOut,
    RawBatch,
    RawMessage,
    Rejected,
    WrittenMessage,
    has_appeared,
)
from airflow_provider_hvsms.sandbox.selection import Selection, bare_number
from airflow_provider_hvsms.sandbox.settings import Settings
from airflow_provider_hvsms.sandbox.written import WrittenHistory

Keyed = TypeVar("Keyed", Message | RawMessage, Batch | RawBatch, OptOut)
Past = TypeVar("Past", Message, WrittenMessage)


class Store:
    """Messages, batches and opt-outs. Everything may be called from several threads.

    :param settings: settings whose ``end`` is filled in.
    :param clock: seconds since the epoch.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        if settings.end is None:
            raise ValueError("The settings need an end.")
        self._clock = clock
        self._lock = RLock()
        self._random = Random(f"additions {settings.seed}")  # noqa: S311 - repeatable on purpose
        self._next = FIRST_ID + settings.messages
        end = moments.from_datetime(settings.end)
        self._history = History(settings.messages, settings.days, settings.seed, end)
        self._written = WrittenHistory(self._history) if settings.written_ahead else None
        # Replaced as a whole and never changed in place: a reader keeps the tuple that it took.
        self._added: tuple[Message | RawMessage, ...] = ()
        self._added_of: defaultdict[str, dict[int, Message]] = defaultdict(dict)
        self._batches: tuple[Batch | RawBatch, ...] = tuple(self._history.batches)
        self._by_id: dict[str, Batch | RawBatch] = {batch.id: batch for batch in self._history.batches}
        self._costs: dict[str, float] = {}
        self._opt_outs = _seeded_opt_outs(settings)

    @property
    def messages(self) -> list[Message]:
        """All messages by order of creation, those to come too, without raw ones. Built anew at each call."""
        past = map(self._history.message, range(len(self._history)))
        added = [message for message in self._added if isinstance(message, Message)]
        return list(merge(past, added, key=_key)) if added else list(past)

    @property
    def raw_messages(self) -> list[RawMessage]:
        """The raw messages by order of creation."""
        return [message for message in self._added if isinstance(message, RawMessage)]

    @property
    def batches(self) -> list[Batch]:
        """All batches by order of creation, those to come too, without raw ones."""
        return [batch for batch in self._batches if isinstance(batch, Batch)]

    @property
    def opt_outs(self) -> list[OptOut]:
        """All opt-out records, oldest first."""
        return list(self._opt_outs)

    @property
    def now(self) -> int:
        """The clock in microseconds."""
        return moments.from_seconds(self._clock())

    def find_message(self, message_id: str, now: int) -> Message | RawMessage | None:
        """Return the message with an id, if it exists by ``now``."""
        for added in self._added:
            if _shown_id(added) == message_id:
                return added if has_appeared(added, now) else None
        if not (message_id.isascii() and message_id.isdecimal() and len(message_id) < 19):
            return None
        index = self._history.index_of(int(message_id))
        message = None if index is None else self._history.message(index)
        return message if message and message.created <= now and str(message.id) == message_id else None

    def find_batch(self, batch_id: str, now: int) -> Batch | RawBatch | None:
        """Return the batch with an id, if it exists by ``now``."""
        batch = self._by_id.get(batch_id)
        return batch if batch and batch.created <= now else None

    def newest_first(self, selection: Selection, below: Key | None, now: int) -> Iterator[Message | RawMessage]:
        """Yield the wanted messages that exist by ``now``, those before the key ``below`` in order of creation."""
        return self._newest_first(selection, below, now, self._history.message)

    def simple_newest_first(
        self, selection: Selection, below: Key | None, now: int
    ) -> Iterator[Message | RawMessage | WrittenMessage]:
        """Do the same for the simple view, with those that are written already."""
        written = self._written
        if written is None or not written.is_valid(now):
            return self.newest_first(selection, below, now)
        return self._newest_first(selection, below, now, written.message)

    def _newest_first(
        self, selection: Selection, below: Key | None, now: int, message: Callable[[int], Past]
    ) -> Iterator[Message | RawMessage | Past]:
        top = min((selection.end, 0), (now + 1, 0))
        if below is not None:
            top = min(top, below)
        past = self._past(selection, (selection.start, 0), top)
        added = _between(self._added, (selection.start, 0), top)
        wanted = [message for message in reversed(added) if has_appeared(message, now) and selection.wants(message)]
        found = map(message, reversed(past) if isinstance(past, range) else past[::-1])
        return merge(wanted, found, key=_key, reverse=True) if wanted else found

    def keys_upwards(self, selection: Selection, start: Key, now: int) -> Iterator[Key]:
        """Yield the keys of the wanted messages that exist by ``now``, upwards from the key ``start``."""
        top = min((selection.end, 0), (now + 1, 0))
        past = map(self._history.key, self._past(selection, start, top))
        added = [message for message in _between(self._added, start, top) if has_appeared(message, now)]
        return merge(past, map(_key, filter(selection.wants, added))) if added else past

    def _past(self, selection: Selection, start: Key, end: Key) -> range | list[int]:
        """Return the places in the history from one key to another that the filters want, oldest first."""
        history = self._history
        first, last = history.place(start), history.place(end)
        places = range(first, max(first, last))
        if selection.batch_id is not None:
            places = self._of_batch(selection.batch_id, places)
        wanted: range | list[int] = places
        if selection.batch_id is not None:
            slot = self._slot(selection.batch_id)
            wanted = [place for place in wanted if history.slot[place] == slot]
        if selection.direction is not None:
            inbound = selection.direction == "Inbound"
            wanted = [place for place in wanted if (history.slot[place] == INBOUND) == inbound]
        return self._with_number(wanted, selection.phone_numbers) if selection.phone_numbers else wanted

    def _with_number(self, places: range | list[int], phone_numbers: frozenset[str]) -> list[int]:
        own, others = self._history.own, self._history.customer
        owns = {place for place, number in enumerate(OWN_NUMBERS) if bare_number(number) in phone_numbers}
        codes = {customer_code(f"+{number}") for number in phone_numbers}
        return [place for place in places if others[place] in codes or own[place] in owns]

    def _of_batch(self, batch_id: str, places: range) -> range:
        """Narrow a range of places to the minutes in which the history's batch was sent."""
        slot = self._slot(batch_id)
        if slot is None:
            return range(0)
        batch = self._history.batches[slot - FIRST_BATCH]
        first = self._history.place((batch.created, 0))
        last = self._history.place((batch.completed or batch.created, 0))
        return range(max(places.start, first), max(places.start, first, min(places.stop, last)))

    def _slot(self, batch_id: str) -> int | None:
        batch = self._by_id.get(batch_id)
        if isinstance(batch, Batch) and batch.number < len(self._history.batches):
            return batch.number + FIRST_BATCH
        return None

    def messages_of(self, batch: Batch) -> list[Message]:
        """Return a batch's messages by order of creation, those to come too."""
        wanted = Selection(batch.created, _LAST[0], batch.id)
        past = self._past(wanted, (batch.created, 0), _LAST)
        added = sorted(self._added_of.get(batch.id, {}).values(), key=_key)
        return [*map(self._history.message, past), *added]

    def visible_batches(self, now: int) -> list[Batch | RawBatch]:
        """Return the batches that exist by ``now``, oldest first."""
        return [batch for batch in self._batches if batch.created <= now]

    def processed(self, batch: Batch, now: int) -> int:
        """Return how many recipients of a batch have been dealt with by ``now``, refused ones included."""
        if batch.processed is not None:
            return batch.processed
        if is_complete(batch, now):
            return batch.size
        return len(batch.rejected) + sum(message.created <= now for message in self.messages_of(batch))

    def batch_cost(self, batch: Batch) -> float:
        """Return the sum of what a batch's messages cost in the end."""
        if batch.cost is not None:
            return batch.cost
        if batch.id not in self._costs:
            self._costs[batch.id] = round(sum(one.final_cost or 0.0 for one in self.messages_of(batch)), 6)
        return self._costs[batch.id]

    def batch_modified(self, batch: Batch, now: int) -> int:
        """Return the last moment by ``now`` at which a batch was worked on."""
        if batch.completed is not None and batch.completed <= now:
            return batch.completed
        created = [message.created for message in self.messages_of(batch) if message.created <= now]
        return max(created, default=batch.created)

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
        """Add one message and return it. Delays are seconds after ``created``; any status will do."""
        message = Message(
            id=self._number(),
            created=moments.from_datetime(created),
            direction=direction,
            from_number=from_number,
            to_numbers=(to_number,) if isinstance(to_number, str) else to_number,
            text=text,
            segments=segments,
            final_status=final_status,
            sent_after=None if sent_after is None else moments.from_seconds(sent_after),
            settled_after=moments.from_seconds(settled_after),
            final_cost=cost,
            error_code=error_code,
            batch_id=batch_id,
            listed_after=moments.from_seconds(listed_after),
        )
        self._add_messages([message])
        return message

    def add_raw_message(self, record: Any, *, created: datetime) -> RawMessage:
        """Add a record that is answered word for word in lists and single reads; it sorts at ``created``."""
        raw = RawMessage(self._number(), moments.from_datetime(created), record)
        self._add_messages([raw])
        return raw

    def add_batch(
        self,
        *,
        created: datetime,
        completed: datetime | None,
        size: int,
        batch_id: str | None = None,
        from_number: str = OWN_NUMBERS[0],
        rejected: tuple[Rejected, ...] = (),
        status: str = "Processing",
        cost: float | None = None,
        processed: int | None = None,
    ) -> Batch:
        """Add one batch, without messages, and return it; ``size`` counts refused recipients too."""
        done = None if completed is None else moments.from_datetime(completed)
        batch = Batch(
            self._number(),
            batch_id or self._batch_id(),
            from_number,
            size,
            moments.from_datetime(created),
            done,
            rejected,
            status,
            cost,
            processed,
        )
        self._put_batch(batch.id, batch)
        return batch

    def add_raw_batch(self, record: Any, *, created: datetime, batch_id: str | None = None) -> RawBatch:
        """Add a batch record that is answered word for word; ``batch_id``, or else the record's own, finds it."""
        raw = RawBatch(self._number(), moments.from_datetime(created), record)
        own_id = record.get("id") if isinstance(record, Mapping) else None
        self._put_batch(batch_id or str(own_id or raw.number), raw)
        return raw

    def add_opt_out(
        self,
        *,
        from_number: str,
        to_number: str,
        status: str = "OptOut",
        source: str = "Recipient",
        raw: Any = None,
    ) -> OptOut:
        """Add an opt-out record, in place of an older one of the same two numbers, and return it."""
        record = OptOut(self._number(), from_number, to_number, status, source, raw)
        pair = (from_number, to_number)
        with self._lock:
            others = (one for one in self._opt_outs if (one.from_number, one.to_number) != pair)
            self._opt_outs = (*others, record)
        return record

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

        :param size: recipients, refused ones included.
        :param seconds: how long it takes; ``None``: until ``complete_batch``.
        :param status: what it shows until it is complete.
        :param rejected: how many recipients are refused; ``None``: left to chance.
        """
        if size < 1 or (rejected is not None and not 0 <= rejected <= size) or (seconds is not None and seconds < 0):
            raise ValueError("size must be at least 1, rejected at most size, and seconds not negative")
        with self._lock:
            now, batch_id = self.now, self._batch_id()
            refused = self._rejected(size, rejected)
            duration = moments.from_seconds(3600.0 if seconds is None else seconds)
            completed = None if seconds is None else now + duration
            self._add_messages(self._sending(size - len(refused), now, duration, from_number, batch_id))
            self._put_batch(
                batch_id, Batch(self._number(), batch_id, from_number, size, now, completed, refused, status)
            )
        return batch_id

    def complete_batch(self, batch_id: str) -> None:
        """Complete a live batch now; its messages that were still to come are created now."""
        with self._lock:
            now, batch = self.now, self._known(batch_id)
            early = [one for one in self._added_of[batch_id].values() if one.created > now]
            moved = {one.id: replace(one, created=now) for one in early}
            kept = [one for one in self._added if not (isinstance(one, Message) and one.id in moved)]
            self._added = tuple(sorted([*kept, *moved.values()], key=_key))
            self._added_of[batch_id].update(moved)
            self._put_batch(batch_id, replace(batch, completed=now))

    def delete_batch(self, batch_id: str) -> None:
        """Take a batch away; its messages stay."""
        with self._lock:
            gone = self._by_id.pop(batch_id)
            self._batches = tuple(batch for batch in self._batches if batch is not gone)

    def _known(self, batch_id: str) -> Batch:
        batch = self._by_id[batch_id]
        if not isinstance(batch, Batch):
            raise TypeError("A raw batch does not change.")
        return batch

    def _sending(self, count: int, now: int, duration: int, own: str, batch_id: str) -> list[Message]:
        bits = random_bits(count, self._random)
        template = self._random.randrange(100)
        return [
            drafting.outgoing(
                self._number(),
                now + duration * place // count,
                own,
                customer((one >> 24) % CUSTOMER_COUNT),
                batch_id,
                template,
                one,
            )
            for place, one in enumerate(bits)
        ]

    def _rejected(self, size: int, count: int | None) -> tuple[Rejected, ...]:
        if count is None:
            count = min(size - 1, len(rejected_recipients(size, self._random)))
        places = sorted(self._random.sample(range(size), count))
        return tuple(Rejected(place, ("29395",), "CMN-100", "The recipient is invalid") for place in places)

    def _batch_id(self) -> str:
        with self._lock:
            return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _number(self) -> int:
        with self._lock:
            self._next += 1
            return self._next - 1

    def _add_messages(self, messages: Sequence[Message | RawMessage]) -> None:
        with self._lock:
            self._added = tuple(sorted([*self._added, *messages], key=_key))
            for message in messages:
                if isinstance(message, Message) and message.batch_id is not None:
                    self._added_of[message.batch_id][message.id] = message
                    self._costs.pop(message.batch_id, None)

    def _put_batch(self, shown_id: str, batch: Batch | RawBatch) -> None:
        with self._lock:
            old = self._by_id.get(shown_id)
            kept = [one for one in self._batches if one is not old]
            self._by_id[shown_id] = batch
            self._batches = tuple(sorted([*kept, batch], key=_key))


_LAST: Key = (1 << 62, 0)


def _key(record: Message | RawMessage | WrittenMessage | Batch | RawBatch | OptOut) -> Key:
    return record.key


def _between(records: tuple[Keyed, ...], start: Key, end: Key) -> tuple[Keyed, ...]:
    first = bisect_left(records, start, key=_key)
    return records[first : bisect_left(records, end, first, key=_key)]


def _shown_id(message: Message | RawMessage) -> str:
    if isinstance(message, Message):
        return str(message.id)
    record = message.record
    return str(record["id"]) if isinstance(record, Mapping) and "id" in record else str(message.number)


def _seeded_opt_outs(settings: Settings) -> tuple[OptOut, ...]:
    random = Random(f"opt-outs {settings.seed}")  # noqa: S311 - repeatable on purpose
    count = min(settings.opt_outs, len(OWN_NUMBERS) * CUSTOMER_COUNT)
    pairs = random.sample(range(len(OWN_NUMBERS) * CUSTOMER_COUNT), count)
    sources = ("Recipient", "Recipient", "Recipient", "Account", "Upstream", "Carrier")
    return tuple(
        OptOut(
            number,
            OWN_NUMBERS[pair % len(OWN_NUMBERS)],
            customer(pair // len(OWN_NUMBERS)),
            "OptIn" if random.random() < 0.2 else "OptOut",
            random.choice(sources),
        )
        for number, pair in enumerate(pairs)
    )
