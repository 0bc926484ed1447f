"""A batch of the service is compared with what a part would have sent."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.filters import MessageFilter
from airflow_provider_hvsms.api.records import Batch, Message
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.sinks.personal_data import normalise

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""By how much two clocks may differ: those of workers, and the service's."""

_MIN_SHARE = 0.5
"""Of a request's messages, a batch that is taken for it has at least this share; the others were rejected. A test
message to a few of the recipients has the right text too."""

_MAX_SINGLE_READS = 10
"""Messages without a text that are read one by one; with more, the texts are not compared."""


class Match(enum.StrEnum):
    """How a batch compares with a part."""

    COMPLETE = "all of its messages match"
    INCOMPLETE = "what is listed of it matches, but that is not all of it yet"
    OTHER_TEXTS = "its recipients match, but not all of its texts"
    SMALL = "its messages match, but they are fewer than half of those that were sent"
    UNREADABLE = "some of its messages cannot be compared"
    NONE = "it has other recipients"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparedBatch:
    """A batch, and how it compares.

    :param listed: messages of it that were seen.
    """

    batch: Batch
    match: Match
    listed: int = 0

    def __str__(self) -> str:
        size = "unknown" if self.batch.batch_size is None else f"{self.batch.batch_size:,}"
        return (
            f"batch {self.batch.id}, created at {self.batch.creation_time:%Y-%m-%d %H:%M:%S} UTC, size {size}, "
            f"{self.listed:,} messages seen: {self.match}"
        )


class PartMatcher:
    """Compares batches with a part.

    What was sent of a part is any of its recipients: opt-outs may have changed since then, and the service may have
    rejected some. So a batch with a recipient of its own is certainly another one. A batch whose recipients are all in
    the part is the part's if its texts are the same, character by character, and as many messages are listed as its
    size says.

    :param size: messages of the request.
    """

    def __init__(self, client: MessageStoreClient, part: Part, *, size: int) -> None:
        self._client = client
        self._texts = {normalise(message.to): message.text for message in (*part.messages, *part.opted_out)}
        self._size = size
        self._final: dict[tuple[str, int | None], ComparedBatch] = {}

    def compare(self, batch: Batch, now: datetime) -> ComparedBatch:
        """Compare a batch by its messages. They are read once only if the result can no longer change.

        :param now: aware; the present.
        :raises HvsmsError: its messages cannot be read.
        """
        key = (batch.id, batch.batch_size)
        if key not in self._final:
            compared = self._compare(batch, now)
            if compared.match not in (Match.COMPLETE, Match.NONE):
                return compared
            self._final[key] = compared
        return self._final[key]

    def _compare(self, batch: Batch, now: datetime) -> ComparedBatch:
        if batch.batch_size is not None and batch.batch_size > len(self._texts):
            return ComparedBatch(batch=batch, match=Match.NONE)
        comparison = _Comparison(self._client, self._texts)
        window = Window(
            batch.creation_time - CLOCK_DIFFERENCE, max(now, batch.creation_time).astimezone(UTC) + CLOCK_DIFFERENCE
        )
        wanted = MessageFilter(batch_id=batch.id, view="Detailed")
        for page in self._client.message_pages(window, wanted, on_invalid="quarantine"):
            comparison.unreadable += len(page.rejects)
            for message in page.records:
                if message.batch_id in (None, batch.id) and not comparison.add(message):
                    return ComparedBatch(batch=batch, match=Match.NONE, listed=len(comparison.recipients))
        return ComparedBatch(batch=batch, match=self._judge(batch, comparison), listed=len(comparison.recipients))

    def _judge(self, batch: Batch, comparison: _Comparison) -> Match:
        listed = len(comparison.recipients)
        if comparison.unreadable:
            return Match.UNREADABLE
        if listed == batch.batch_size == 0 and batch.status == "Completed":
            return Match.NONE
        if comparison.other_texts:
            return Match.OTHER_TEXTS
        if not listed or listed != batch.batch_size:
            return Match.INCOMPLETE
        return Match.COMPLETE if listed >= _MIN_SHARE * self._size else Match.SMALL


class _Comparison:
    """The messages of a batch, compared one by one.

    :param texts: by normalised recipient.
    """

    def __init__(self, client: MessageStoreClient, texts: Mapping[str, str | None]) -> None:
        self._client = client
        self._texts = texts
        self._single_reads = 0
        self.recipients: dict[str, str] = {}
        self.other_texts = False
        self.unreadable = 0

    def add(self, message: Message) -> bool:
        """Compare a message; `False` if its recipient is not in the part."""
        if len(message.to) != 1:
            self.unreadable += 1
            return True
        number = normalise(message.to[0])
        if number not in self._texts:
            return False
        if self.recipients.setdefault(number, message.id) != message.id:
            # A part has each recipient once.
            self.unreadable += 1
        text = self._text_of(message)
        if text is None:
            self.unreadable += 1
        elif text != self._texts[number]:
            self.other_texts = True
        return True

    def _text_of(self, message: Message) -> str | None:
        if message.text is not None or self._single_reads >= _MAX_SINGLE_READS:
            return message.text
        self._single_reads += 1
        return self._client.get_message(message.id).text
