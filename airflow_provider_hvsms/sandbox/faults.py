"""Answers gone wrong, on demand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from airflow_provider_hvsms.sandbox import answers
from airflow_provider_hvsms.sandbox.answers import Answer
from airflow_provider_hvsms.sandbox.settings import RETRY_HEADER

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body><h1>Please wait</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of going wrong; made by its class methods. ``retry_after`` and ``seconds`` are seconds."""

    kind: str
    status: int = 200
    retry_after: int | None = None
    location: str = ""
    seconds: float = 0.0

    @classmethod
    def server_error(cls, status: int = 503, retry_after: int | None = None) -> Fault:
        """Answer any status with an error body, and ``Retry-After`` if given."""
        return cls("server_error", status=status, retry_after=retry_after)

    @classmethod
    def html(cls) -> Fault:
        """Answer an HTML page with status 200, as a proxy does."""
        return cls("html")

    @classmethod
    def cut_off(cls) -> Fault:
        """Answer the first half of the JSON, with a ``Content-Length`` that fits it."""
        return cls("cut_off")

    @classmethod
    def empty(cls) -> Fault:
        """Answer status 200 and no body."""
        return cls("empty")

    @classmethod
    def drop(cls) -> Fault:
        """Close the connection without an answer."""
        return cls("drop")

    @classmethod
    def half_body(cls) -> Fault:
        """Announce the whole body, send half of it and close the connection."""
        return cls("half_body")

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """Answer a redirect to ``location``."""
        return cls("redirect", status=status, location=location)

    @classmethod
    def repeat_token(cls) -> Fault:
        """Answer a list whose ``nextPageToken`` is the token of the page itself."""
        return cls("repeat_token")

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Answer as always, but only after ``seconds`` of real time."""
        return cls("slow", seconds=seconds)

    @classmethod
    def not_an_object(cls) -> Fault:
        """Answer ``[]`` with status 200."""
        return cls("not_an_object")

    @classmethod
    def unauthorized(cls) -> Fault:
        """Answer 401 though the token is valid."""
        return cls("unauthorized")


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


def spoil(fault: Fault, make: Callable[[], Answer], sleep: Callable[[float], object]) -> Answer:
    """Return what becomes of a request that meets a fault; ``make`` makes its proper answer, if that is needed."""
    match fault.kind:
        case "server_error":
            return _server_error(fault)
        case "html":
            return Answer(200, _PAGE, content_type="text/html; charset=utf-8")
        case "empty":
            return Answer(200, b"")
        case "drop":
            return Answer(200, b"", wire="nothing")
        case "redirect":
            return Answer(fault.status, b"", (("Location", fault.location),))
        case "not_an_object":
            return answers.of_json([])
        case "unauthorized":
            return answers.unauthorized("OAU-129", "Access token corrupted")
        case "slow":
            sleep(fault.seconds)
    return _spoil_body(fault, make())


def _spoil_body(fault: Fault, answer: Answer) -> Answer:
    match fault.kind:
        case "cut_off":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case "half_body":
            return replace(answer, wire="half")
        case "repeat_token":
            return _repeat_token(answer)
    return answer


def _server_error(fault: Fault) -> Answer:
    codes = {429: ("CMN-301", "Request rate exceeded"), 503: ("CMN-211", "Service Unavailable")}
    answer = answers.error(fault.status, *codes.get(fault.status, ("CMN-203", "Internal Server Error")))
    return answer if fault.retry_after is None else answer.having([(RETRY_HEADER, str(fault.retry_after))])


def _repeat_token(answer: Answer) -> Answer:
    content = json.loads(answer.body) if answer.status == 200 else None
    if not isinstance(content, dict) or "paging" not in content:
        return answer
    content["paging"]["nextPageToken"] = content["paging"]["pageToken"]
    return replace(answer, body=answers.of_json(content).body)
