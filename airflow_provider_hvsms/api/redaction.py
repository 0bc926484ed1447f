"""Phone numbers are removed from text that comes from outside, and from what urllib3 logs."""

from __future__ import annotations

import logging
import re

_PHONE_NUMBER = re.compile(r"\+?\d(?:[\s().-]*\d){6,}")


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_id(text: str) -> bool:
    """Whether a text has the form of an id. What has not may be a number or a text in the wrong place."""
    return _ID.fullmatch(text) is not None


def redact(text: str) -> str:
    """The text with everything that could be a phone number replaced by `***`."""
    return _PHONE_NUMBER.sub("***", text)


def hide_queries_in_logs() -> None:
    """Remove the queries of message store requests, which may hold phone numbers, from urllib3's DEBUG log."""
    logging.getLogger("urllib3.connectionpool").addFilter(_QueryFilter())


class _QueryFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_without_query, record.args))
        return True


def _without_query(value: object) -> object:
    return value.partition("?")[0] if isinstance(value, str) and "/a2p-sms/" in value else value
