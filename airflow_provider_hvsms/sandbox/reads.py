"""The six reads: what they take, and what they answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from airflow_provider_hvsms.sandbox import answers, paging, rendering
from airflow_provider_hvsms.sandbox.answers import Answer, Refusal
from airflow_provider_hvsms.sandbox.lifecycle import is_complete, message_state
from airflow_provider_hvsms.sandbox.moments import text as time_text
from airflow_provider_hvsms.sandbox.paging import InvalidToken, Neighbours, Position, Tokens
from airflow_provider_hvsms.sandbox.parameters import Parameters
from airflow_provider_hvsms.sandbox.records import Batch, Key, OptOut, RawBatch, RawMessage
from airflow_provider_hvsms.sandbox.selection import Selection, bare_number
from airflow_provider_hvsms.sandbox.settings import Settings
from airflow_provider_hvsms.sandbox.store import Store

_DIRECTIONS = ("Inbound", "Outbound")
_BATCH_STATUSES = ("Queued", "Processing", "Sent", "Completed")
_OPT_OUT_STATUSES = {"optout": ("OptOut",), "optin": ("OptIn",), "all": ("OptOut", "OptIn")}
_MESSAGE_FILTERS = ("dateFrom", "dateTo", "batchId", "phoneNumber", "direction", "view")
_BATCH_FILTERS = ("dateFrom", "dateTo", "from", "status")
_OPT_OUT_FILTERS = ("from", "to", "status")
_STATUS_NAMES = {
    "Queued": "queued",
    "Sent": "sent",
    "Delivered": "delivered",
    "DeliveryFailed": "deliveryFailed",
    "SendingFailed": "sendingFailed",
}


class _Keyed(Protocol):
    @property
    def key(self) -> Key: ...


Row = TypeVar("Row", bound=_Keyed)
Descend = Callable[[Key | None], Iterator[Row]]
Ascend = Callable[[Key], Iterator[Key]]


class Reads:
    """Answers reads that are allowed; raises ``Refusal`` for those that ask for something wrong."""

    def __init__(self, store: Store, settings: Settings, tokens: Tokens) -> None:
        self._store = store
        self._settings = settings
        self._tokens = tokens

    def messages(self, query: str) -> Answer:
        """Answer a page of messages."""
        now, given = self._store.now, Parameters(query)
        window = given.window(now)
        batch_id, numbers = given.one("batchId"), given.phone_numbers("phoneNumber")
        direction = _one_direction(given.choices("direction", _DIRECTIONS))
        detailed = given.choice("view", ("Simple", "Detailed")) == "Detailed"
        here, per_page, binding = self._page(given, "messages", _MESSAGE_FILTERS, window)
        wanted = Selection(here.start, here.end, batch_id, numbers, direction)
        newest_first = self._store.newest_first if detailed else self._store.simple_newest_first
        rows, around = _turn(
            lambda below: newest_first(wanted, below, now),
            lambda start: self._store.keys_upwards(wanted, start, now),
            here,
            per_page,
            self._settings.page_shift,
        )
        return self._list([rendering.listed(row, now, detailed) for row in rows], here, around, per_page, binding)

    def message(self, message_id: str) -> Answer:
        """Answer one message."""
        now = self._store.now
        message = self._store.find_message(message_id, now)
        if message is None:
            raise Refusal(answers.not_found("messageId"))
        return answers.of_text(rendering.single(message, now, self._settings.legacy_names))

    def batches(self, query: str) -> Answer:
        """Answer a page of batches."""
        now, given = self._store.now, Parameters(query)
        window = given.window(now)
        sender, statuses = given.phone_number("from"), given.choices("status", _BATCH_STATUSES)
        here, per_page, binding = self._page(given, "batches", _BATCH_FILTERS, window)
        rows = [
            (batch, fields)
            for batch in self._store.visible_batches(now)
            if here.start <= batch.created < here.end
            and _has_sender(fields := self._batch_fields(batch, now), sender)
            and (not statuses or fields.get("status") in statuses)
        ]
        shown = {batch.key: rendering.dumps(_record(batch, fields)) for batch, fields in rows}
        page, around = _turn_list([batch for batch, _ in rows], here, per_page)
        return self._list([shown[batch.key] for batch in page], here, around, per_page, binding)

    def batch(self, batch_id: str) -> Answer:
        """Answer one batch."""
        now = self._store.now
        batch = self._store.find_batch(batch_id, now)
        if batch is None:
            raise Refusal(answers.not_found("batchId"))
        return answers.of_json(self.batch_record(batch, now))

    def batch_record(self, batch: Batch | RawBatch, now: int) -> Any:
        """Return a batch as it is shown at a moment."""
        return _record(batch, self._batch_fields(batch, now))

    def statuses(self, query: str) -> Answer:
        """Answer how many messages there are of each status, and what they cost."""
        now, given = self._store.now, Parameters(query)
        start, end = given.window(now)
        batch_id, numbers = given.one("batchId"), given.phone_numbers("phoneNumber")
        direction = _one_direction(given.choices("direction", _DIRECTIONS))
        given.check()
        totals = _Totals()
        for message in self._store.newest_first(Selection(start, end, batch_id, numbers, direction), None, now):
            if isinstance(message, RawMessage):
                totals.add_raw(message.record)
            else:
                state = message_state(message, now)
                totals.add(state.status, state.cost, state.error_code)
        return answers.of_json(totals.legacy_shape() if self._settings.legacy_statuses else totals.shape())

    def opt_outs(self, query: str) -> Answer:
        """Answer a page of opt-outs."""
        page, here, around, per_page, binding = self._opt_outs(query)
        return self._list(list(map(rendering.opt_out, page)), here, around, per_page, binding)

    def opt_outs_as_csv(self, query: str) -> Answer:
        """Answer a page of opt-outs as CSV; the service does not document how it tells of the next page."""
        page, *_ = self._opt_outs(query)
        return Answer(200, rendering.opt_outs_as_csv(page).encode(), content_type="text/csv;charset=utf-8")

    def _opt_outs(self, query: str) -> tuple[list[OptOut], Position, Neighbours, int, str]:
        given = Parameters(query)
        sender, recipient = given.phone_number("from", wildcard="*"), given.phone_number("to")
        statuses = _OPT_OUT_STATUSES.get(given.choice("status", _OPT_OUT_STATUSES) or "optout", ())
        here, per_page, binding = self._page(given, "opt-outs", _OPT_OUT_FILTERS, (0, 0))
        rows = [
            one
            for one in self._store.opt_outs
            if one.status in statuses
            and (sender is None or bare_number(one.from_number) == sender)
            and (recipient is None or bare_number(one.to_number) == recipient)
        ]
        page, around = _turn_list(rows, here, per_page)
        return page, here, around, per_page, binding

    def _page(
        self, given: Parameters, resource: str, filters: Collection[str], window: tuple[int, int]
    ) -> tuple[Position, int, str]:
        """Return the page that is asked for, its size, and what its tokens are bound to."""
        per_page, token = given.per_page(), given.one("pageToken")
        given.check()
        binding = given.binding(resource, filters)
        if token is None:
            return Position(*window), per_page, binding
        try:
            return self._tokens.read(binding, token), per_page, binding
        except InvalidToken:
            raise Refusal(answers.invalid_parameters(["pageToken"])) from None

    def _list(self, records: list[str], here: Position, around: Neighbours, per_page: int, binding: str) -> Answer:
        fields = paging.paging(
            lambda position: self._tokens.write(binding, position),
            here,
            around,
            per_page,
            self._settings.last_page,
        )
        tail = "" if fields is None else f',"paging":{rendering.dumps(fields)}'
        return answers.of_text(f'{{"records":[{",".join(records)}]{tail}}}')

    def _batch_fields(self, batch: Batch | RawBatch, now: int) -> dict[str, Any]:
        if isinstance(batch, RawBatch):
            return batch.record if isinstance(batch.record, dict) else {}
        complete = is_complete(batch, now)
        fields = {
            "id": batch.id,
            "from": batch.from_number,
            "batchSize": batch.size,
            "processedCount": self._store.processed(batch, now),
            "status": "Completed" if complete else batch.status,
            "creationTime": time_text(batch.created),
            "lastModifiedTime": time_text(self._store.batch_modified(batch, now)),
            "rejected": list(map(rendering.rejected, batch.rejected)),
        }
        return {**fields, "cost": self._store.batch_cost(batch)} if complete else fields


class _Totals:
    """Counts and costs by status. A status that is not in the service's answer is not counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._costs: dict[str, float] = dict.fromkeys(_STATUS_NAMES, 0.0)
        self._errors: dict[str, Counter[str]] = {name: Counter() for name in ("DeliveryFailed", "SendingFailed")}

    def add(self, status: str, cost: float | None, error_code: str | None) -> None:
        if status not in _STATUS_NAMES:
            return
        self._counts[status] += 1
        self._costs[status] += cost or 0.0
        if error_code is not None and status in self._errors:
            self._errors[status][error_code] += 1

    def add_raw(self, record: Any) -> None:
        fields = record if isinstance(record, dict) else {}
        cost, error_code = fields.get("cost"), fields.get("errorCode")
        self.add(
            str(fields.get("messageStatus")),
            cost if isinstance(cost, float) else None,
            error_code if isinstance(error_code, str) else None,
        )

    def shape(self) -> dict[str, Any]:
        return {
            name: {
                "count": self._counts[status],
                "cost": round(self._costs[status], 6),
                **self._error_counts(status),
            }
            for status, name in _STATUS_NAMES.items()
        }

    def legacy_shape(self) -> dict[str, Any]:
        counts = {status: {"count": self._counts[status], **self._error_counts(status)} for status in _STATUS_NAMES}
        return {"messageStatuses": counts}

    def _error_counts(self, status: str) -> dict[str, dict[str, int]]:
        return {"errorCodeCounts": dict(self._errors[status])} if status in self._errors else {}


