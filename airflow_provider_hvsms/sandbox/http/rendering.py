"""Records as the service's JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from json.encoder import encode_basestring as quoted

from airflow_provider_hvsms.sandbox.data.batches import BatchState
from airflow_provider_hvsms.sandbox.data.records import Batch, Message, OptOut, to_json
from airflow_provider_hvsms.sandbox.data.timestamps import to_text


def listed_message(message: Message, now: int, *, detailed: bool) -> str:
    """Return a message as the list has it: its id is a number; its text is included only when ``detailed``."""
    return _message(message, now, str(message.id), detailed, "creationTime", "lastModifiedTime")


def single_message(message: Message, now: int, *, legacy_names: bool) -> str:
    """Return a message as the single read has it: its id is a string; its text is always included."""
    names = ("createdAt", "lastUpdatedAt") if legacy_names else ("creationTime", "lastModifiedTime")
    return _message(message, now, f'"{message.id}"', True, *names)


def batch_json(batch: Batch, state: BatchState, now: int) -> str:
    """Return a batch."""
    if batch.raw_json is not None:
        return batch.raw_json
    rejected = [
        {"index": one.index, "to": one.to, "errorCode": one.error_code, "description": one.description}
        for one in batch.rejected
    ]
    fields = {
        "id": batch.id,
        "from": batch.from_number,
        "batchSize": batch.size,
        "processedCount": state.processed_count,
        "status": batch.status(now),
        "creationTime": to_text(batch.created),
        "lastModifiedTime": to_text(state.modified),
        "rejected": rejected,
    }
    return to_json(fields if state.cost is None else {**fields, "cost": state.cost})


def opt_out_json(opt_out: OptOut) -> str:
    """Return an opt-out."""
    if opt_out.raw_json is not None:
        return opt_out.raw_json
    return to_json(
        {"from": opt_out.from_number, "to": opt_out.to_number, "status": opt_out.status, "source": opt_out.source}
    )


def opt_outs_csv(opt_outs: Iterable[OptOut]) -> str:
    """Return opt-outs as lines below a header."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("from", "to", "status", "source"))
    writer.writerows((one.from_number, one.to_number, one.status, one.source) for one in opt_outs)
    return file.getvalue()


def _message(message: Message, now: int, shown_id: str, detailed: bool, created: str, modified: str) -> str:
    if message.raw_json is not None:
        return message.raw_json
    state = message.state(now)
    # An f-string instead of a dict: a page has a thousand of these, and this takes a third of the time.
    to = ",".join(map(quoted, message.to_numbers))
    text = f'"text":{quoted(message.text)},' if detailed else ""
    cost = "" if state.cost is None else f',"cost":{state.cost!r}'
    batch = "" if message.batch_id is None else f',"batchId":{quoted(message.batch_id)}'
    error = "" if state.error_code is None else f',"errorCode":{quoted(state.error_code)}'
    return (
        f'{{"id":{shown_id},"from":{quoted(message.from_number)},"to":[{to}],{text}'
        f'"{created}":"{to_text(message.created)}","{modified}":"{to_text(state.modified)}",'
        f'"messageStatus":"{state.status}","segmentCount":{message.segments}{cost}{batch},'
        f'"direction":"{message.direction}"{error}}}'
    )
