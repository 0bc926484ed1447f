"""Recipients of a file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import InvalidRequest, UnusableFolder
from airflow_provider_hvsms.campaigns.file_rows import MAX_LINE_LENGTH, read_file
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow

NUMBER = "+12125550123"

Read = Callable[[str, bytes], list[RecipientRow]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file and read it."""

    def read(name: str, content: bytes) -> list[RecipientRow]:
        (tmp_path / name).write_bytes(content)
        return list(read_file(ObjectStoragePath(f"file://{tmp_path}/{name}")))

    return read


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "A.JSONL"])
def test_each_line_of_json_is_a_recipient(read: Read, name: str) -> None:
    rows = read(name, f'{{"to": "{NUMBER}", "text": "Hi\\u0000 \\ud83d\\ude00", "n": 1.50}}\n\n"{NUMBER}"'.encode())

    assert [(row.place, row.to, row.text) for row in rows] == [(1, NUMBER, "Hi\0 \U0001f600"), (3, NUMBER, None)]
    assert str(rows[0].columns["n"]) == "1.50"


def test_a_csv_has_a_header_and_may_have_quotes_and_empty_lines(read: Read) -> None:
    content = f'To,text,Name\r\n\r\n{NUMBER},"Hello, ""Ada""\nand Bob",\r\n{NUMBER},,é\r\n'
    rows = read("a.csv", content.encode())

    assert [(row.place, row.to, row.text, row.columns["name"]) for row in rows] == [
        (3, NUMBER, 'Hello, "Ada"\nand Bob', None),
        (5, NUMBER, None, "é"),
    ]


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", f"to\n{NUMBER}\n"), ("a.jsonl", f'"{NUMBER}"\n'), ("a.ndjson", f'"{NUMBER}"')]
)
def test_a_byte_order_mark_and_gzip_are_undone(read: Read, name: str, content: str) -> None:
    marked = b"\xef\xbb\xbf" + content.encode()

    assert [row.to for row in read(name, marked)] == [NUMBER]
    assert [row.to for row in read(f"{name}.gz", gzip.compress(marked, mtime=0))] == [NUMBER]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
def test_an_empty_file_has_no_recipients(read: Read, name: str) -> None:
    assert read(name, gzip.compress(b"", mtime=0) if name.endswith(".gz") else b"") == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'"+12125550123"\n{"to": "+12125550123"', "a.jsonl, line 2 is not JSON"),
        ("a.jsonl", b'"+12125550123"\n\n["+12125550123"]', "a.jsonl, line 3 is a list"),
        ("a.jsonl", b'{"phone": "+12125550123"}', "a.jsonl, line 1 has no column `to`.* Its columns are: phone"),
        ("a.jsonl", b'"+12125550123"\n"\xff"', "a.jsonl, line 2 is not UTF-8"),
        ("a.jsonl", b'"' + b"1" * MAX_LINE_LENGTH, "a.jsonl, line 1 is longer than 1,000,000 bytes"),
        ("a.csv", b"phone\n+12125550123\n", "a.csv has no column `to`.* Its columns are: phone"),
        ("a.csv", b"to,text\n+12125550123,Hello, Ada\n", "a.csv, line 2 has 3 fields, and the header has 2"),
        ("a.csv", b'to,text\n+12125550123,"a\nb"\n+12125550123\n', "a.csv, line 4 has 1 fields"),
        ("a.csv", b'to\n"+12125550123"x\n', "a.csv, line 2 is not CSV"),
        ("a.csv", b'to\n"+12125550123\n', "a.csv, line 2 is not CSV"),
        ("a.csv", b"to\n+12125550123\xff\n", "a.csv, line 2 is not UTF-8"),
        ("a.csv.gz", b"to\n+12125550123\n", "a.csv.gz is damaged"),
        ("a.csv.gz", gzip.compress(b"to\n+12125550123\n" * 1000, mtime=0)[:-9], "a.csv.gz is damaged"),
        ("a.txt", b"+12125550123\n", "a.txt must end in .jsonl, .ndjson, .csv"),
    ],
)
def test_an_error_names_file_and_line_and_not_the_value(read: Read, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        read(name, content)

    assert "2125550123" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableFolder, match=r"none\.csv cannot be used: FileNotFoundError: .*Nothing was sent"):
        list(read_file(ObjectStoragePath(f"file://{tmp_path}/none.csv")))
