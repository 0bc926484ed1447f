"""The page shows the numbers, needs nothing but itself, and is the same for the same numbers."""

from __future__ import annotations

import dataclasses
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from airflow_provider_hvsms.api.error_codes import CodeCount, explain
from airflow_provider_hvsms.reports.numbers import Day, Group, Outcomes, ReportNumbers, Tally
from airflow_provider_hvsms.reports.page import render_page
from tests.reports.parsed_page import ParsedPage
from tests.reports.sample_numbers import START, empty_numbers, groups, outcomes, sample_numbers

ALL_FAILED = outcomes(failed=120)
EDGE_CASES = {
    "empty": empty_numbers(),
    "one day": sample_numbers(1),
    "weeks": sample_numbers(120),
    "months": sample_numbers(400, messages=160_000),
    "nothing delivered": sample_numbers(
        1, outbound=ALL_FAILED, codes=(CodeCount(code=explain("SMS-RC-503"), count=120),)
    ),
    "nothing decided": sample_numbers(1, outbound=outcomes(pending=9, unknown=3), codes=()),
    "no costs": sample_numbers(outbound=Outcomes(delivered=Tally(count=5)), inbound=0),
    "no inbound": sample_numbers(inbound=0),
    "one sender": sample_numbers(senders=1),
    "fifty senders": sample_numbers(senders=50),
    "a batch without an id": dataclasses.replace(sample_numbers(), batches=groups([""], ALL_FAILED)),
    "long names": dataclasses.replace(sample_numbers(), senders=groups(["0f" * 32], ALL_FAILED)),
    "billions": sample_numbers(messages=900_000_000),
    "not grouped": dataclasses.replace(sample_numbers(), days=(), senders=(), batches=()),
}


@pytest.fixture(scope="module", params=EDGE_CASES.values(), ids=list(EDGE_CASES))
def numbers(request: pytest.FixtureRequest) -> ReportNumbers:
    found: ReportNumbers = request.param
    return found


@pytest.fixture(scope="module")
def html(numbers: ReportNumbers) -> str:
    return render_page(numbers)


def test_every_kind_of_numbers_becomes_a_well_formed_page(numbers: ReportNumbers, html: str) -> None:
    assert f" Messages {numbers.outbound.total.count:,} " in ParsedPage(html).text


def test_a_page_has_no_script_and_refers_to_nothing_outside_itself(html: str) -> None:
    page = ParsedPage(html)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "a", "image", "foreignobject"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not page.attributes("src")
    assert all(reference.startswith("#") for reference in page.attributes("href") + page.attributes("xlink:href"))
    assert "://" not in html
    assert "@import" not in html
    assert set(re.findall(r"url\(.", html)) <= {"url(#"}


def test_ids_are_unique_and_references_find_theirs(html: str) -> None:
    ids = ParsedPage(html).attributes("id")
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", html)) <= set(ids)


