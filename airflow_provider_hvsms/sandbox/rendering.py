"""Records as JSON texts, in the words of the service."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from airflow_provider_hvsms.sandbox.lifecycle import MessageState, message_state
from airflow_provider_hvsms.sandbox.moments import text as time_text
from airflow_provider_hvsms.sandbox.records import Message, OptOut, RawMessage, Rejected, WrittenMessage


def dumps(value: Any) -> str:
    """Write JSON without spaces, and with letters of all languages as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def listed(message: Message | RawMessage | WrittenMessage, now: int, detailed: bool) -> str:
    """Write a message as the list answers it: its id is a number, and its text is there only when ``detailed``."""
    if isinstance(message, WrittenMessage):
        return message.text
    if isinstance(message, RawMessage):
        return dumps(message.record)
    return _record(message, message_state(message, now), str(message.id), detailed, "creationTime", "lastModifiedTime")


def single(message: Message | RawMessage, now: int, legacy_names: bool) -> str:
    """Write a message as the single read answers it: its id is a string, and its text is always there."""
    if isinstance(message, RawMessage):
        return dumps(message.record)
    names = ("createdAt", "lastUpdatedAt") if legacy_names else ("creationTime", "lastModifiedTime")
    return _record(message, message_state(message, now), f'"{message.id}"', True, *names)


def _record(message: Message, state: MessageState, shown_id: str, detailed: bool, created: str, modified: str) -> str:
    # An f-string rather than a dict: a page holds a thousand of these, and this takes a third of the time.
    to = ",".join(map(quoted, message.to_numbers))
    text = f'"text":{quoted(message.text)},' if detailed else ""
    cost = "" if state.cost is None else f',"cost":{state.cost!r}'
    batch = "" if message.batch_id is None else f',"batchId":{quoted(message.batch_id)}'
    error = "" if state.error_code is None else f',"errorCode":{quoted(state.error_code)}'
    return (
        f'{{"id":{shown_id},"from":{quoted(message.from_number)},"to":[{to}],{text}'
        f'"{created}":"{time_text(message.created)}","{modified}":"{time_text(state.modified)}",'
        f'"messageStatus":"{state.status}","segmentCount":{message.segments}{cost}{batch},'
        f'"direction":"{message.direction}"{error}}}'
    )


def opt_out(record: OptOut) -> str:
    """Write an opt-out record."""
    if record.raw is not None:
        return dumps(record.raw)
    fields = {
        "from": record.from_number,
        "to": record.to_number,
        "status": record.status,
        "source": record.source,
    }
    return dumps(fields)


def opt_outs_as_csv(records: Iterable[OptOut]) -> str:
    """Write opt-out records as lines under a header."""
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(("from", "to", "status", "source"))
    lines.writerows((record.from_number, record.to_number, record.status, record.source) for record in records)
    return file.getvalue()


def rejected(recipient: Rejected) -> Mapping[str, Any]:
    """Return a refused recipient as the batch shows it."""
    return {
        "index": recipient.index,
        "to": list(recipient.to),
        "errorCode": recipient.error_code,
        "description": recipient.description,
    }
