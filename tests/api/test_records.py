"""Records come out typed, and an unusual one is named rather than dropped."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import msgspec
import pytest

from airflow_provider_hvsms.api.errors import InvalidRecord
from airflow_provider_hvsms.api.records import Message, decode_page, decode_record

MESSAGE = {
    "id": 52511,
    "from": "+16505550100",
    "to": ["+16501112222"],
    "creationTime": "2021-01-14T21:47:51.436491Z",
    "lastModifiedTime": "2021-01-14T22:47:53.032416+01:00",
    "messageStatus": "Delivered",
    "cost": 0.007,
    "segmentCount": 1,
}


def page_of(*records: object) -> bytes:
    return msgspec.json.encode({"records": records})


def test_a_message_has_typed_fields() -> None:
    [message] = decode_page(page_of(MESSAGE), Message).records
    assert message == Message(
        id="52511",
        from_number="+16505550100",
        to=("+16501112222",),
        creation_time=datetime(2021, 1, 14, 21, 47, 51, 436491, tzinfo=timezone.utc),
        last_modified_time=datetime(2021, 1, 14, 21, 47, 53, 32416, tzinfo=timezone.utc),
        message_status="Delivered",
        cost=Decimal("0.007"),
        segment_count=1,
    )


def test_times_are_in_utc_whatever_zone_they_came_in() -> None:
    [message] = decode_page(page_of(MESSAGE), Message).records
    assert message.last_modified_time is not None
    assert message.last_modified_time.tzinfo is timezone.utc


def test_money_keeps_every_digit_that_was_sent() -> None:
    body = b'{"records":[{"id":1,"creationTime":"2021-01-14T21:47:51Z","cost":0.1000000000000000055511}]}'
    assert decode_page(body, Message).records[0].cost == Decimal("0.1000000000000000055511")


def test_an_id_may_be_a_number_or_a_string_and_is_a_string() -> None:
    page = decode_page(page_of({**MESSAGE, "id": 9007199254740993}, {**MESSAGE, "id": "0042"}), Message)
    assert [message.id for message in page.records] == ["9007199254740993", "0042"]


def test_what_the_service_left_out_is_none() -> None:
    [message] = decode_page(page_of({"id": 1, "creationTime": "2021-01-14T21:47:51Z"}), Message).records
    assert (message.batch_id, message.error_code, message.cost, message.direction, message.to) == (
        None, None, None, None, (),
    )  # fmt: skip


def test_unknown_statuses_and_fields_pass() -> None:
    [message] = decode_page(page_of({**MESSAGE, "messageStatus": "Teleported", "colour": {"r": 1}}), Message).records
    assert message.message_status == "Teleported"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("creationTime", "20211-11-14T20:19:56.505461Z"),
        ("creationTime", "2021-11-14T20:19:56"),
        ("creationTime", "0001-01-01T00:00:00+05:00"),
        ("cost", "dear"),
        ("cost", "NaN"),
        ("to", "+16501112222"),
        ("segmentCount", 1.5),
    ],
)
def test_a_record_of_another_shape_is_named_with_its_field(field: str, value: object) -> None:
    snake_case = {"creationTime": "creation_time"}.get(field, field)
    with pytest.raises(InvalidRecord, match=rf"message 52485 cannot be read: .*({field}|{snake_case})"):
        decode_page(page_of(MESSAGE, {**MESSAGE, "id": "52485", field: value}), Message)


@pytest.mark.parametrize("record", [{**MESSAGE, "id": None}, {**MESSAGE, "id": ""}, [], "text", None])
def test_a_record_without_a_usable_id_is_reported_too(record: object) -> None:
    with pytest.raises(InvalidRecord, match="a message without a usable id|message  cannot"):
        decode_page(page_of(record), Message)


def test_a_report_shows_no_phone_number() -> None:
    with pytest.raises(InvalidRecord) as report:
        decode_page(page_of({**MESSAGE, "cost": "dear"}), Message)
    assert "650" not in str(report.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"records":[', b"[]", b"{}", b'{"records":null}', b"\xff"])
def test_what_is_no_listing_is_no_page(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_page(body, Message)


@pytest.mark.parametrize("paging", [{}, {"nextPageToken": ""}, {"nextPageToken": None}, None])
def test_no_next_token_in_any_form_is_the_last_page(paging: object) -> None:
    assert decode_page(msgspec.json.encode({"records": [], "paging": paging}), Message).next_page_token is None


def test_a_single_read_is_understood_under_its_older_names() -> None:
    older = {
        "id": "52511",
        "text": "Hello Team",
        "createdAt": "2020-10-14T21:47:51.436491Z",
        "lastUpdatedAt": "2020-10-14T21:47:53.032416Z",
        "cost": 0.007,
    }
    message = decode_record(msgspec.json.encode(older), Message)
    assert message.creation_time == datetime(2020, 10, 14, 21, 47, 51, 436491, tzinfo=timezone.utc)
    assert message.last_modified_time == datetime(2020, 10, 14, 21, 47, 53, 32416, tzinfo=timezone.utc)
    assert message.cost == Decimal("0.007")
