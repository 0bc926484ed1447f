"""The table of messages: the generated history, and the messages that were added to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import attrgetter

from airflow_provider_hvsms.sandbox.data.filters import MessageFilters
from airflow_provider_hvsms.sandbox.data.history import FIRST_ID, History
from airflow_provider_hvsms.sandbox.data.keys import Key, positions_between
from airflow_provider_hvsms.sandbox.data.records import Message

_key = attrgetter("key")
_NO_FILTERS = MessageFilters()


class MessageTable:
    """All messages by key. Any thread may read; the caller of ``put`` holds a lock."""

    def __init__(self, history: History) -> None:
        self._history = history
        # Replaced as a whole and never changed in place: a reader keeps the tuple that it took.
        self._added: tuple[Message, ...] = ()
        self._added_by_number: dict[int, Message] = {}
        self._added_by_batch: defaultdict[str, dict[int, Message]] = defaultdict(dict)
        self._batch_costs: dict[str, float] = {}

    def put(self, messages: Sequence[Message]) -> None:
        """Add messages, or replace those of the same numbers."""
        new = {message.id: message for message in messages}
        kept = [message for message in self._added if message.id not in new]
        self._added_by_number.update(new)
        self._added = tuple(sorted([*kept, *messages], key=_key))
        for message in messages:
            if message.batch_id is not None and message.raw_json is None:
                self._added_by_batch[message.batch_id][message.id] = message
                self._batch_costs.pop(message.batch_id, None)

    def create_now(self, batch_id: str, now: int) -> None:
        """Let the added messages of a batch that are still to come be created now."""
        future = [message for message in self._added_by_batch[batch_id].values() if message.created > now]
        self.put([message._replace(created=now) for message in future])

    def all(self) -> list[Message]:
        """Return all messages but raw ones, future ones included, oldest first; built at each call."""
        added = [message for message in self._added if message.raw_json is None]
        return list(merge(self._history, added, key=_key))

    def get(self, key: Key) -> Message:
        """Return the message with a key."""
        _, number = key
        position = number - FIRST_ID
        return self._history.message(position) if position < len(self._history) else self._added_by_number[number]

    def find(self, shown_id: str, now: int) -> Message | None:
        """Return the message with an id, if responses contain it by ``now``."""
        added = next((message for message in self._added if message.shown_id == shown_id), None)
        message = self._find_in_history(shown_id) if added is None else added
        return message if message is not None and message.is_listed(now) else None

    def matching(self, filters: MessageFilters, now: int) -> MatchingMessages:
        """Return the keys of the messages that pass the filters and are listed by ``now``."""
        return MatchingMessages(self._history, self._added, filters, now)

    def of_batch(self, batch_id: str) -> list[Message]:
        """Return the messages of a batch, future ones included, oldest first."""
        filters, history = MessageFilters(batch_id), self._history
        past = [history.message(at) for at in history.batch_positions(batch_id) if filters.match(history.row(at))]
        return [*past, *sorted(self._added_by_batch.get(batch_id, {}).values(), key=_key)]

    def cost_of_batch(self, batch_id: str) -> float:
        """Return the sum of the final costs of a batch's messages."""
        if batch_id not in self._batch_costs:
            costs = (message.final_cost or 0.0 for message in self.of_batch(batch_id))
            self._batch_costs[batch_id] = round(sum(costs), 6)
        return self._batch_costs[batch_id]

    def _find_in_history(self, shown_id: str) -> Message | None:
        if not (shown_id.isascii() and shown_id.isdecimal() and len(shown_id) < 19):
            return None
        position = int(shown_id) - FIRST_ID
        if not 0 <= position < len(self._history):
            return None
        message = self._history.message(position)
        return message if message.shown_id == shown_id else None


class MatchingMessages:
    """The keys of the messages that pass the filters, read lazily: a page scans no further than it reaches."""

    def __init__(self, history: History, added: Sequence[Message], filters: MessageFilters, now: int) -> None:
        self._history = history
        self._added = added
        self._filters = filters
        self._now = now

    def ascending(self, start: Key, end: Key) -> Iterator[Key]:
        """Yield the keys in ``[start, end)``, oldest first."""
        added, past = self._added_positions(start, end), self._history_keys(self._history_positions(start, end))
        return merge(past, self._added_keys(added)) if added else past

    def descending(self, start: Key, end: Key) -> Iterator[Key]:
        """Yield the keys in ``[start, end)``, newest first."""
        added = self._added_positions(start, end)
        past = self._history_keys(reversed(self._history_positions(start, end)))
        return merge(past, self._added_keys(reversed(added)), reverse=True) if added else past

    def are_history(self, start: Key, end: Key) -> bool:
        """Whether the keys in ``[start, end)`` are all keys of the history, and no others."""
        is_whole = len(self._history_positions(start, end)) == len(self._history)
        return (
            is_whole and self._filters == _NO_FILTERS and not any(self._added_keys(self._added_positions(start, end)))
        )

    def _history_positions(self, start: Key, end: Key) -> range:
        positions = self._history.positions(start, min(end, (self._now + 1, 0)))
        if self._filters.batch_id is None:
            return positions
        batch = self._history.batch_positions(self._filters.batch_id)
        return range(max(positions.start, batch.start), min(positions.stop, batch.stop))

    def _history_keys(self, positions: Iterable[int]) -> Iterator[Key]:
        key, row, match = self._history.key, self._history.row, self._filters.match
        if self._filters == _NO_FILTERS:
            return map(key, positions)
        return (key(position) for position in positions if match(row(position)))

    def _added_positions(self, start: Key, end: Key) -> range:
        return positions_between(self._added, start, end, key=_key)

    def _added_keys(self, positions: Iterable[int]) -> Iterator[Key]:
        messages, match, now = map(self._added.__getitem__, positions), self._filters.match, self._now
        return (message.key for message in messages if message.is_listed(now) and match(message))
