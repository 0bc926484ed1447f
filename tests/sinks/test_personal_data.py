"""Numbers become one hash each, whatever form they come in, or null; texts go."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidSettings
from airflow_provider_hvsms.api.records import Batch, OptOut, RejectedRecipient
from airflow_provider_hvsms.sinks.personal_data import Protection
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, Layout
from tests.support.messages import LOADED_AT, NOON, message

KEY = "a key that is long enough"
HASH, DROP, KEEP = Protection("hash", KEY), Protection("drop"), Protection("keep")
NUMBER = "+16505550100"


def row(layout: Layout[Any], record: object) -> dict[str, object]:
    return dict(zip(layout.names, layout.rows([record], LOADED_AT)[0], strict=True))


def test_a_hash_is_the_hmac_sha256_of_the_number_in_e164() -> None:
    assert HASH.numbers(NUMBER) == hmac.digest(KEY.encode(), NUMBER.encode(), hashlib.sha256).hex()


@pytest.mark.parametrize(
    "form", ["16505550100", " 16505550100", "+1 (650) 555-0100", "+1.650.555.0100", "0016505550100"]
)
def test_a_number_has_the_same_hash_in_every_form(form: str) -> None:
    assert HASH.numbers(form) == HASH.numbers(NUMBER)


def test_a_short_code_has_the_same_hash_with_a_plus() -> None:
    assert HASH.numbers("+72345") == HASH.numbers("72345") == hmac.digest(KEY.encode(), b"72345", "sha256").hex()


def test_several_numbers_are_several_hashes() -> None:
    both = HASH.numbers(f"{NUMBER},+14155550100")
    assert both == f"{HASH.numbers(NUMBER)},{HASH.numbers('+14155550100')}"


@pytest.mark.parametrize("value", ["RingCentral", "Zoë", "anonymous", "+", "+1x", "\ud800"])
def test_what_is_no_number_is_hashed_too(value: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", HASH.numbers(value) or "")


def test_another_key_gives_another_hash() -> None:
    assert Protection("hash", "another key of some length").numbers(NUMBER) != HASH.numbers(NUMBER)


def test_no_number_has_no_hash() -> None:
    assert (HASH.numbers(None), HASH.numbers("")) == (None, "")


def test_dropped_numbers_are_null() -> None:
    assert (DROP.numbers(NUMBER), DROP.numbers(None)) == (None, None)


def test_texts_are_dropped_unless_they_are_kept() -> None:
    assert [protection.text("Hello") for protection in (HASH, DROP, KEEP)] == [None, None, "Hello"]


def test_hashing_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"hash_key is missing in the extra.*openssl rand"):
        Protection("hash")


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(HASH)


def test_a_number_has_one_hash_in_all_tables_and_columns() -> None:
    messages = MESSAGES.protected(HASH)
    sent, received = message(1, from_number=NUMBER), message(2, from_number="+14155550100", to=("16505550100",))
    batch = Batch(id="b1", creation_time=NOON, from_number=NUMBER)
    opt_out = OptOut(from_number=NUMBER, to="16505550100")
    hashes = {
        row(messages, sent)["from_number"],
        row(messages, received)["to_number"],
        row(BATCHES.protected(HASH), batch)["from_number"],
        row(OPT_OUTS.protected(HASH), opt_out)["from_number"],
        row(OPT_OUTS.protected(HASH), opt_out)["to_number"],
    }
    assert hashes == {HASH.numbers(NUMBER)}


@pytest.mark.parametrize("protection", [HASH, DROP])
def test_rejected_recipients_of_a_batch_are_protected(protection: Protection) -> None:
    rejected = RejectedRecipient(
        index=2, to=("+14088070206",), error_code="SMS-RC-410", description="+1 (408) 807-0206 and 40880 are unknown"
    )
    found = row(BATCHES.protected(protection), Batch(id="b1", creation_time=NOON, rejected=(rejected,)))
    number = "null" if protection is DROP else f'"{HASH.numbers("+14088070206")}"'
    assert found["rejected"] == (
        f'[{{"description":"*** and *** are unknown","errorCode":"SMS-RC-410","index":2,"to":[{number}]}}]'
    )
    assert found["rejected_count"] == 1


def test_a_batch_without_rejected_recipients_has_the_same_json() -> None:
    batch = Batch(id="b1", creation_time=NOON)
    assert row(BATCHES.protected(HASH), batch)["rejected"] == row(BATCHES, batch)["rejected"] == "[]"


@pytest.mark.parametrize("protection", [HASH, DROP])
def test_everything_else_of_a_row_stays(protection: Protection) -> None:
    detailed = message(1, text="Hello", error_code="SMS-RC-410")
    kept, found = row(MESSAGES, detailed), row(MESSAGES.protected(protection), detailed)
    assert {name for name in kept if kept[name] != found[name]} == {"from_number", "to_number", "text"}
    assert found["text"] is None


def test_a_protected_layout_says_so_and_keeps_no_earlier_text() -> None:
    protected = MESSAGES.protected(DROP)
    assert (protected.personal_data, protected.kept) == ("drop", frozenset())
    assert MESSAGES.protected(KEEP) is MESSAGES


def test_layouts_name_the_columns_that_hold_numbers() -> None:
    assert MESSAGES.number_columns == MESSAGES.protected(HASH).number_columns == ("from_number", "to_number")
    assert (BATCHES.number_columns, OPT_OUTS.number_columns) == (("from_number",), ("from_number", "to_number"))


def test_the_hashes_in_memory_are_bounded() -> None:
    protection = Protection("hash", KEY)
    for number in range(20_000):
        protection.numbers(f"+1650{number:07}")
    assert protection._hashed.cache_info().currsize < 20_000  # type: ignore[attr-defined]  # of lru_cache
