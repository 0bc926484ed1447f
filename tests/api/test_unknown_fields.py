"""Fields that the service adds are found and kept, and a page is otherwise decoded as if they were not there."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from airflow_provider_hvsms.api.decoding import PageDecoder, decode_page, decode_record, decode_statuses
from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Page, Record

PLAIN = '"creationTime":"2021-01-14T21:47:51Z","cost":0.70,"to":["+16501112222"]'


def message(record_id: int, *fields: str) -> str:
    return "{" + ",".join((f'"id":{record_id}', PLAIN, *fields)) + "}"


def page_of(*records: str) -> bytes:
    return f'{{"records":[{",".join(records)}],"paging":{{"nextPageToken":"next"}}}}'.encode("utf-8", "surrogateescape")


def twice(body: bytes, record_type: type[Record] = Message) -> list[Page[Any]]:
    """The page as the first one of a listing, and as a later one, which is decoded in another way."""
    decoder = PageDecoder(record_type)
    return [decoder.decode(body), decoder.decode(body)]


def extras(page: Page[Any]) -> list[str | None]:
    return [record.extra for record in page.records]


def documented(page: Page[Any], record_type: type[Record] = Message) -> list[list[Any]]:
    return [[getattr(record, name) for name in record_type.__struct_fields__] for record in page.records]


def test_a_page_without_unknown_fields_has_none() -> None:
    for page in twice(page_of(message(1), message(2))):
        assert page.unknown_fields == frozenset()
        assert extras(page) == [None, None]
        assert page.next_page_token == "next"


def test_each_record_keeps_its_own_unknown_fields() -> None:
    records = message(1, '"channel":"TollFree"'), message(2), message(3, '"route":{"hops":2}', '"channel":null')
    for page in twice(page_of(*records)):
        assert page.unknown_fields == {"channel", "route"}
        assert extras(page) == ['{"channel":"TollFree"}', None, '{"channel":null,"route":{"hops":2}}']


def test_documented_fields_are_the_same_beside_unknown_ones() -> None:
    body = page_of(message(1, '"channel":1'), message(2), message(3, '"direction":"Inbound"', '"route":2'))
    expected = decode_page(body, Message)
    for page in twice(body):
        assert documented(page) == documented(expected)
        assert page.next_page_token == expected.next_page_token


def test_numbers_keep_their_digits_and_keys_are_sorted() -> None:
    values = '{"z":0.1000000000000000055511,"m":[1.10,1E400,-0.0],"a":123456789012345678901234567890}'
    for page in twice(page_of(message(1, f'"rates":{values}', '"fee":0.70'))):
        assert extras(page) == [
            '{"fee":0.70,"rates":{"a":123456789012345678901234567890,"m":[1.10,1E400,-0.0],"z":0.1000000000000000055511}}'
        ]


def test_a_field_that_begins_on_a_later_page_is_found() -> None:
    decoder = PageDecoder(Message)
    pages = [decoder.decode(page_of(message(1))), decoder.decode(page_of(message(2, '"channel":1')))]
    pages += [decoder.decode(page_of(message(3, '"route":2'))), decoder.decode(page_of(message(4)))]
    assert [sorted(page.unknown_fields) for page in pages] == [
        [], ["channel"], ["channel", "route"], ["channel", "route"],
    ]  # fmt: skip
    assert [extras(page) for page in pages] == [[None], ['{"channel":1}'], ['{"route":2}'], [None]]


@pytest.mark.parametrize(
    "name", ['say "hi"', "back\\slash", "new\nline", "a.b", "", "é", "batch_id", "extra", "unknown", "unknown_0", "…"]
)
def test_a_field_may_have_any_name(name: str) -> None:
    for page in twice(page_of(message(1, f"{json.dumps(name)}:1", '"channel":2'))):
        assert page.unknown_fields == {name, "channel"}
        assert [json.loads(extra or "") for extra in extras(page)] == [{name: 1, "channel": 2}]


def test_any_number_of_fields_is_kept() -> None:
    records = [{f"field{record}_{number}": number for number in range(150)} for record in range(3)]
    body = page_of(*(message(number, json.dumps(fields)[1:-1]) for number, fields in enumerate(records)))
    for page in twice(body):
        assert [json.loads(extra or "") for extra in extras(page)] == records
        assert len(page.unknown_fields) == 450


def test_bytes_that_are_not_text_are_replaced_in_names_and_values() -> None:
    for page in twice(page_of(message(1, '"channel":"a\udcff"'), message(2, '"odd\udcff":1'))):
        assert extras(page) == ['{"channel":"a\ufffd"}', '{"odd\ufffd":1}']


@pytest.mark.parametrize(
    "invalid",
    [
        message(7, '"cost":"expensive"', '"channel":1'),
        message(7, '"channel":1', '"segmentCount":1.5'),
        message(7, '"channel":"\\ud83d"'),
        message(7, '"text":"a stray byte \udcff"', '"channel":1'),
        '{"channel":1}',
        "null",
        "[]",
        '"text"',
    ],
)
def test_a_record_that_cannot_be_read_is_the_same_reject(invalid: str) -> None:
    body = page_of(message(1, '"channel":1'), invalid, message(2))
    expected = decode_page(body, Message)
    assert len(expected.rejects) == 1
    for page in twice(body):
        assert page.rejects == expected.rejects
        assert extras(page) == ['{"channel":1}', None]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"records":[', b"[]", b"{}", b'{"records":0}', b"\xff"])
def test_a_body_that_is_not_a_listing_is_refused(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        PageDecoder(Message).decode(body)


def test_null_for_the_list_of_records_is_an_empty_page() -> None:
    assert PageDecoder(Message).decode(b'{"records":null}') == Page([])


def test_unknown_fields_of_rejected_recipients_are_kept_by_position() -> None:
    rejected = '"rejected":[{"index":1,"to":["29395"],"carrier":"A"},{"index":2},{"index":3,"carrier":"B","fee":1.50}]'
    batch = f'{{"id":"b","creationTime":"2021-06-21T10:31:59Z",{rejected},"channel":"TollFree"}}'
    for page in twice(page_of(batch), Batch):
        assert page.unknown_fields == {"rejected.carrier", "rejected.fee", "channel"}
        assert extras(page) == ['{"channel":"TollFree","rejected":[{"carrier":"A"},{},{"carrier":"B","fee":1.50}]}']
        assert [recipient.index for recipient in page.records[0].rejected] == [1, 2, 3]


def test_a_batch_without_unknown_fields_has_none_whatever_its_rejected_recipients() -> None:
    for rejected in ("", ',"rejected":null', ',"rejected":[]', ',"rejected":[{"index":1,"to":null}]'):
        [page, _] = twice(page_of(f'{{"id":"b","creationTime":"2021-06-21T10:31:59Z"{rejected}}}'), Batch)
        assert (extras(page), page.unknown_fields) == ([None], frozenset())


def test_an_opt_out_keeps_its_unknown_fields() -> None:
    for page in twice(page_of('{"from":"+1","to":"+2","reason":{"code":7}}'), OptOut):
        assert extras(page) == ['{"reason":{"code":7}}']


def test_totals_by_status_keep_their_unknown_fields() -> None:
    totals = decode_statuses(
        b'{"queued":{"count":1},"sent":{"count":2,"segments":3},"teleported":{"count":1,"hops":1.0}}'
    )
    assert (totals.queued.extra, totals.sent.extra, totals.others["Teleported"].extra) == (
        None, '{"segments":3}', '{"hops":1.0}',
    )  # fmt: skip
    assert totals.unknown_fields == {"segments", "hops"}


def test_reads_that_do_not_ask_for_unknown_fields_ignore_them() -> None:
    record = message(1, '"channel":1')
    [listed] = decode_page(page_of(record), Message).records
    assert listed == decode_record(record.encode(), Message) == decode_record(message(1).encode(), Message)
    assert listed.extra is None


def test_several_threads_may_decode_pages_of_one_listing() -> None:
    decoder = PageDecoder(Message)
    bodies = [page_of(*(message(n, f'"field{page}":{n}') for n in range(50))) for page in range(40)]
    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(decoder.decode, bodies))
    for number, page in enumerate(pages):
        assert extras(page) == [f'{{"field{number}":{n}}}' for n in range(50)]
        assert f"field{number}" in page.unknown_fields
