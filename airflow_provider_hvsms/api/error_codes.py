"""The error codes of messages: what each means, and what to do about it.

A code says in its prefix who reports it, and its number follows HTTP (RingCentral: High Volume SMS error codes).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

ErrorKind = Literal[
    "bad_number",
    "content",
    "limit",
    "not_applicable",
    "opted_out",
    "provisioning",
    "rejected",
    "sender_blocked",
    "service",
    "spam",
    "unknown",
    "unreachable",
    "other",
]
"""What an error is about: `unknown` is neither delivered nor failed, `other` has no meaning here."""


class ErrorCode(NamedTuple):
    """An error code in words.

    :param meaning: what happened, as a part of a sentence.
    :param remedy: what to do about it, likewise.
    """

    code: str
    meaning: str
    kind: ErrorKind
    remedy: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeCount:
    """How many messages have an error code."""

    code: ErrorCode
    count: int


def by_frequency(counts: Mapping[str, int]) -> list[CodeCount]:
    """Counted error codes in words, the most frequent first; those that no message has are left out."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [CodeCount(code=explain(code), count=count) for code, count in ordered if count > 0]


def explain(code: str) -> ErrorCode:
    """The code in words. One that is not documented is explained by its prefix and its hundreds.

    For example::

        explain("SMS-CAR-413").meaning  # "recipient opted out"
    """
    return DOCUMENTED.get(code) or _explain_undocumented(code)


_PARTS = re.compile(r"SMS-(?P<reporter>[A-Z]+)-(?P<hundreds>\d)\d\d")

_REPORTERS = {"RC": "RingCentral", "UP": "the upstream gateway", "CAR": "the recipient's carrier"}

_HUNDREDS = {
    "1": "a status that is not final",
    "4": "an error in the message, its numbers or its sender",
    "5": "an error of its own service",
}


def _explain_undocumented(code: str) -> ErrorCode:
    found = _PARTS.fullmatch(code)
    reporter = _REPORTERS.get(found["reporter"]) if found else None
    problem = _HUNDREDS.get(found["hundreds"]) if found else None
    if not reporter or not problem:
        return ErrorCode(code, "a code that is not documented", "other", "ask RingCentral's support")
    kind: ErrorKind = "unknown" if problem == _HUNDREDS["1"] else "other"
    return ErrorCode(code, f"{reporter} reports {problem}", kind, "ask RingCentral's support")


DOCUMENTED: dict[str, ErrorCode] = {
    code.code: code
    for code in (
        ErrorCode(
            "SMS-RC-403",
            "daily or monthly limit of the account exceeded",
            "limit",
            "raise the limit with the account's administrator",
        ),
        ErrorCode(
            "SMS-RC-410",
            "destination number not supported",
            "bad_number",
            "remove the number (landline, malformed)",
        ),
        ErrorCode(
            "SMS-RC-413",
            "recipient opted out",
            "opted_out",
            "remove the number; only the recipient's START opts back in",
        ),
        ErrorCode("SMS-RC-430", "blocked as spam by RingCentral's filter", "spam", "change the text"),
        ErrorCode("SMS-RC-500", "unknown internal error", "service", "open a support ticket"),
        ErrorCode("SMS-RC-501", "bad call to the upstream gateway", "provisioning", "open a support ticket"),
        ErrorCode("SMS-RC-503", "sender number wrongly provisioned upstream", "provisioning", "open a support ticket"),
        ErrorCode("SMS-RC-504", "wrong SMS provider configuration", "provisioning", "ask the account's administrator"),
        ErrorCode("SMS-UP-410", "destination invalid, unallocated or without SMS", "bad_number", "remove the number"),
        ErrorCode("SMS-UP-413", "recipient opted out", "opted_out", "remove the number"),
        ErrorCode(
            "SMS-UP-414",
            "sender number not set up for texting",
            "provisioning",
            "ask the account's administrator",
        ),
        ErrorCode("SMS-UP-430", "likely spam content", "spam", "change the text"),
        ErrorCode("SMS-UP-431", "sender number blocked for spam", "sender_blocked", "ask the account's administrator"),
        ErrorCode("SMS-UP-432", "request too long", "content", "shorten to less than 1,000 characters"),
        ErrorCode("SMS-UP-433", "text not deliverable as written", "content", "revise the text"),
        ErrorCode("SMS-UP-500", "upstream failure", "service", "retry later"),
        ErrorCode("SMS-CAR-104", "carrier has not reported a status yet", "unknown", "look again in an hour"),
        ErrorCode("SMS-CAR-199", "carrier reports an unknown status", "unknown", "none; it may have been delivered"),
        ErrorCode("SMS-CAR-400", "carrier does not support this kind of message", "bad_number", "use another channel"),
        ErrorCode("SMS-CAR-410", "expired or cancelled on the way", "service", "retry later"),
        ErrorCode("SMS-CAR-411", "destination invalid, unallocated or without SMS", "bad_number", "remove the number"),
        ErrorCode("SMS-CAR-412", "recipient unavailable", "unreachable", "check the number; use another channel"),
        ErrorCode("SMS-CAR-413", "recipient opted out", "opted_out", "remove the number"),
        ErrorCode(
            "SMS-CAR-414",
            "sender number invalid or not set up",
            "provisioning",
            "ask the account's administrator",
        ),
        ErrorCode(
            "SMS-CAR-430",
            "blocked as spam by the carrier",
            "spam",
            "check the text against the registered campaign",
        ),
        ErrorCode("SMS-CAR-431", "rejected without a reason", "rejected", "retry later"),
        ErrorCode("SMS-CAR-432", "too long for the carrier", "content", "shorten to 160 characters"),
        ErrorCode("SMS-CAR-433", "malformed for the carrier", "content", "revise the text"),
        ErrorCode("SMS-CAR-434", "media too large", "content", "reduce attachments"),
        ErrorCode("SMS-CAR-435", "shortened link refused", "content", "use a domain of one's own"),
        ErrorCode(
            "SMS-CAR-450",
            "over T-Mobile's daily limit of the brand (until 2022: P2P volume violation)",
            "limit",
            "review brand and campaign with support",
        ),
        ErrorCode(
            "SMS-CAR-451",
            "over AT&T's daily limit of the campaign",
            "limit",
            "review brand and campaign with support",
        ),
        ErrorCode("SMS-CAR-452", "over the allotted limit", "limit", "review brand and campaign with support"),
        ErrorCode("SMS-CAR-460", "short code refused", "not_applicable", "none"),
        ErrorCode("SMS-CAR-461", "toll-free number not verified", "provisioning", "start the toll-free verification"),
        ErrorCode("SMS-CAR-500", "carrier service failure", "service", "retry later"),
    )
}
"""The documented codes: those of RingCentral, of the upstream gateway, then of the recipients' carriers."""
