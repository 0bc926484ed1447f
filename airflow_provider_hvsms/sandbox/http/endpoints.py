"""The endpoints of the message store: their parameters and their responses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from airflow_provider_hvsms.sandbox.data.filters import BatchFilters, MessageFilters, OptOutFilters
from airflow_provider_hvsms.sandbox.data.keys import Key, SortedKeys
from airflow_provider_hvsms.sandbox.data.phone_numbers import OWN_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import OptOut, to_json
from airflow_provider_hvsms.sandbox.data.sent_batch import with_plus
from airflow_provider_hvsms.sandbox.data.store import Store
from airflow_provider_hvsms.sandbox.http import rendering
from airflow_provider_hvsms.sandbox.http.pagination import (
    InvalidPageToken,
    KeySource,
    PageTokens,
    Position,
    paging_fields,
    take_page,
)
from airflow_provider_hvsms.sandbox.http.prerendered import PrerenderedMessages
from airflow_provider_hvsms.sandbox.http.query_parameters import QueryParameters
from airflow_provider_hvsms.sandbox.http.request import Request
from airflow_provider_hvsms.sandbox.http.request_bodies import BatchBody, OptOutsBody, is_phone_number
from airflow_provider_hvsms.sandbox.http.response import (
    HttpError,
    Response,
    error_response,
    invalid_parameters,
    not_found,
)
from airflow_provider_hvsms.sandbox.http.status_totals import StatusTotals
from airflow_provider_hvsms.sandbox.settings import Settings

_DIRECTIONS = ("Inbound", "Outbound")
_VIEWS = ("Simple", "Detailed")
_BATCH_STATUSES = ("Queued", "Processing", "Sent", "Completed")
_OPT_OUT_STATUSES = {
    "optout": frozenset({"OptOut"}),
    "optin": frozenset({"OptIn"}),
    "all": frozenset({"OptOut", "OptIn"}),
}
_ALL_OPT_OUTS = (0, 1)
"""A window that holds the keys of all opt-outs, which have no creation."""
_MAX_BATCH_SIZE = 100_000
_INVALID_NUMBER = "The phone number is invalid"


class _ListRequest(NamedTuple):
    position: Position
    per_page: int
    binding: str


class Endpoints:
    """One method per endpoint; it raises ``HttpError`` for invalid parameters and unknown ids."""

    def __init__(self, store: Store, settings: Settings, tokens: PageTokens) -> None:
        self._store = store
        self._settings = settings
        self._tokens = tokens
        self._prerendered = PrerenderedMessages(store.history) if settings.prerendered else None

    def list_messages(self, query: str) -> Response:
        """Return a page of messages."""
        now, parameters = self._store.now, QueryParameters(query)
        window = parameters.window(now)
        filters = _message_filters(parameters)
        detailed = parameters.one_of("view", _VIEWS) == "Detailed"
        request = self._list_request(parameters, "messages", window)
        keys = self._store.matching_messages(filters, now)
        return self._page(request, keys, self._message_renderer(now, detailed), self._settings.page_shift)

    def get_message(self, message_id: str) -> Response:
        """Return one message."""
        now = self._store.now
        message = self._store.find_message(message_id, now)
        if message is None:
            raise HttpError(not_found("messageId"))
        return Response.of_text(rendering.single_message(message, now, legacy_names=self._settings.legacy_names))

    def list_batches(self, query: str) -> Response:
        """Return a page of batches."""
        now, parameters = self._store.now, QueryParameters(query)
        window = parameters.window(now)
        filters = BatchFilters(parameters.phone_number("from"), parameters.some_of("status", _BATCH_STATUSES))
        request = self._list_request(parameters, "batches", window)
        batches = self._store.matching_batches(filters, now)

        def render(key: Key) -> str:
            batch = batches[key]
            return rendering.batch_json(batch, self._store.batch_state(batch, now), now)

        return self._page(request, SortedKeys(list(batches)), render)

    def get_batch(self, batch_id: str, status: int = 200) -> Response:
        """Return one batch; ``status`` is the HTTP status."""
        now = self._store.now
        batch = self._store.find_batch(batch_id, now)
        if batch is None:
            raise HttpError(not_found("batchId"))
        return Response.of_text(rendering.batch_json(batch, self._store.batch_state(batch, now), now), status)

    def get_statuses(self, query: str) -> Response:
        """Return how many messages have each status, and their costs."""
        now, parameters = self._store.now, QueryParameters(query)
        start, end = parameters.window(now)
        filters = _message_filters(parameters)
        parameters.check()
        keys, ready = self._store.matching_messages(filters, now), self._prerendered
        if ready is not None and ready.is_valid(now) and keys.are_history((start, 0), (end, 0)):
            totals = ready.totals
        else:
            totals = StatusTotals()
            for key in keys.descending((start, 0), (end, 0)):
                totals.add(self._store.get_message(key).state(now))
        return Response.of_json(totals.legacy_content() if self._settings.legacy_statuses else totals.content())

    def list_opt_outs(self, query: str) -> Response:
        """Return a page of opt-outs."""
        request, opt_outs = self._opt_outs(query)
        return self._page(request, SortedKeys(list(opt_outs)), lambda key: rendering.opt_out_json(opt_outs[key]))

    def list_opt_outs_as_csv(self, query: str) -> Response:
        """Return a page of opt-outs as CSV. The service does not document how it leads to the next page."""
        request, opt_outs = self._opt_outs(query)
        page = take_page(SortedKeys(list(opt_outs)), request.position, request.per_page)
        text = rendering.opt_outs_csv(opt_outs[key] for key in page.keys)
        return Response(200, text.encode(), content_type="text/csv;charset=utf-8")

    def send_batch(self, request: Request, listed_after: float | None) -> Response:
        """Create a batch. Only this response has its rejected recipients.

        :param listed_after: seconds until it appears in responses; ``None``: ``Settings.listing_delay``.
        """
        body = BatchBody.read(request, OWN_NUMBERS)
        batch = self._store.send_batch(body.from_number, body.messages, listed_after=listed_after)
        state = self._store.batch_state(replace(batch, rejected=()), batch.created)
        return Response.of_text(rendering.batch_json(batch, state, batch.created), 201)

    def assign_opt_outs(self, request: Request) -> Response:
        """Opt recipients out from a sender and in to it; who is in both lists is opted out."""
        body, result = OptOutsBody.read(request, OWN_NUMBERS), {}
        for name, status, numbers in (("optIns", "OptIn", body.opt_ins), ("optOuts", "OptOut", body.opt_outs)):
            successful = [number for number in numbers if is_phone_number(number)]
            failed = [{"to": to, "errorMessage": _INVALID_NUMBER} for to in numbers if not is_phone_number(to)]
            self._store.assign_opt_outs(body.from_number, list(map(with_plus, successful)), status=status)
            result[name] = {"successful": successful, "failed": failed}
        return Response.of_json(result)

    def start_batch(self, body: bytes) -> Response:
        """Start a live batch; this endpoint is the sandbox's own."""
        try:
            fields = json.loads(body or b"{}")
            batch_id = self._store.start_batch(
                size=min(int(fields.get("size", 100)), _MAX_BATCH_SIZE),
                seconds=float(fields.get("seconds", 60)),
                from_number=str(fields.get("from", OWN_NUMBERS[0])),
            )
        except (ValueError, TypeError, AttributeError, OverflowError):
            return error_response(400, "CMN-101", "The body must be a JSON object with size, seconds and from.")
        return self.get_batch(batch_id, status=201)

    def _message_renderer(self, now: int, detailed: bool) -> Callable[[Key], str]:
        get, ready = self._store.get_message, self._prerendered

        def render(key: Key) -> str:
            return rendering.listed_message(get(key), now, detailed=detailed)

        if detailed or ready is None or not ready.is_valid(now):
            return render
        return lambda key: ready.find(key[1]) or render(key)

    def _opt_outs(self, query: str) -> tuple[_ListRequest, dict[Key, OptOut]]:
        parameters = QueryParameters(query)
        senders = parameters.phone_number("from", wildcard="*")
        recipients = parameters.phone_number("to")
        status = parameters.one_of("status", _OPT_OUT_STATUSES) or "optout"
        request = self._list_request(parameters, "opt-outs", _ALL_OPT_OUTS)
        filters = OptOutFilters(senders, recipients, _OPT_OUT_STATUSES[status])
        return request, self._store.matching_opt_outs(filters)

    def _list_request(self, parameters: QueryParameters, resource: str, window: tuple[int, int]) -> _ListRequest:
        """Read what all lists have in common, after the filters, and check the parameters."""
        binding = parameters.binding(resource)
        per_page, token = parameters.per_page(), parameters.text("pageToken")
        parameters.check()
        if token is None:
            return _ListRequest(Position(*window), per_page, binding)
        try:
            return _ListRequest(self._tokens.read(binding, token), per_page, binding)
        except InvalidPageToken:
            raise HttpError(invalid_parameters(["pageToken"])) from None

    def _page(self, request: _ListRequest, keys: KeySource, render: Callable[[Key], str], shift: int = 0) -> Response:
        page = take_page(keys, request.position, request.per_page, shift)
        records = ",".join(map(render, page.keys))
        paging = paging_fields(
            page, lambda position: self._tokens.write(request.binding, position), self._settings.last_page
        )
        end = "" if paging is None else f',"paging":{to_json(paging)}'
        return Response.of_text(f'{{"records":[{records}]{end}}}')


def _message_filters(parameters: QueryParameters) -> MessageFilters:
    return MessageFilters(
        batch_id=parameters.text("batchId"),
        phone_numbers=parameters.up_to_15_phone_numbers("phoneNumber"),
        direction=_one_direction(parameters.some_of("direction", _DIRECTIONS)),
    )


def _one_direction(directions: frozenset[str]) -> str | None:
    """Return the direction to filter by; both together are no filter."""
    return next(iter(directions)) if len(directions) == 1 else None
