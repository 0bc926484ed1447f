"""Rejects hold neither numbers nor texts, whatever their shape, and can still be found."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import Reject
from airflow_provider_hvsms.sinks.personal_data import Protection
from airflow_provider_hvsms.sinks.protected_json import protected_json, protected_reject
from airflow_provider_hvsms.sinks.schema import REJECTS
from tests.support.messages import LOADED_AT

HASH, DROP, KEEP = Protection("hash", "a key that is long enough"), Protection("drop"), Protection("keep")
NUMBER = "+16505550100"
BOTH = pytest.mark.parametrize("protection", [HASH, DROP], ids=["hash", "drop"])


def protected(record: Any, protection: Protection = HASH) -> Any:
    return json.loads(protected_json(protection, json.dumps(record).encode()))


@BOTH
def test_ids_times_statuses_codes_and_counts_stay(protection: Protection) -> None:
    record = {
        "id": 402406184008, "batchId": "3157ac7d-9a1c-4b60-8d28-2b1f0e8f4c11", "direction": "Outbound",
        "creationTime": "20211-11-14T20:19:56.505461Z", "lastModifiedTime": "2026-11-01T12:00:00+01:00",
        "messageStatus": "DeliveryFailed", "errorCode": "SMS-CAR-413", "segmentCount": 1, "cost": 0.0085,
        "source": "Recipient", "batchSize": 250000, "processedCount": None, "index": 3,
    }  # fmt: skip
    assert protected(record, protection) == record


def test_numbers_are_hashed_as_in_the_table() -> None:
    record = {"from": NUMBER, "to": [NUMBER, 16505550100, [NUMBER]]}
    number = HASH.numbers(NUMBER)
    assert protected(record) == {"from": number, "to": [number, number, [number]]}


def test_numbers_in_objects_are_hashed_and_names_beside_them_dropped() -> None:
    record = {"to": {"phoneNumber": NUMBER, "name": "Ann Smith"}, "from": [{"phoneNumber": NUMBER}]}
    number = HASH.numbers(NUMBER)
    assert protected(record) == {"to": {"phoneNumber": number, "name": None}, "from": [{"phoneNumber": number}]}


def test_dropped_numbers_are_null() -> None:
    assert protected({"from": NUMBER, "to": [NUMBER]}, DROP) == {"from": None, "to": [None]}


@BOTH
@pytest.mark.parametrize(
    "record",
    [
        {"text": "Call Ann"},
        {"subject": "Call Ann", "notes": ["Call Ann", {"inner": "Call Ann"}]},
        {"messageStatus": "Call Ann", "errorCode": "Call Ann", "creationTime": "Call Ann", "cost": "Call Ann"},
        {"id": "Call Ann", "batchId": ["Call Ann"]},
        {"Call Ann": 1},
        "Call Ann",
        ["Call Ann"],
    ],
)
def test_no_other_text_is_left(protection: Protection, record: Any) -> None:
    assert "Ann" not in protected_json(protection, json.dumps(record))


@BOTH
@pytest.mark.parametrize(
    "record",
    [
        {"sender": NUMBER, "caller": 16505550100},
        {"creationTime": NUMBER, "lastModifiedTime": 16505550100},
        {"cost": NUMBER, "segmentCount": 16505550100, "index": 16505550100.0},
        {"messageStatus": NUMBER, "errorCode": "16505550100", "id": NUMBER},
        {NUMBER: "Delivered", "n16505550100": 1},
        {"description": "Not to +1 650 555 0100", "rejected": [{"description": NUMBER, "to": NUMBER}]},
        NUMBER,
        16505550100,
        [[NUMBER]],
    ],
)
def test_a_number_in_any_other_place_is_not_left(protection: Protection, record: Any) -> None:
    left = protected_json(protection, json.dumps(record))
    assert not any(digits in left.replace(" ", "") for digits in ("6505550100", "505550100"))


@BOTH
@pytest.mark.parametrize(
    ("record", "left"),
    [
        (b'{"id": 1, "text": "caf\xe9"}', '{"id":1,"text":null}'),
        (b'{"id": 1, "messageStatus": "\xff"}', '{"id":1,"messageStatus":null}'),
        (b'{"id": 1, "description": "\\ud800 650"}', '{"description":"? ***","id":1}'),
        (b'{"id": 123456789012345678901234567890}', '{"id":null}'),
        (b'{"cost": NaN, "index": 1e999}', '{"cost":null,"index":null}'),
        (b"+16505550100", "null"),
        (b'{"from": "+1650', "null"),
        (b"", "null"),
        (b"[" * 100_000, "null"),
    ],
)
def test_odd_bytes_are_protected(protection: Protection, record: bytes, left: str) -> None:
    assert protected_json(protection, record) == left


def test_a_number_that_is_not_valid_text_is_hashed() -> None:
    assert len(json.loads(protected_json(HASH, b'{"from": "\xff", "to": "\\ud800"}'))["from"]) == 64


@BOTH
def test_the_fingerprint_is_made_of_the_protected_record(protection: Protection) -> None:
    record = json.dumps({"id": 1, "from": NUMBER}).encode()
    reject = protected_reject(protection, Reject(record, "message 1 cannot be read"))
    [(fingerprint, stored, reason, _)] = REJECTS.rows([reject], LOADED_AT)
    assert fingerprint == hashlib.sha256(stored.encode()).hexdigest() != hashlib.sha256(record).hexdigest()
    assert reason == "message 1 cannot be read"


def test_a_reject_is_left_word_for_word_if_personal_data_is_kept() -> None:
    reject = Reject(b'{"from": "\xff", "id":  1}', "reason")
    assert protected_reject(KEEP, reject) is reject
    assert protected_json(KEEP, '{"id":  1}') == '{"id":  1}'
