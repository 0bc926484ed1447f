"""The plan of a campaign: recipients are checked, sorted and cut into parts, before anything is sent."""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self, get_args

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.api.sending import OutgoingMessage, check_sender
from airflow_provider_hvsms.campaigns.campaign_text import CampaignText
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.recipient_number import explain_invalid, normalize_number
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow
from airflow_provider_hvsms.campaigns.recipient_spool import Arrival, InvalidRow, PlannedRecipient, RecipientSpool

OnInvalid = Literal["fail", "quarantine"]
"""What becomes of rows without a valid number: the plan fails, or they are kept apart and counted."""

DEFAULT_BATCH_SIZE = 10_000
MAX_BATCH_SIZE = 250_000
"""Messages: what one page of RingCentral's documentation names as the most of a day."""

_NAMED_CONFLICTS = 5

_MAX_STORED_LENGTH = 100
"""Characters that are kept of what stands in place of a number."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """What a plan would send.

    :param recipients: different valid numbers; `to_send` and `opted_out` together.
    :param duplicates: rows that repeat a number with the same text, which is sent once.
    :param invalid: rows without a valid number, if those are kept apart.
    :param opted_out: recipients that are left out because they have opted out.
    :param to_send: messages.
    :param segments: those of the messages together.
    :param parts: batches, each sent with one request; a part whose recipients have all opted out is counted too.
    """

    recipients: int
    duplicates: int
    invalid: int
    opted_out: int
    to_send: int
    segments: int
    parts: int


class CampaignPlan:
    """The parts of a campaign, of any number of recipients: in memory is one part at a time.

    The parts and their fingerprints are the same in each try of the same campaign, in whatever order its rows come and
    whichever of its recipients have opted out in between.

    Example::

        with CampaignPlan(read_list(numbers), from_number="+16505550100", text="Hello {name}", key=key) as plan:
            plan.leave_out(opted_out_numbers)
            for part in plan:
                ...

    :param rows: read once, when the plan is entered.
    :param from_number: the sender, which is part of the fingerprints.
    :param text: of the recipients without their own, at most 1,000 characters; it may have placeholders such as
        `{first_name}`. A recipient's own text is sent as it is.
    :param key: the secret of the fingerprints, without which nobody can find numbers by trying them.
    :param max_batch_size: the most recipients of a part, 1 to 250,000.
    :param on_invalid: `fail` (default), or `quarantine`: such rows are in `invalid_rows`, and are not sent.
    :raises InvalidRequest: an argument is not acceptable; when the plan is entered: a row has no valid number, no text
        or one that is too long, or a number has several texts. It names the row, not the number.
    """

    def __init__(
        self,
        rows: Iterable[RecipientRow],
        *,
        from_number: str,
        text: str | None = None,
        key: bytes,
        max_batch_size: int = DEFAULT_BATCH_SIZE,
        on_invalid: OnInvalid = "fail",
    ) -> None:
        check_sender(from_number)
        check_choice("on_invalid", on_invalid, get_args(OnInvalid))
        if type(max_batch_size) is not int or not 1 <= max_batch_size <= MAX_BATCH_SIZE:
            raise InvalidRequest(f"max_batch_size must be a whole number from 1 to {MAX_BATCH_SIZE:,}.")
        if not key:
            raise InvalidRequest("The key of the fingerprints is empty.")
        self._rows = rows
        self._from_number = from_number
        self._text = CampaignText(text)
        self._key = key
        self._max_batch_size = max_batch_size
        self._on_invalid = on_invalid
        self._duplicates = 0
        self._invalid_count = 0
        self._first_invalid: tuple[str, str] | None = None
        self._fingerprints: dict[int, str] | None = None

    def __enter__(self) -> Self:
        self._spool = RecipientSpool()
        try:
            self._read()
        except BaseException:
            self._spool.close()
            raise
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._spool.close()

    def leave_out(self, opted_out: Iterable[str]) -> None:
        """Leave out recipients who have opted out, in place of those of an earlier call.

        :param opted_out: numbers in E.164 format, also those of others.
        """
        self._spool.leave_out(opted_out)

    def fingerprints(self) -> Mapping[int, str]:
        """The fingerprints of the parts by their numbers, without the parts."""
        if self._fingerprints is None:
            batches = self._spool.batches(self._max_batch_size)
            self._fingerprints = {number: self._fingerprint(batch) for number, batch in enumerate(batches, start=1)}
        return dict(self._fingerprints)

    def __iter__(self) -> Iterator[Part]:
        """The parts in their order, each made when it is asked for. Several passes are possible."""
        fingerprints = self.fingerprints()
        for number, batch in enumerate(self._spool.batches(self._max_batch_size), start=1):
            yield Part(
                number=number,
                fingerprint=fingerprints[number],
                messages=tuple(self._message(one) for one in batch if not one.opted_out),
                opted_out=tuple(self._message(one) for one in batch if one.opted_out),
            )

    @property
    def summary(self) -> PlanSummary:
        """What would be sent, after the latest call of `leave_out`."""
        totals = self._spool.totals()
        return PlanSummary(
            recipients=totals.recipients,
            duplicates=self._duplicates,
            invalid=self._invalid_count,
            opted_out=totals.opted_out,
            to_send=totals.recipients - totals.opted_out,
            segments=totals.segments,
            parts=-(-totals.recipients // self._max_batch_size),
        )

    def invalid_rows(self) -> Iterator[InvalidRow]:
        """The rows without a valid number, which are not sent."""
        return self._spool.invalid_rows()

    def _read(self) -> None:
        source = "Row"
        for row in self._rows:
            source = row.source
            number = normalize_number(row.to)
            if number is None:
                self._set_aside(row)
            else:
                self._spool.add(Arrival(number, row.place, *self._text.measure(row)))
        if self._first_invalid and self._on_invalid == "fail":
            place, reason = self._first_invalid
            raise InvalidRequest(
                f"Rows without a valid number: {self._invalid_count:,}. The first is {place}: {reason}. Nothing was "
                "sent. Correct them, or leave them out with on_invalid='quarantine'."
            )
        self._duplicates = self._spool.sort()
        if self._duplicates and (conflicts := self._spool.conflicts(_NAMED_CONFLICTS)):
            raise InvalidRequest(_explain_conflicts(source, conflicts))
        self._spool.drop_arrivals()

    def _set_aside(self, row: RecipientRow) -> None:
        self._invalid_count += 1
        reason = explain_invalid(row.to)
        if self._first_invalid is None:
            self._first_invalid = (row.label, reason)
        if self._on_invalid == "quarantine":
            self._spool.add_invalid(InvalidRow(row.place, _as_found(row.to), reason))

    def _message(self, recipient: PlannedRecipient) -> OutgoingMessage:
        return OutgoingMessage(recipient.number, self._text.common if recipient.text is None else recipient.text)

    def _fingerprint(self, batch: Sequence[PlannedRecipient]) -> str:
        digest = hmac.new(self._key, b"hvsms campaign part 1\n" + _with_length(self._from_number), "sha256")
        common = _with_length(self._text.common or "")
        for number, text, _ in batch:
            digest.update(_with_length(number) + (common if text is None else _with_length(text)))
        return digest.hexdigest()


def _with_length(text: str) -> bytes:
    """The text so that no two sequences of texts give the same bytes."""
    encoded = text.encode()
    return b"%d:%s," % (len(encoded), encoded)


def _as_found(value: object) -> str | None:
    """What stands in place of a number, as text that can be stored."""
    if value is None:
        return None
    return str(value)[:_MAX_STORED_LENGTH].encode(errors="replace").decode()


def _explain_conflicts(source: str, conflicts: Sequence[tuple[int, int]]) -> str:
    pairs = "; ".join(f"{source} {first:,} and {second:,}" for first, second in conflicts)
    more = " (and perhaps more)" if len(conflicts) == _NAMED_CONFLICTS else ""
    return (
        f"The same number has different texts in {pairs}{more}. Nothing was sent. Send the texts in campaigns of their "
        "own, or keep one of them."
    )
