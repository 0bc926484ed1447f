"""The JSON bodies of the requests that change the store, parsed and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

from airflow_provider_hvsms.sandbox.data.sent_batch import with_plus
from airflow_provider_hvsms.sandbox.http.request import Request
from airflow_provider_hvsms.sandbox.http.response import HttpError, error_response, invalid_parameters

MAX_TEXT_LENGTH = 1000

_PHONE_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBody:
    """A batch to send; each message is a recipient as it was sent, and its text."""

    from_number: str
    messages: list[tuple[str, str]]

    @classmethod
    def read(cls, request: Request, senders: Collection[str]) -> BatchBody:
        """Read a request.

        :param senders: phone numbers that the account may send from.
        :raises HttpError: for a body that the service refuses.
        """
        fields = _json_object(request)
        common: Any = fields.get("text")
        messages = fields.get("messages")
        invalid = _invalid_sender(fields, senders)
        if common is not None and not _is_text(common):
            invalid.append("text")
        if not isinstance(messages, list) or not messages:
            invalid.append("messages")
        else:
            invalid.extend(_invalid_messages(messages, has_text=common is not None))
        _refuse(invalid)
        pairs: list[tuple[str, str]] = [
            (one["to"][0], common if one.get("text") is None else one["text"]) for one in fields["messages"]
        ]
        return cls(from_number=with_plus(fields["from"]), messages=pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutsBody:
    """Recipients, as they were sent, to opt out from a sender or in to it."""

    from_number: str
    opt_outs: list[str]
    opt_ins: list[str]

    @classmethod
    def read(cls, request: Request, senders: Collection[str]) -> OptOutsBody:
        """Read a request.

        :param senders: phone numbers that the account may send from.
        :raises HttpError: for a body that the service refuses.
        """
        fields = _json_object(request)
        invalid = _invalid_sender(fields, senders)
        lists = {name: [] if fields.get(name) is None else fields[name] for name in ("optOuts", "optIns")}
        invalid.extend(name for name, numbers in lists.items() if not _are_texts(numbers))
        if not any(lists.values()):
            invalid.extend(lists)
        _refuse(invalid)
        return cls(from_number=with_plus(fields["from"]), opt_outs=lists["optOuts"], opt_ins=lists["optIns"])


def is_phone_number(value: str) -> bool:
    """Whether a text is a phone number in E.164, with or without ``+``."""
    return _PHONE_NUMBER.fullmatch(value) is not None


def _json_object(request: Request) -> dict[str, Any]:
    content_type = request.header("content-type").partition(";")[0].strip().lower()
    if not content_type:
        raise HttpError(error_response(400, "CMN-110", "Header Content-Type should be specified", "Content-Type"))
    if content_type != "application/json":
        raise HttpError(error_response(400, "CMN-407", "Parameter in header is invalid", "Content-Type"))
    try:
        fields = json.loads(request.body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise HttpError(error_response(400, "CMN-104", "Cannot parse request"))
    return fields


def _invalid_sender(fields: dict[str, Any], senders: Collection[str]) -> list[str]:
    sender = fields.get("from")
    return [] if isinstance(sender, str) and with_plus(sender) in senders else ["from"]


def _invalid_messages(messages: list[Any], *, has_text: bool) -> Iterable[str]:
    for one in messages:
        if not isinstance(one, dict):
            yield "messages"
            continue
        to, text = one.get("to"), one.get("text")
        if not (_are_texts(to) and len(to) == 1):
            yield "messages.to"
        if not (has_text if text is None else _is_text(text)):
            yield "text" if text is None else "messages.text"


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT_LENGTH


def _refuse(invalid: list[str]) -> None:
    if invalid:
        raise HttpError(invalid_parameters(dict.fromkeys(invalid)))
