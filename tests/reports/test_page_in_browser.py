"""The page in a real browser: it fits a phone, follows the colour scheme, and fetches nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.reports.page import render_page
from tests.end_to_end.connections_page import CHROMEDRIVER, CHROMIUM, chromium
from tests.reports.sample_numbers import groups, sample_numbers

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="these tests drive Chromium: install it and its chromedriver"
)

LONG_NAMES = groups(["0f3a9b7c" * 8, "a name with words, " * 4], sample_numbers().outbound)
NUMBERS = {
    "a month": sample_numbers(),
    "billions": sample_numbers(messages=900_000_000),
    "long names": dataclasses.replace(
        sample_numbers(2, table="a_long_name_" * 8), senders=LONG_NAMES, batches=LONG_NAMES
    ),
}
LENGTHS = (1, 2, 5, 7, 31, 62, 120, 371, 400, 1000)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module", params=NUMBERS.values(), ids=list(NUMBERS))
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    page = tmp_path_factory.mktemp("report") / "report.html"
    page.write_text(render_page(request.param))
    return page.as_uri()


def show(browser: Any, url: str, *, width: int, scheme: str = "light") -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(url)
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("width", [320, 360, 799, 800, 1280])
def test_a_page_does_not_scroll_sideways(browser: Any, url: str, width: int) -> None:
    show(browser, url, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def check_pictures(browser: Any) -> None:
    """The texts in pictures are large enough, inside of them, and apart from each other."""
    sizes, outside, overlapping = browser.execute_script("""
        const texts = [...document.querySelectorAll('figure svg text')].filter(text => text.getClientRects().length);
        const size = text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().d;
        const sticksOut = text => {
            const inner = text.getBoundingClientRect(), outer = text.ownerSVGElement.getBoundingClientRect();
            return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
        };
        const overlap = (one, other) => {
            const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
            return a.left < b.right && b.left < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom;
        };
        const pairs = texts.flatMap((one, index) => texts.slice(index + 1)
            .filter(other => overlap(one, other)).map(other => [one.textContent, other.textContent]));
        return [texts.map(size), texts.filter(sticksOut).map(text => text.textContent), pairs];
    """)
    assert min(sizes) >= 10
    assert outside == []
    assert overlapping == []


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_the_texts_of_pictures_are_large_enough_and_do_not_overlap(browser: Any, url: str, width: int) -> None:
    show(browser, url, width=width)
    check_pictures(browser)


@pytest.mark.parametrize("number_of_days", LENGTHS)
def test_the_labels_of_periods_do_not_overlap_however_many_there_are(
    browser: Any, tmp_path: Path, number_of_days: int
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_page(sample_numbers(number_of_days)))
    for width in (360, 1280):
        show(browser, page.as_uri(), width=width)
        check_pictures(browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, url: str, scheme: str) -> None:
    show(browser, url, width=1280, scheme=scheme)
    colours, grounds = browser.execute_script("""
        const style = element => getComputedStyle(element);
        return [
            [...document.querySelectorAll('p, dt, dd, th, td, h1, h2, li, summary')].map(each => style(each).color)
                .concat([...document.querySelectorAll('svg text')].map(each => style(each).fill)),
            [style(document.body).backgroundColor, style(document.querySelector('section')).backgroundColor],
        ];
    """)
    assert min(contrast(colour, ground) for colour in set(colours) for ground in grounds) >= 4.5
    assert (luminance(grounds[0]) < 0.5) == (scheme == "dark")


def test_a_page_fetches_nothing_and_breaks_no_rule_of_its_own(browser: Any, url: str) -> None:
    show(browser, url, width=1280)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.get_log("browser") == []


def test_a_wide_table_scrolls_inside_itself(browser: Any, url: str) -> None:
    show(browser, url, width=360)
    assert browser.execute_script(
        "return [...document.querySelectorAll('.scroll')].some(each => each.scrollWidth > each.clientWidth)"
    )
