"""Rejected recipients as JSON Lines: one file for each part of a run, in a folder of any store."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from airflow_provider_hvsms.api.errors import UnusableFolder
from airflow_provider_hvsms.sinks.files.folder import HIDDEN_PREFIX, Folder
from airflow_provider_hvsms.sinks.files.jsonl import JsonLines
from airflow_provider_hvsms.sinks.personal_data_check import held_in, refuse_other
from airflow_provider_hvsms.sinks.rejected_recipients import RejectedRow
from airflow_provider_hvsms.sinks.schema import LOADED_AT, Layout, Row

Line = dict[str, Any]


class RejectedFolder:
    """A folder with a file `<run>-part-00001.jsonl` for each part that has rejected recipients.

    A file is written whole or not at all. Written again, it holds the rows of both times, each recipient once, by the
    rules of a table.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def check(self, layout: Layout[RejectedRow]) -> None:
        self._folder.prepare()

    def write(self, layout: Layout[RejectedRow], name: str, rows: list[Row]) -> None:
        """Merge the rows into the part's file.

        :raises TableMismatch: the file holds rows of another `personal_data`.
        :raises UnusableFolder: the file cannot be written, or holds something else.
        """
        file = f"{name}.jsonl"
        existing = self._read(file)
        held = held_in([line["to_number"]] for line in existing)
        refuse_other(f"{self._folder.display_name}/{file}", layout.personal_data, held)
        new = _lines(JsonLines("none").chunk_encoder(layout.columns)(rows))
        if (merged := _merged(layout, existing, new)) == existing:
            return
        content = msgspec.json.Encoder().encode_lines(merged)
        self._folder.create()
        self._folder.write(file, content, temporary_name=f"{HIDDEN_PREFIX}{uuid.uuid4().hex}.draft")

    def _read(self, file: str) -> list[Line]:
        try:
            lines = _lines(self._folder.read(file))
            if all("fingerprint" in line and "to_number" in line for line in lines):
                return lines
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        raise UnusableFolder(
            f"{self._folder.display_name}/{file} does not hold rejected recipients as they were written. Move it away "
            "and run the task again."
        )


def _lines(content: bytes) -> list[Line]:
    return msgspec.json.Decoder(Line).decode_lines(content)


def _merged(layout: Layout[RejectedRow], existing: list[Line], new: list[Line]) -> list[Line]:
    lines = {line["fingerprint"]: line for line in existing}
    for line in new:
        old = lines.get(line["fingerprint"], {})
        filled = {
            name: old.get(name) if value is None and name in layout.kept else value for name, value in line.items()
        }
        if {**filled, LOADED_AT.name: old.get(LOADED_AT.name)} != old:
            lines[line["fingerprint"]] = filled
    return list(lines.values())
