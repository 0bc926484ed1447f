"""Values are the same when a file is read back."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest, MissingPackage, ValueDoesNotFit
from airflow_provider_hvsms.sinks.files.registry import find_format
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, Column, ColumnType, Row
from tests.sinks.files.sample_rows import LOADED_AT, NOON, row

TEXTS = ["", "plain", 'say "hi", you', "línea\r\nnew\ttab\\", "🎉 \u2028", " spaces ", "NULL", "\\.", "=1+1"]


def encode(
    format_name: str,
    rows: Sequence[Row],
    *,
    compression: str | None = None,
    columns: Sequence[Column] = MESSAGES.columns,
) -> bytes:
    file = io.BytesIO()
    writer = find_format(format_name, compression).open_writer(file, columns)
    writer.write(rows)
    writer.close()
    return file.getvalue()


def parquet_table(*rows: Row, **options: Any) -> Any:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    return parquet.read_table(io.BytesIO(encode("parquet", rows, **options)))


def test_a_json_line_has_column_names_and_typed_values() -> None:
    [line] = encode("jsonl", [row(1)], compression="none").splitlines()
    assert json.loads(line, parse_float=Decimal) == {
        "id": "1",
        "batch_id": None,
        "direction": "Outbound",
        "from_number": "+16505550100",
        "to_number": "+16501112222,+16503334444",
        "message_status": "Sent",
        "error_code": None,
        "segment_count": 1,
        "cost": Decimal("0.0070"),
        "creation_time": "2026-11-01T12:00:01.436491Z",
        "last_modified_time": "2026-11-01T12:01:00Z",
        "text": None,
        "loaded_at": "2026-11-02T12:00:00Z",
    }


def test_decimals_in_json_keep_all_digits() -> None:
    assert b'"cost":123456.789012345,' in encode(
        "jsonl", [row(1, cost=Decimal("123456.789012345"))], compression="none"
    )


def test_json_lines_are_utf_8_with_one_line_per_row() -> None:
    lines = encode("jsonl", [row(1, text=text) for text in TEXTS], compression="none").decode().split("\n")
    assert [json.loads(line)["text"] for line in lines[:-1]] == TEXTS
    assert lines[-1] == ""
    assert "🎉" in lines[4]


def test_a_json_column_is_written_as_a_string() -> None:
    batch = ("1", "+1", 2, 2, "Completed", 1, '[{"index": 0}]', None, NOON, NOON, LOADED_AT)
    [line] = encode("jsonl", [batch], compression="none", columns=BATCHES.columns).splitlines()
    assert json.loads(line)["rejected"] == '[{"index": 0}]'


def test_a_subclass_of_datetime_is_written_as_a_time() -> None:
    class Time(datetime):
        pass

    time = Time(2026, 11, 1, 12, tzinfo=UTC)
    line = encode("jsonl", [(time,)], compression="none", columns=[Column("at", ColumnType.TIMESTAMP)])
    assert line == b'{"at":"2026-11-01T12:00:00Z"}\n'


def test_csv_has_a_header_and_quotes_text_only() -> None:
    header, line = encode("csv", [row(1, cost=Decimal("1E-6"))]).decode().splitlines()
    assert header.split(",") == MESSAGES.names
    assert line == (
        '"1",,"Outbound","+16505550100","+16501112222,+16503334444","Sent",,1,0.000001,'
        "2026-11-01T12:00:01.436491Z,2026-11-01T12:01:00Z,,2026-11-02T12:00:00Z"
    )


def test_csv_preserves_special_characters() -> None:
    file = encode("csv", [row(1, text=text) for text in TEXTS]).decode()
    assert [line["text"] for line in csv.DictReader(io.StringIO(file, newline=""))] == TEXTS


def test_csv_distinguishes_an_empty_text_from_null() -> None:
    empty, null = encode("csv", [(1, "", 2), (1, None, 2)], columns=_three_columns()).decode().splitlines()[1:]
    assert (empty, null) == ('1,"",2', "1,,2")


def test_only_json_lines_are_compressed_with_gzip_by_default() -> None:
    assert gzip.decompress(encode("jsonl", [row(1)])) == encode("jsonl", [row(1)], compression="none")
    assert gzip.decompress(encode("csv", [row(1)], compression="gzip")) == encode("csv", [row(1)])


def test_the_gzip_header_holds_no_file_name_and_no_time() -> None:
    assert encode("jsonl", [row(1)])[3:8] == bytes(5)


@pytest.mark.parametrize(
    ("name", "compression", "suffix"),
    [
        ("jsonl", None, ".jsonl.gz"),
        ("jsonl", "none", ".jsonl"),
        ("csv", None, ".csv"),
        ("csv", "gzip", ".csv.gz"),
        ("parquet", None, ".parquet"),
        ("parquet", "zstd", ".parquet"),
    ],
)
def test_the_suffix_shows_format_and_compression(name: str, compression: str | None, suffix: str) -> None:
    assert find_format(name, compression).suffix == suffix


def test_parquet_columns_have_types() -> None:
    types = {field.name: str(field.type) for field in parquet_table(row(1)).schema}
    assert types == {
        **dict.fromkeys(MESSAGES.names, "string"),
        "segment_count": "int64",
        "cost": "decimal128(18, 6)",
        **dict.fromkeys(["creation_time", "last_modified_time", "loaded_at"], "timestamp[us, tz=UTC]"),
    }


def test_parquet_preserves_values_exactly() -> None:
    many = [row(1, text="", cost=Decimal("-999999.999999")), row(2, batch_id="b", segment_count=2**63 - 1), row(3)]
    assert [tuple(line.values()) for line in parquet_table(*many).to_pylist()] == many


def test_parquet_rounds_decimals_half_to_even() -> None:
    costs = [Decimal("0.0000005"), Decimal("0.0000015"), Decimal("1E+2"), None]
    found = parquet_table(*(row(1, cost=cost) for cost in costs)).column("cost").to_pylist()
    assert found == [Decimal("0.000000"), Decimal("0.000002"), Decimal("100.000000"), None]


def test_a_decimal_that_is_too_large_for_parquet_after_rounding_is_refused() -> None:
    names = (column.name for column in MESSAGES.columns)
    values = {**dict(zip(names, row(1), strict=True)), "cost": Decimal("999999999999.9999999")}
    with pytest.raises(ValueDoesNotFit, match=r"column 'cost' does not fit into Arrow's decimal128\(18, 6\)"):
        encode("parquet", [tuple(values.values())])


def test_an_integer_that_is_too_large_for_parquet_is_refused() -> None:
    with pytest.raises(ValueDoesNotFit, match="column 'segment_count' does not fit into Arrow's int64"):
        encode("parquet", [row(1, segment_count=2**63)])


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "none"])
def test_parquet_uses_the_given_compression(compression: str) -> None:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    file = io.BytesIO(encode("parquet", [row(1)], compression=compression))
    found = parquet.ParquetFile(file).metadata.row_group(0).column(0).compression
    assert found == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


@pytest.mark.parametrize("module", ["pyarrow", "pyarrow.parquet"])
def test_parquet_without_pyarrow_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackage, match=r"pip install 'airflow-provider-hvsms\[parquet\]'"):
        find_format("parquet", None)


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_the_other_formats_do_not_need_pyarrow(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert encode(name, [row(1)])


def test_an_unknown_format_is_refused_with_the_choices() -> None:
    with pytest.raises(InvalidRequest, match="format is 'orc'; it must be one of 'jsonl', 'csv', 'parquet'"):
        find_format("orc", None)


@pytest.mark.parametrize(("name", "compression"), [("jsonl", "snappy"), ("csv", "zip"), ("parquet", "bz2")])
def test_an_unknown_compression_is_refused_with_the_choices(name: str, compression: str) -> None:
    with pytest.raises(InvalidRequest, match=f"compression is '{compression}'; it must be one of .*'gzip'"):
        find_format(name, compression)


def _three_columns() -> list[Column]:
    return [Column("a", ColumnType.INTEGER), Column("b", ColumnType.TEXT), Column("c", ColumnType.INTEGER)]
