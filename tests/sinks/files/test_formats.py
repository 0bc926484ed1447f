"""Every value comes back from a file as what it was."""

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
from tests.sinks.files.lake import LOADED_AT, NOON, row

TEXTS = ["", "plain", 'say "hi", you', "línea\r\nnew\ttab\\", "🎉 \u2028", " spaces ", "NULL", "\\.", "=1+1"]


def written(
    format_name: str,
    rows: Sequence[Row],
    *,
    compression: str | None = None,
    columns: Sequence[Column] = MESSAGES.columns,
) -> bytes:
    file = io.BytesIO()
    writer = find_format(format_name, compression).writer(file, columns)
    writer.write(rows)
    writer.close()
    return file.getvalue()


def table(*rows: Row, **options: Any) -> Any:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    return parquet.read_table(io.BytesIO(written("parquet", rows, **options)))


def test_a_line_of_json_has_the_columns_names_and_typed_values() -> None:
    [line] = written("jsonl", [row(1)], compression="none").splitlines()
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


def test_money_in_json_keeps_every_digit() -> None:
    assert b'"cost":123456.789012345,' in written(
        "jsonl", [row(1, cost=Decimal("123456.789012345"))], compression="none"
    )


def test_json_lines_are_utf_8_and_one_row_is_one_line() -> None:
    lines = written("jsonl", [row(1, text=text) for text in TEXTS], compression="none").decode().split("\n")
    assert [json.loads(line)["text"] for line in lines[:-1]] == TEXTS
    assert lines[-1] == ""
    assert "🎉" in lines[4]


def test_json_inside_a_column_stays_text() -> None:
    batch = ("1", "+1", 2, 2, "Completed", 1, '[{"index": 0}]', None, NOON, NOON, LOADED_AT)
    [line] = written("jsonl", [batch], compression="none", columns=BATCHES.columns).splitlines()
    assert json.loads(line)["rejected"] == '[{"index": 0}]'


def test_a_time_of_another_class_is_written_like_the_others() -> None:
    class Moment(datetime):
        pass

    moment = Moment(2026, 11, 1, 12, tzinfo=UTC)
    line = written("jsonl", [(moment,)], compression="none", columns=[Column("at", ColumnType.TIMESTAMP)])
    assert line == b'{"at":"2026-11-01T12:00:00Z"}\n'


def test_csv_has_a_header_and_quotes_text_only() -> None:
    header, line = written("csv", [row(1, cost=Decimal("1E-6"))]).decode().splitlines()
    assert header.split(",") == MESSAGES.names
    assert line == (
        '"1",,"Outbound","+16505550100","+16501112222,+16503334444","Sent",,1,0.000001,'
        "2026-11-01T12:00:01.436491Z,2026-11-01T12:01:00Z,,2026-11-02T12:00:00Z"
    )


def test_texts_of_every_kind_come_back_from_csv() -> None:
    file = written("csv", [row(1, text=text) for text in TEXTS]).decode()
    assert [line["text"] for line in csv.DictReader(io.StringIO(file, newline=""))] == TEXTS


def test_in_csv_an_empty_text_differs_from_none() -> None:
    empty, nothing = written("csv", [(1, "", 2), (1, None, 2)], columns=_three_columns()).decode().splitlines()[1:]
    assert (empty, nothing) == ('1,"",2', "1,,2")


def test_gzip_is_the_default_of_json_lines_only() -> None:
    assert gzip.decompress(written("jsonl", [row(1)])) == written("jsonl", [row(1)], compression="none")
    assert gzip.decompress(written("csv", [row(1)], compression="gzip")) == written("csv", [row(1)])


def test_gzip_names_no_file_and_no_time() -> None:
    assert written("jsonl", [row(1)])[3:8] == bytes(5)


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
def test_the_suffix_tells_the_format_and_its_packing(name: str, compression: str | None, suffix: str) -> None:
    assert find_format(name, compression).suffix == suffix


def test_parquet_has_real_types() -> None:
    types = {field.name: str(field.type) for field in table(row(1)).schema}
    assert types == {
        **dict.fromkeys(MESSAGES.names, "string"),
        "segment_count": "int64",
        "cost": "decimal128(18, 6)",
        **dict.fromkeys(["creation_time", "last_modified_time", "loaded_at"], "timestamp[us, tz=UTC]"),
    }


def test_parquet_gives_back_the_exact_values() -> None:
    many = [row(1, text="", cost=Decimal("-999999.999999")), row(2, batch_id="b", segment_count=2**63 - 1), row(3)]
    assert [tuple(line.values()) for line in table(*many).to_pylist()] == many


def test_parquet_rounds_money_half_to_even() -> None:
    costs = [Decimal("0.0000005"), Decimal("0.0000015"), Decimal("1E+2"), None]
    found = table(*(row(1, cost=cost) for cost in costs)).column("cost").to_pylist()
    assert found == [Decimal("0.000000"), Decimal("0.000002"), Decimal("100.000000"), None]


def test_money_that_parquet_cannot_hold_when_it_is_rounded_is_an_error() -> None:
    names = (column.name for column in MESSAGES.columns)
    values = {**dict(zip(names, row(1), strict=True)), "cost": Decimal("999999999999.9999999")}
    with pytest.raises(ValueDoesNotFit, match=r"column 'cost' does not fit into Parquet's decimal128\(18, 6\)"):
        written("parquet", [tuple(values.values())])


def test_a_number_that_parquet_cannot_hold_is_an_error() -> None:
    with pytest.raises(ValueDoesNotFit, match="column 'segment_count' does not fit into Parquet's int64"):
        written("parquet", [row(1, segment_count=2**63)])


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "none"])
def test_parquet_is_packed_as_asked(compression: str) -> None:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    file = io.BytesIO(written("parquet", [row(1)], compression=compression))
    found = parquet.ParquetFile(file).metadata.row_group(0).column(0).compression
    assert found == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


@pytest.mark.parametrize("module", ["pyarrow", "pyarrow.parquet"])
def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackage, match=r"pip install 'airflow-provider-hvsms\[parquet\]'"):
        find_format("parquet", None)


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_the_other_formats_need_no_pyarrow(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert written(name, [row(1)])


def test_an_unknown_format_is_refused_with_the_choices() -> None:
    with pytest.raises(InvalidRequest, match="format is 'orc'; it must be one of 'jsonl', 'csv', 'parquet'"):
        find_format("orc", None)


@pytest.mark.parametrize(("name", "compression"), [("jsonl", "snappy"), ("csv", "zip"), ("parquet", "bz2")])
def test_an_unknown_compression_is_refused_with_the_choices(name: str, compression: str) -> None:
    with pytest.raises(InvalidRequest, match=f"compression is '{compression}'; it must be one of .*'gzip'"):
        find_format(name, compression)


def _three_columns() -> list[Column]:
    return [Column("a", ColumnType.INTEGER), Column("b", ColumnType.TEXT), Column("c", ColumnType.INTEGER)]
