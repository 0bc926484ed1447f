"""Recipients of a list."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.sending import OutgoingMessage
from airflow_provider_hvsms.campaigns.recipient_rows import read_list

NUMBER = "+12125550123"


def test_an_item_is_a_number_a_mapping_or_a_message() -> None:
    rows = list(read_list([NUMBER, {"TO": NUMBER, "Text": "Hi", "City": "Rome"}, OutgoingMessage(NUMBER, "Hello")]))

    assert [(row.place, row.to, row.text) for row in rows] == [
        (1, NUMBER, None),
        (2, NUMBER, "Hi"),
        (3, NUMBER, "Hello"),
    ]
    assert rows[1].columns["city"] == "Rome"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f'["{NUMBER}", {{"to": "{NUMBER}", "text": null}}]', [NUMBER, NUMBER]),
        (f"['{NUMBER}', {{'to': '{NUMBER}', 'text': None}}]", [NUMBER, NUMBER]),
        (f"{NUMBER}, {NUMBER}", [NUMBER, NUMBER]),
        (NUMBER, [NUMBER]),
        ("[]", []),
        ("", []),
    ],
)
def test_a_rendered_template_is_read(text: str, found: list[str]) -> None:
    assert [row.to for row in read_list(text)] == found


def test_a_number_in_json_keeps_its_digits() -> None:
    [row] = read_list(f'[{{"to": "{NUMBER}", "price": 19.90}}]')

    assert str(row.columns["price"]) == "19.90"


@pytest.mark.parametrize("value", [None, 5, {"to": NUMBER}, f'{{"to": "{NUMBER}"}}', f"[{NUMBER}", b"+1"])
def test_what_is_no_list_is_refused_without_its_content(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="^recipients is a ") as caught:
        read_list(value)

    assert "2125550123" not in str(caught.value)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (14155550100, "Recipient 2 is a int"),
        ({"phone": NUMBER}, "Recipient 2 has no column `to`.* Its columns are: phone"),
        ({NUMBER: "Hi"}, r"Its columns are: \*\*\*"),
        ({"to": NUMBER, "to_number": NUMBER}, "Recipient 2 has columns `to` and `to_number`"),
        ({"to": NUMBER, "TO": NUMBER}, "Recipient 2 has several columns of the same name"),
        ({1: NUMBER}, "Recipient 2 has a column whose name is not a text"),
    ],
)
def test_an_item_that_is_no_recipient_is_named_by_its_place(item: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        list(read_list([NUMBER, item]))

    assert "2125550123" not in str(caught.value)


def test_a_representation_shows_neither_number_nor_text() -> None:
    [row] = read_list([{"to": NUMBER, "text": "Hi Ada"}])

    assert repr(row) == "RecipientRow(source='Recipient', place=1)"
