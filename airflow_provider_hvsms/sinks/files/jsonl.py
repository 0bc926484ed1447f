"""JSON Lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from airflow_provider_hvsms.sinks.files.format import Encoder
from airflow_provider_hvsms.sinks.files.text import TextFormat, as_iso
from airflow_provider_hvsms.sinks.schema import Column


class JsonLines(TextFormat):
    """One JSON object per row, keyed by column name, in UTF-8.

    Times are ISO 8601 in UTC with `Z`, decimals are numbers with all their digits, missing values are `null`.
    """

    name = "jsonl"
    suffixes: ClassVar = {"gzip": ".jsonl.gz", "none": ".jsonl"}
    default_compression = "gzip"

    def _encoder(self, columns: Sequence[Column]) -> Encoder:
        line = msgspec.defstruct("Line", [(column.name, Any) for column in columns], gc=False)
        encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=as_iso)
        return lambda rows: encoder.encode_lines([line(*row) for row in rows])