def _turn(
    descend: Descend[Row], ascend: Ascend, here: Position, per_page: int, shift: int = 0
) -> tuple[list[Row], Neighbours]:
    """Return the records of a page, newest first, and the pages around it.

    :param shift: how many of its records come again on the next page; below zero, how many come on neither.
    """
    last = max(1, per_page - shift)
    rows = list(islice(descend(here.below), max(last, per_page) + 1))
    following = Position(here.start, here.end, rows[last - 1].key) if len(rows) > max(last, per_page) else None
    previous = None
    if here.below is not None:
        newer = list(islice(ascend(here.below), per_page + 1))
        previous = Position(here.start, here.end, newer[per_page] if len(newer) > per_page else None)
    return rows[:per_page], Neighbours(previous, following)


def _turn_list(rows: Sequence[Row], here: Position, per_page: int) -> tuple[list[Row], Neighbours]:
    """Do the same with rows that are all at hand, oldest first."""
    return _turn(
        lambda below: (row for row in reversed(rows) if below is None or row.key < below),
        lambda start: (row.key for row in rows if row.key >= start),
        here,
        per_page,
    )


def _one_direction(directions: frozenset[str]) -> str | None:
    """Return the direction to filter by; both stand for none."""
    return next(iter(directions)) if len(directions) == 1 else None


def _has_sender(fields: dict[str, Any], sender: str | None) -> bool:
    return sender is None or bare_number(str(fields.get("from"))) == sender


def _record(batch: Batch | RawBatch, fields: dict[str, Any]) -> Any:
    return batch.record if isinstance(batch, RawBatch) else fields
