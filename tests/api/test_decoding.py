"""Records are typed, and a record that cannot be read is a reject rather than lost."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from airflow_provider_hvsms.api.decoding import decode_page, decode_record, decode_statuses
from airflow_provider_hvsms.api.errors import InvalidRecord
from airflow_provider_hvsms.api.records import Batch, Message, OptOut, StatusTotal

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
        creation_time=datetime(2021, 1, 14, 21, 47, 51, 436491, tzinfo=UTC),
        last_modified_time=datetime(2021, 1, 14, 21, 47, 53, 32416, tzinfo=UTC),
        message_status="Delivered",
        cost=Decimal("0.007"),
        segment_count=1,
    )


def test_times_are_converted_to_utc() -> None:
    [message] = decode_page(page_of(MESSAGE), Message).records
    assert message.last_modified_time is not None
    assert message.last_modified_time.tzinfo is UTC


def test_a_cost_keeps_every_digit() -> None:
    body = b'{"records":[{"id":1,"creationTime":"2021-01-14T21:47:51Z","cost":0.1000000000000000055511}]}'
    assert decode_page(body, Message).records[0].cost == Decimal("0.1000000000000000055511")


def test_an_id_may_be_a_number_or_a_string_and_is_a_string() -> None:
    page = decode_page(page_of({**MESSAGE, "id": 9007199254740993}, {**MESSAGE, "id": "0042"}), Message)
    assert [message.id for message in page.records] == ["9007199254740993", "0042"]


def test_missing_fields_are_none() -> None:
    [message] = decode_page(page_of({"id": 1, "creationTime": "2021-01-14T21:47:51Z"}), Message).records
    assert (message.batch_id, message.error_code, message.cost, message.direction, message.to) == (
        None, None, None, None, (),
    )  # fmt: skip


def test_undocumented_statuses_are_kept_and_fields_ignored() -> None:
    [message] = decode_page(page_of({**MESSAGE, "messageStatus": "Teleported", "colour": {"r": 1}}), Message).records
    assert message.message_status == "Teleported"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("creationTime", "20211-11-14T20:19:56.505461Z"),
        ("creationTime", "2021-11-14T20:19:56"),
        ("creationTime", "0001-01-01T00:00:00+05:00"),
        ("cost", "expensive"),
        ("cost", "NaN"),
        ("segmentCount", 2**63),
        ("to", "+16501112222"),
        ("segmentCount", 1.5),
    ],
)
def test_a_reject_names_the_record_and_the_field(field: str, value: object) -> None:
    snake_case = {"creationTime": "creation_time"}.get(field, field)
    invalid = {**MESSAGE, "id": "52485", field: value}
    page = decode_page(page_of(MESSAGE, invalid, {**MESSAGE, "id": 3}), Message)
    assert [message.id for message in page.records] == ["52511", "3"]
    [reject] = page.rejects
    assert re.match(rf"message 52485 cannot be read: .*({field}|{snake_case})", reject.reason)
    assert msgspec.json.decode(reject.record) == invalid


@pytest.mark.parametrize("record", [{**MESSAGE, "id": None}, {**MESSAGE, "id": ""}, [], "text", None])
def test_a_record_without_a_usable_id_is_a_reject(record: object) -> None:
    [reject] = decode_page(page_of(record), Message).rejects
    assert re.match("one message without a usable id|message  cannot", reject.reason)


def test_a_reject_shows_no_phone_number() -> None:
    [reject] = decode_page(page_of({**MESSAGE, "cost": "expensive"}), Message).rejects
    assert "650" not in reject.reason


@pytest.mark.parametrize("token", ["next", None])
def test_null_for_the_list_of_records_is_an_empty_page(token: str | None) -> None:
    body = msgspec.json.encode({"records": None, "paging": {"nextPageToken": token}})
    page = decode_page(body, Message)
    assert (list(page.records), list(page.rejects), page.next_page_token) == ([], [], token)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"records":[', b"[]", b"{}", b'{"records":0}', b"\xff"])
def test_a_body_that_is_not_a_listing_is_refused(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_page(body, Message)


@pytest.mark.parametrize("paging", [{}, {"nextPageToken": ""}, {"nextPageToken": None}, None])
def test_a_missing_next_token_marks_the_last_page_in_every_form(paging: object) -> None:
    assert decode_page(msgspec.json.encode({"records": [], "paging": paging}), Message).next_page_token is None


def test_a_single_record_may_have_the_older_field_names() -> None:
    older = {
        "id": "52511",
        "text": "Hello Team",
        "createdAt": "2020-10-14T21:47:51.436491Z",
        "lastUpdatedAt": "2020-10-14T21:47:53.032416Z",
        "cost": 0.007,
    }
    message = decode_record(msgspec.json.encode(older), Message)
    assert message.creation_time == datetime(2020, 10, 14, 21, 47, 51, 436491, tzinfo=UTC)
    assert message.last_modified_time == datetime(2020, 10, 14, 21, 47, 53, 32416, tzinfo=UTC)
    assert message.cost == Decimal("0.007")


def test_a_page_with_a_reject_has_its_next_token() -> None:
    body = msgspec.json.encode({"records": [{"id": 1}], "paging": {"nextPageToken": "next"}})
    assert decode_page(body, Message).next_page_token == "next"


def test_a_batch_has_typed_fields() -> None:
    body = b"""{"records": [{"id": "b4e00b67", "from": "+16505550100", "batchSize": 3, "processedCount": 2,
      "status": "Processing", "creationTime": "2021-06-21T10:31:59.818028Z",
      "lastModifiedTime": "2021-06-21T10:32:00.870634Z", "cost": 0.700,
      "rejected": [{"index": 1, "to": ["29395"], "errorCode": "CMN-100", "description": "Invalid"}]}]}"""
    [batch] = decode_page(body, Batch).records
    assert (batch.id, batch.batch_size, batch.processed_count, batch.cost) == ("b4e00b67", 3, 2, Decimal("0.700"))
    assert batch.rejected[0].to == ("29395",)
    assert batch.creation_time == datetime(2021, 6, 21, 10, 31, 59, 818028, tzinfo=UTC)


def test_an_opt_out_has_typed_fields() -> None:
    record = {"from": "+16505550100", "to": "+16505550101", "status": "OptOut", "source": "Carrier"}
    [opt_out] = decode_page(page_of(record), OptOut).records
    assert (opt_out.from_number, opt_out.to, opt_out.status, opt_out.source) == tuple(record.values())


STATUSES = {
    "queued": {"count": 1, "cost": 0},
    "delivered": {"count": 2, "cost": 0.014},
    "deliveryFailed": {"count": 3, "cost": 0.021, "errorCodeCounts": {"SMS-CAR-104": 3}},
    "sent": {"count": 0, "cost": 0},
    "sendingFailed": {"count": 4, "cost": 0, "errorCodeCounts": {"SMS-RC-503": 4}},
}


def test_statuses_are_totals_with_ratios() -> None:
    totals = decode_statuses(msgspec.json.encode(STATUSES))
    assert totals.delivered == StatusTotal(count=2, cost=Decimal("0.014"))
    assert totals.delivery_failed.error_code_counts == {"SMS-CAR-104": 3}
    assert (totals.total, totals.delivered_ratio, totals.failed_ratio) == (10, 0.2, 0.7)


def test_statuses_may_have_the_older_shape() -> None:
    older = {"messageStatuses": {"Delivered": {"count": 2}, "SendingFailed": {"count": 1, "errorCodeCounts": {"E": 1}}}}
    totals = decode_statuses(msgspec.json.encode(older))
    assert (totals.delivered, totals.sending_failed.error_code_counts) == (StatusTotal(count=2), {"E": 1})
    assert totals.delivered.cost is None


def test_missing_statuses_are_zero() -> None:
    totals = decode_statuses(b"{}")
    assert (totals.total, totals.delivered_ratio, totals.failed_ratio) == (0, 0.0, 0.0)


def test_an_undocumented_status_is_kept() -> None:
    totals = decode_statuses(msgspec.json.encode({**STATUSES, "teleported": {"count": 5, "cost": 1}}))
    assert totals.others == {"Teleported": StatusTotal(count=5, cost=Decimal(1))}
    assert totals.total == 15


@pytest.mark.parametrize("body", [b'{"errorCode": {"count": 1}}', b"[]", b"<html>"])
def test_a_body_without_a_documented_status_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_statuses(body)


def test_an_error_about_a_total_names_its_status_and_field() -> None:
    with pytest.raises(InvalidRecord, match="status Delivered cannot be read.*count"):
        decode_statuses(b'{"delivered": {"count": "many"}}')


@pytest.mark.parametrize("text", [rb"half an emoji \ud83d", b"a stray byte \xff"])
def test_a_record_with_invalid_text_does_not_affect_the_others(text: bytes) -> None:
    good = msgspec.json.encode(MESSAGE)
    broken = b'{"id":7,"creationTime":"2021-01-14T21:47:51Z","text":"' + text + b'"}'
    body = b'{"records":[' + good + b"," + broken + b'],"paging":{"nextPageToken":"next"}}'
    page = decode_page(body, Message)
    assert [message.id for message in page.records] == ["52511"]
    assert len(page.rejects) == 1
    assert page.next_page_token == "next"


def test_null_for_a_list_is_an_empty_list() -> None:
    [message] = decode_page(page_of({**MESSAGE, "to": None}), Message).records
    body = {"id": "b", "creationTime": "2021-06-21T10:31:59Z", "rejected": [{"index": 1, "to": None}]}
    [batch] = decode_page(page_of(body), Batch).records
    [other] = decode_page(page_of({**body, "rejected": None}), Batch).records
    assert (message.to, batch.rejected[0].to, other.rejected) == ((), (), ())


def test_null_for_a_status_its_count_or_its_codes_is_zero() -> None:
    totals = decode_statuses(b'{"queued": null, "sent": {"count": null, "errorCodeCounts": null}}')
    assert (totals.total, totals.sent.error_code_counts) == (0, {})


@pytest.mark.parametrize("member", [7, 0.5, "text", True, None, []])
def test_members_that_are_not_totals_are_ignored(member: object) -> None:
    assert decode_statuses(msgspec.json.encode({**STATUSES, "extra": member})).total == 10


def test_a_body_of_scalars_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_statuses(b'{"errorCode": "CMN-203", "message": "Internal Server Error"}')


@pytest.mark.parametrize("cost", ["1e12", "-1e12", "1e30", "999999999999.9999995", "-999999999999.9999999"])
def test_a_cost_that_no_column_can_hold_is_a_reject(cost: str) -> None:
    [reject] = decode_page(page_of({**MESSAGE, "cost": msgspec.Raw(cost.encode())}), Message).rejects
    assert "message 52511 cannot be read: `cost` has more than twelve digits" in reject.reason


@pytest.mark.parametrize("body", [b'{"queued": null}', b'{"messageStatuses": null, "sent": {"count": 0}}'])
def test_null_statuses_are_zero(body: bytes) -> None:
    assert decode_statuses(body).total == 0


def test_the_largest_cost_that_a_column_can_hold_is_accepted() -> None:
    page = page_of({**MESSAGE, "cost": msgspec.Raw(b"999999999999.9999994")})
    assert decode_page(page, Message).records[0].cost == Decimal("999999999999.9999994")
