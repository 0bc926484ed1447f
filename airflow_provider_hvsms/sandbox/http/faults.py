"""Faults: responses that go wrong on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from airflow_provider_hvsms.sandbox.http.response import JSON, Response, error_response, invalid_token
from airflow_provider_hvsms.sandbox.settings import RETRY_HEADER

MakeResponse = Callable[[], Response]
Wait = Callable[[float], object]

_HTML = b"<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body><h1>Please wait</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. Each class method makes one; to add a fault, add a class method.

    Usage::

        sandbox.faults.add(Fault.server_error(503, retry_after=2), path="/messages")

    :param respond: called instead of the endpoint, with a function that makes the regular response and one that waits
        for a number of seconds; returns the response.
    :param listed_after: seconds for which a batch that the request creates, and its messages, are missing from all
        reads; ``None``: ``Settings.listing_delay``.
    """

    respond: Callable[[MakeResponse, Wait], Response]
    listed_after: float | None = None

    @classmethod
    def server_error(cls, status: int = 503, retry_after: int | None = None) -> Fault:
        """Respond with any status and an error body, and with ``Retry-After`` in seconds if given."""
        return cls._always(_server_error(status, retry_after))

    @classmethod
    def unauthorized(cls) -> Fault:
        """Respond with 401 although the token is valid."""
        return cls._always(invalid_token("OAU-129", "Access token corrupted"))

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """Respond with a redirect to ``location``."""
        return cls._always(Response(status, b"", (("Location", location),)))

    @classmethod
    def html(cls, status: int = 200) -> Fault:
        """Respond with an HTML page, as a proxy does with status 200, and a firewall with 403 or 404."""
        return cls._always(Response(status, _HTML, content_type="text/html; charset=utf-8"))

    @classmethod
    def empty(cls) -> Fault:
        """Respond with status 200 and no body."""
        return cls._always(Response(200, b""))

    @classmethod
    def not_an_object(cls) -> Fault:
        """Respond with ``[]`` and status 200."""
        return cls._always(Response.of_json([]))

    @classmethod
    def drop(cls) -> Fault:
        """Close the connection without a response."""
        return cls._always(Response(200, b"", sent="nothing"))

    @classmethod
    def half_body(cls) -> Fault:
        """Announce the whole body, send half of it and close the connection."""
        return cls._changing(lambda response: replace(response, sent="half"))

    @classmethod
    def cut_off(cls) -> Fault:
        """Respond with the first half of the JSON, and a ``Content-Length`` that matches it."""
        return cls._changing(lambda response: replace(response, body=response.body[: len(response.body) // 2]))

    @classmethod
    def repeat_token(cls) -> Fault:
        """Respond with a list whose ``nextPageToken`` is the page's own token."""
        return cls._changing_list(_repeat_token)

    @classmethod
    def without(cls, field: str) -> Fault:
        """Respond with a list whose records lack a field, such as ``lastModifiedTime``."""
        return cls._changing_list(lambda content: _remove_field(content, field))

    @classmethod
    def hide(cls, ids: Collection[str]) -> Fault:
        """Respond with a list that lacks the records of these ids, on whichever page; other endpoints count them."""
        hidden = frozenset(ids)
        return cls._changing_list(lambda content: _remove_records(content, hidden))

    @classmethod
    def with_fields(cls, fields: Mapping[str, Any], inside: str | None = None) -> Fault:
        """Respond with fields that are not documented, in each record of a list, a single record, or each total.

        :param fields: their names and values, such as ``{"channel": {"kind": "TollFree"}}``.
        :param inside: add them to the items of this list of each record, such as ``rejected``.
        """
        return cls._changing(lambda response: _with_changed_content(response, lambda one: _add(one, fields, inside)))

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Respond as usual, but only after ``seconds`` of real time."""

        def respond(make: MakeResponse, wait: Wait) -> Response:
            wait(seconds)
            return make()

        return cls(respond)

    @classmethod
    def lost_answer(cls, *, listed_after: float | None = None, copies: int = 0) -> Fault:
        """Do what is asked, such as create a batch, but close the connection without a response.

        :param listed_after: seconds for which the batch is not listed.
        :param copies: how many equal batches another client creates at the same time.
        """
        return cls._after_change(lambda response: replace(response, sent="nothing"), listed_after, copies)

    @classmethod
    def server_error_after(cls, status: int = 503, *, listed_after: float | None = None, copies: int = 0) -> Fault:
        """Do what is asked, such as create a batch, but respond with an error as `server_error`."""
        return cls._after_change(lambda _: _server_error(status, None), listed_after, copies)

    @classmethod
    def late_answer(cls, seconds: float, *, listed_after: float | None = None) -> Fault:
        """Do what is asked at once, but respond only after ``seconds`` of real time."""

        def respond(make: MakeResponse, wait: Wait) -> Response:
            response = make()
            wait(seconds)
            return response

        return cls(respond, listed_after)

    @classmethod
    def listed_late(cls, seconds: float, *, copies: int = 0) -> Fault:
        """Respond as usual, but a batch that the request creates is missing from all reads for ``seconds``."""
        return cls._after_change(lambda response: response, seconds, copies)

    @classmethod
    def _after_change(cls, change: Callable[[Response], Response], listed_after: float | None, copies: int) -> Fault:
        def respond(make: MakeResponse, _: Wait) -> Response:
            response = make()
            for _copy in range(copies):
                make()
            return change(response)

        return cls(respond, listed_after)

    @classmethod
    def _always(cls, response: Response) -> Fault:
        return cls(lambda _make, _wait: response)

    @classmethod
    def _changing(cls, change: Callable[[Response], Response]) -> Fault:
        return cls(lambda make, _: change(make()))

    @classmethod
    def _changing_list(cls, change: Callable[[dict[str, Any]], None]) -> Fault:
        def change_list(content: dict[str, Any]) -> None:
            if "records" in content:
                change(content)

        return cls._changing(lambda response: _with_changed_content(response, change_list))


@dataclass(slots=True)
class _ScheduledFault:
    fault: Fault
    times: int | None
    path: str | None
    after: int
    method: str | None

    def concerns(self, path: str, method: str) -> bool:
        return (self.path is None or self.path in path) and (self.method is None or self.method == method)


class FaultSchedule:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._scheduled: list[_ScheduledFault] = []

    def add(
        self,
        fault: Fault,
        times: int | None = 1,
        path: str | None = None,
        after: int = 0,
        method: str | None = None,
    ) -> None:
        """Schedule a fault.

        :param times: number of requests that it happens to; ``None``: all of them.
        :param path: only requests whose path, without the query, contains this.
        :param after: number of such requests that are not affected, before the first one that is.
        :param method: only requests with this HTTP method, such as ``POST``.
        """
        with self._lock:
            self._scheduled.append(_ScheduledFault(fault, times, path, after, method))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._scheduled.clear()

    @property
    def pending(self) -> int:
        """How many of the added faults are still to happen."""
        return len(self._scheduled)

    def take(self, path: str, method: str) -> Fault | None:
        """Return the fault for a request; of several, the one that was added first."""
        with self._lock:
            for scheduled in self._scheduled:
                if not scheduled.concerns(path, method):
                    continue
                if scheduled.after > 0:
                    scheduled.after -= 1
                    continue
                if scheduled.times is not None:
                    scheduled.times -= 1
                self._scheduled = [one for one in self._scheduled if one.times is None or one.times > 0]
                return scheduled.fault
        return None


def _server_error(status: int, retry_after: int | None) -> Response:
    codes = {429: ("CMN-301", "Request rate exceeded"), 503: ("CMN-211", "Service Unavailable")}
    response = error_response(status, *codes.get(status, ("CMN-203", "Internal Server Error")))
    return response.with_headers([] if retry_after is None else [(RETRY_HEADER, str(retry_after))])


def _with_changed_content(response: Response, change: Callable[[dict[str, Any]], None]) -> Response:
    """Return the response with its JSON object changed; any other response unchanged."""
    has_json = response.status in (200, 201) and response.content_type == JSON and response.body
    content = json.loads(response.body) if has_json else None
    if not isinstance(content, dict):
        return response
    change(content)
    return replace(response, body=Response.of_json(content).body)


def _repeat_token(content: dict[str, Any]) -> None:
    if "paging" in content:
        content["paging"]["nextPageToken"] = content["paging"]["pageToken"]


def _remove_field(content: dict[str, Any], field: str) -> None:
    for record in content["records"]:
        if isinstance(record, dict):
            record.pop(field, None)


def _remove_records(content: dict[str, Any], ids: Collection[str]) -> None:
    content["records"] = [
        record for record in content["records"] if not (isinstance(record, dict) and str(record.get("id")) in ids)
    ]


def _add(content: dict[str, Any], fields: Mapping[str, Any], inside: str | None) -> None:
    for record in _records(content):
        for target in (record.get(inside) or ()) if inside else (record,):
            target.update(fields)


def _records(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a list, the totals of a response with statuses, or the single record."""
    if "records" in content:
        return [record for record in content["records"] if isinstance(record, dict)]
    members = content.get("messageStatuses", content).values()
    return [total for total in members if isinstance(total, dict) and "count" in total] or [content]
