"""The numbers and texts of a sandbox, and a search for them in what something leaves behind."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

from airflow_provider_hvsms.sandbox import Sandbox

_MIN_LENGTH = 12
"""Characters of a text that is searched for: a shorter one, such as "Yes", is found anywhere."""

_NUMBER = re.compile(r"\+\d{10,}")
_DIGITS = re.compile(r"(?<!\w)\d{10,}(?!\w)")


class PersonalData:
    """What must not be found: every number of the sandbox, and every longer text of its messages.

    :param planted: numbers in E.164 and texts besides those of the sandbox's history.
    """

    def __init__(self, sandbox: Sandbox, planted: Iterable[str] = ()) -> None:
        store = sandbox.store
        numbers = {number for message in store.messages for number in message.phone_numbers}
        numbers |= {number for opt_out in store.opt_outs for number in (opt_out.from_number, opt_out.to_number)}
        numbers |= {batch.from_number for batch in store.batches}
        given = {*numbers, *planted}
        self.digits = {text.lstrip("+") for text in given if _NUMBER.fullmatch(text)}
        self.texts = {message.text for message in store.messages if len(message.text) >= _MIN_LENGTH}
        self.texts |= {text for text in planted if not _NUMBER.fullmatch(text)}

    def found_in(self, content: str) -> set[str]:
        """The numbers, in digits, and the texts that the content holds."""
        numbers = self.digits.intersection(_DIGITS.findall(content))
        return numbers | {text for text in self.texts if text in content}


def content_of(folder: Path) -> str:
    """All files below a folder as one text, decompressed; also their names."""
    return "\n".join(f"{path} {_text_of(path)}" for path in sorted(folder.rglob("*")) if path.is_file())


def _text_of(path: Path) -> str:
    content = path.read_bytes()
    if content[:4] == b"PAR1":
        return str(pq.ParquetFile(path).read().to_pylist())
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode("utf-8", "replace")
