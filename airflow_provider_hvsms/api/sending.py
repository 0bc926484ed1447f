"""What is sent to the service: a batch of messages, and changes of opt-outs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import force_setattr

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.records import Several, null_as_empty

_SENDER = re.compile(r"\+?[0-9]{3,15}")
_RECIPIENT = re.compile(r"\+[1-9][0-9]{6,14}")

MAX_TEXT_LENGTH = 1_000
"""Characters of a message's text (RingCentral: SendA2PSMSMessageRequest)."""


def is_recipient(value: object) -> bool:
    """Whether a value is a phone number in E.164 format, such as `+14155550100`."""
    return isinstance(value, str) and _RECIPIENT.fullmatch(value) is not None


def check_sender(value: object) -> None:
    """Refuse what cannot be a sender: a phone number or a short code.

    :raises InvalidRequest: it names the argument, not the value.
    """
    if not isinstance(value, str) or not _SENDER.fullmatch(value):
        raise InvalidRequest(
            "from_number is not a phone number such as +16505550100. A template that rendered to nothing looks like "
            "this."
        )


class OutgoingMessage(msgspec.Struct, frozen=True):
    """A message of a batch that is to be sent. Its representation shows neither number nor text.

    :param to: the recipient, such as `+14155550100`.
    :param text: its own text; `None` (default): the batch's.
    """

    to: str
    text: str | None = None

    def __repr__(self) -> str:
        return "OutgoingMessage(…)"


class OutgoingBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that is to be sent.

    Example::

        OutgoingBatch(from_number="+16505550100", text="Hello", messages=(OutgoingMessage("+14155550100"),))

    :param from_number: the sender, a number that the account may send from.
    :param messages: one for each recipient, at least one.
    :param text: the text of all messages without their own, at most 1,000 characters.
    """

    from_number: str
    messages: tuple[OutgoingMessage, ...]
    text: str | None = None

    def __repr__(self) -> str:
        return f"OutgoingBatch(<{len(self.messages):,} messages>)"

    def as_body(self) -> bytes:
        """The JSON of the request.

        :raises InvalidRequest: a number, a text or the number of messages is not acceptable.
        """
        if not self.messages:
            raise InvalidRequest("A batch needs at least one message.")
        check_sender(self.from_number)
        for place, message in enumerate(self.messages, start=1):
            self._check(place, message)
        messages = [
            {"to": [message.to]} if message.text is None else {"to": [message.to], "text": message.text}
            for message in self.messages
        ]
        common = {} if self.text is None else {"text": self.text}
        return msgspec.json.encode({"from": self.from_number, **common, "messages": messages})

    def _check(self, place: int, message: OutgoingMessage) -> None:
        _check_recipient(f"The recipient of message {place:,}", message.to)
        text = self.text if message.text is None else message.text
        if not text:
            raise InvalidRequest(f"Message {place:,} has no text, and the batch has none either.")
        if len(text) > MAX_TEXT_LENGTH:
            raise InvalidRequest(
                f"The text of message {place:,} has {len(text):,} characters; the service takes {MAX_TEXT_LENGTH:,}."
            )


class OptOutFailure(msgspec.Struct, frozen=True, rename={"error_message": "errorMessage"}):
    """A number whose opt-out or opt-in could not be set."""

    to: str = ""
    error_message: str | None = None

    def __repr__(self) -> str:
        return "OptOutFailure(…)"


class Assignment(msgspec.Struct, frozen=True):
    """Which numbers were set, and which not."""

    successful: Several[str] = ()
    failed: Several[OptOutFailure] = ()

    def __post_init__(self) -> None:
        null_as_empty(self, "successful")
        null_as_empty(self, "failed")

    def __repr__(self) -> str:
        return f"Assignment(<{len(self.successful):,} successful, {len(self.failed):,} failed>)"


if TYPE_CHECKING:
    NullableAssignment = Assignment
else:
    # Decoded from an object or null, kept as an assignment.
    NullableAssignment = Assignment | None


class OptOutAssignment(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to an assignment of opt-outs and opt-ins: a success may hold failures of single numbers."""

    opt_outs: NullableAssignment = Assignment()
    opt_ins: NullableAssignment = Assignment()

    def __post_init__(self) -> None:
        for field in ("opt_outs", "opt_ins"):
            if getattr(self, field) is None:
                force_setattr(self, field, Assignment())


def assignment_body(from_number: str, *, opt_outs: Sequence[str], opt_ins: Sequence[str]) -> bytes:
    """The JSON of an assignment of opt-outs and opt-ins.

    :raises InvalidRequest: there is no number, one is not acceptable, or one is in both lists.
    """
    if not opt_outs and not opt_ins:
        raise InvalidRequest("Give at least one number in opt_outs or opt_ins.")
    check_sender(from_number)
    for name, numbers in (("opt_outs", opt_outs), ("opt_ins", opt_ins)):
        for place, number in enumerate(numbers, start=1):
            _check_recipient(f"Number {place:,} of {name}", number)
    if both := set(opt_outs) & set(opt_ins):
        raise InvalidRequest(f"{len(both):,} numbers are in opt_outs and in opt_ins. Decide which one holds.")
    return msgspec.json.encode({"from": from_number, "optOuts": list(opt_outs), "optIns": list(opt_ins)})


def _check_recipient(name: str, value: object) -> None:
    if not is_recipient(value):
        raise InvalidRequest(f"{name} is not a phone number in E.164 format, such as +14155550100.")
