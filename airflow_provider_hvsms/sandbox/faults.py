"""Answers gone wrong, on demand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from airflow_provider_hvsms.sandbox import answers
from airflow_provider_hvsms.sandbox.answers import Answer, Wire
from airflow_provider_hvsms.sandbox.settings import RETRY_HEADER

MakeAnswer = Callable[[], Answer]
Wait = Callable[[float], object]

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body><h1>Please wait</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of going wrong; made by its class methods.

    :param spoil: returns what a request gets instead, given what makes its proper answer and what waits so many
        seconds.
    """

    spoil: Callable[[MakeAnswer, Wait], Answer]

    @classmethod
    def server_error(cls, status: int = 503, retry_after: int | None = None) -> Fault:
        """Answer any status with an error body, and ``Retry-After`` in seconds if given."""
        codes = {429: ("CMN-301", "Request rate exceeded"), 503: ("CMN-211", "Service Unavailable")}
        answer = answers.error(status, *codes.get(status, ("CMN-203", "Internal Server Error")))
        return cls._instead(answer if retry_after is None else answer.having([(RETRY_HEADER, str(retry_after))]))

    @classmethod
    def html(cls, status: int = 200) -> Fault:
        """Answer an HTML page, as a proxy does with status 200, and a firewall with 403 or 404."""
        return cls._instead(Answer(status, _PAGE, content_type="text/html; charset=utf-8"))

    @classmethod
    def cut_off(cls) -> Fault:
        """Answer the first half of the JSON, with a ``Content-Length`` that fits it."""
        return cls(lambda make, _: _half(make()))

    @classmethod
    def empty(cls) -> Fault:
        """Answer status 200 and no body."""
        return cls._instead(Answer(200, b""))

    @classmethod
    def drop(cls) -> Fault:
        """Close the connection without an answer."""
        return cls._instead(Answer(200, b"", wire="nothing"))

    @classmethod
    def half_body(cls) -> Fault:
        """Announce the whole body, send half of it and close the connection."""
        half: Wire = "half"
        return cls(lambda make, _: replace(make(), wire=half))

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """Answer a redirect to ``location``."""
        return cls._instead(Answer(status, b"", (("Location", location),)))

    @classmethod
    def repeat_token(cls) -> Fault:
        """Answer a list whose ``nextPageToken`` is the token of the page itself."""
        return cls(lambda make, _: _changed(make(), _repeat_token))

    @classmethod
    def without(cls, field: str) -> Fault:
        """Answer a list whose records lack a field, such as ``lastModifiedTime``."""
        return cls(lambda make, _: _changed(make(), lambda content: _drop_field(content, field)))

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Answer as always, but only after ``seconds`` of real time."""

        def spoil(make: MakeAnswer, wait: Wait) -> Answer:
            wait(seconds)
            return make()

        return cls(spoil)

    @classmethod
    def not_an_object(cls) -> Fault:
        """Answer ``[]`` with status 200."""
        return cls._instead(answers.of_json([]))

    @classmethod
    def unauthorized(cls) -> Fault:
        """Answer 401 though the token is valid."""
        return cls._instead(answers.unauthorized("OAU-129", "Access token corrupted"))

    @classmethod
    def _instead(cls, answer: Answer) -> Fault:
        return cls(lambda _make, _wait: answer)


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    times: int | None
    path: str | None
    after: int


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[_Waiting] = []

    def add(self, fault: Fault, times: int | None = 1, path: str | None = None, after: int = 0) -> None:
        """Let a fault happen.

        :param times: to how many requests; ``None``: to all of them.
        :param path: only to requests whose path, without the query, contains this.
        :param after: how many such requests are spared first.
        """
        with self._lock:
            self._waiting.append(_Waiting(fault, times, path, after))

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()

    @property
    def pending(self) -> int:
        """How many kinds of faults are still to happen."""
        return len(self._waiting)

    def take(self, path: str) -> Fault | None:
        """Return the fault that shall happen to a request, the one added first of several."""
        with self._lock:
            for waiting in self._waiting:
                if waiting.path is not None and waiting.path not in path:
                    continue
                if waiting.after > 0:
                    waiting.after -= 1
                    continue
                if waiting.times is not None:
                    waiting.times -= 1
                self._waiting = [one for one in self._waiting if one.times is None or one.times > 0]
                return waiting.fault
        return None


def _half(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _changed(answer: Answer, change: Callable[[dict[str, Any]], None]) -> Answer:
    """Return a list's answer with its content changed; any other answer as it is."""
    has_json = answer.status == 200 and answer.content_type == answers.JSON and answer.body
    content = json.loads(answer.body) if has_json else None
    if not isinstance(content, dict) or "records" not in content:
        return answer
    change(content)
    return replace(answer, body=answers.of_json(content).body)


def _repeat_token(content: dict[str, Any]) -> None:
    if "paging" in content:
        content["paging"]["nextPageToken"] = content["paging"]["pageToken"]


def _drop_field(content: dict[str, Any], field: str) -> None:
    for record in content["records"]:
        if isinstance(record, dict):
            record.pop(field, None)