def test_the_policy_of_a_page_allows_inline_styles_alone() -> None:
    policy = next(
        attributes["content"]
        for _, attributes in ParsedPage(render_page(empty_numbers())).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.split("; ")[:2] == ["default-src 'none'", "style-src 'unsafe-inline'"]


def test_names_and_codes_are_text_whatever_they_contain() -> None:
    name = "<script>alert('$x^2$ & \"1\"')</script>"
    group = Group(name=name, outbound=ALL_FAILED)
    numbers = dataclasses.replace(
        sample_numbers(),
        table=name,
        senders=(group,),
        batches=(group,),
        codes=(CodeCount(code=explain(name), count=9),),
    )
    html = render_page(numbers)
    assert "<script" not in html
    assert ParsedPage(html).text.count(name) >= 9


def test_the_rate_leaves_unknown_and_pending_messages_out_and_the_page_says_so() -> None:
    numbers = sample_numbers(1, outbound=outcomes(delivered=971, failed=29, unknown=40, pending=60))
    text = ParsedPage(render_page(numbers)).text
    assert "97.1 % of the 1,000 decided messages were delivered" in text
    assert "Not in the rate: 40 unknown and 60 pending." in text
    assert "Delivered ÷ (delivered + failed). Unknown and pending messages are left out." in text
    assert "The carrier did not say what became of them." in text
    assert "They are queued or on their way" in text


def test_the_figures_are_those_of_the_numbers() -> None:
    outbound = Outcomes(
        delivered=Tally(count=1_000, cost=Decimal("1230.00"), segments=1_300),
        failed=Tally(count=200, cost=Decimal("4.50"), segments=200),
    )
    text = ParsedPage(render_page(sample_numbers(1, outbound=outbound, inbound=96))).text
    for name, value in (
        ("Delivery rate", "83.3 %"),
        ("Messages", "1,200"),
        ("Failed", "200"),
        ("Cost", "$1,234.50"),
        ("Cost per delivered message", "$1.2345"),
        ("Segments per message", "1.25"),
        ("Inbound replies", "96 8.0 per 100 messages"),
    ):
        assert f" {name} {value} " in text


def test_each_day_is_a_row_with_its_numbers() -> None:
    numbers = sample_numbers(31)
    text = ParsedPage(render_page(numbers)).text
    for day in numbers.days:
        assert f"{day.day.day} March 2026 {day.outbound.total.count:,} {day.outbound.delivered.count:,} " in text


def test_each_code_is_a_row_with_meaning_kind_share_and_remedy() -> None:
    codes = (CodeCount(code=explain("SMS-CAR-413"), count=50), CodeCount(code=explain("SMS-CAR-199"), count=7))
    numbers = sample_numbers(1, outbound=outcomes(delivered=900, failed=100, unknown=7), codes=codes)
    text = ParsedPage(render_page(numbers)).text
    assert "SMS-CAR-413 recipient opted out opted out 50 50.0 % remove the number" in text
    assert "SMS-CAR-199 carrier reports an unknown status unknown 7 – none; it may have been delivered" in text


def test_the_worst_day_is_named_if_it_stands_out() -> None:
    assert "The worst day was 13 March 2026, with " in ParsedPage(render_page(sample_numbers(bad_day=12))).text
    assert "The worst day" not in ParsedPage(render_page(sample_numbers(bad_day=None))).text


def test_a_day_of_few_messages_is_not_called_the_worst() -> None:
    busy = Day(day=START, outbound=outcomes(delivered=980, failed=20), inbound=0)
    quiet = Day(day=START + timedelta(days=1), outbound=outcomes(delivered=1, failed=2), inbound=0)
    numbers = sample_numbers(2, days=(busy, quiet), outbound=busy.outbound + quiet.outbound)
    assert "The worst day" not in ParsedPage(render_page(numbers)).text


def test_a_code_that_means_unknown_is_not_called_a_failure() -> None:
    codes = (CodeCount(code=explain("SMS-CAR-199"), count=70), CodeCount(code=explain("SMS-UP-500"), count=7))
    numbers = sample_numbers(1, outbound=outcomes(delivered=900, failed=10, unknown=70), codes=codes)
    assert "the commonest failure was SMS-UP-500: upstream failure" in ParsedPage(render_page(numbers)).text


def test_every_picture_has_a_text_that_says_what_it_shows() -> None:
    pictures = [
        attributes
        for tag, attributes in ParsedPage(render_page(sample_numbers())).elements
        if tag == "svg" and attributes.get("aria-hidden") != "true"
    ]
    assert len(pictures) == 10
    assert {picture["role"] for picture in pictures} == {"img"}
    assert all(re.search(r"\d", picture["aria-label"]) for picture in pictures)


def test_what_is_not_grouped_is_left_out() -> None:
    text = ParsedPage(render_page(EDGE_CASES["not grouped"])).text
    assert not re.search("by day|Senders|Batches|Inbound replies by", text)


def test_senders_that_are_not_shown_are_counted() -> None:
    text = ParsedPage(render_page(sample_numbers(other_senders=1_234))).text
    assert "1,234 smaller senders not shown." in text


def test_a_window_of_whole_days_is_named_by_its_first_and_last_day() -> None:
    text = ParsedPage(render_page(sample_numbers(31))).text
    assert "1 March 2026 to 31 March 2026 (UTC)" in text


def test_another_window_is_named_with_its_times() -> None:
    numbers = sample_numbers(1, start=datetime(2026, 3, 1, 6, tzinfo=UTC), end=datetime(2026, 3, 1, 18, 30, tzinfo=UTC))
    assert "1 March 2026, 06:00 UTC, to 1 March 2026, 18:30 UTC" in ParsedPage(render_page(numbers)).text


@pytest.mark.parametrize(("number_of_days", "unit"), [(62, "day"), (63, "week"), (371, "week"), (372, "month")])
def test_many_days_are_added_up(number_of_days: int, unit: str) -> None:
    text = ParsedPage(render_page(sample_numbers(number_of_days))).text
    assert f"Delivery by {unit}" in text


def test_a_month_is_less_than_300_kilobytes() -> None:
    assert len(render_page(sample_numbers()).encode()) < 300_000


def test_the_same_numbers_give_the_same_page_also_in_threads() -> None:
    numbers = sample_numbers(7)
    with ThreadPoolExecutor(4) as pool:
        pages = set(pool.map(render_page, [numbers] * 4))
    assert pages == {render_page(numbers)}
