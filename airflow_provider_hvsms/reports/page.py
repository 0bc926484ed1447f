"""A delivery report as an HTML page that needs nothing but itself."""

from __future__ import annotations

import functools
import re

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.charts.selection import draw_charts
from airflow_provider_hvsms.reports.finding import finding
from airflow_provider_hvsms.reports.generator import GENERATOR_TAG
from airflow_provider_hvsms.reports.key_figures import key_figures
from airflow_provider_hvsms.reports.numbers import ReportNumbers
from airflow_provider_hvsms.reports.outcome_labels import OUTCOME_LABELS
from airflow_provider_hvsms.reports.periods import timeline

_ERROR_CODE = re.compile(r"\bSMS-[A-Z]+-\d+\b")


def render_page(numbers: ReportNumbers) -> str:
    """The report as one HTML document, with its style and its pictures in it; it has no script and fetches nothing.

    A section whose numbers are empty is left out. The same numbers give the same document.

    :raises MissingPackage: matplotlib is not installed, which draws the pictures.
    """
    periods = timeline(numbers.days)
    return _template().render(
        generator=Markup(GENERATOR_TAG),  # noqa: S704 - a constant
        numbers=numbers,
        timeline=periods,
        charts=draw_charts(numbers, periods),
        finding=finding(numbers),
        figures=key_figures(numbers),
        outcomes=OUTCOME_LABELS,
        text=formatting,
    )


def _keep_codes(text: str) -> Markup:
    """Error codes do not break at their hyphens."""
    return Markup(_ERROR_CODE.sub(r'<span class="code">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped before


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("airflow_provider_hvsms.reports"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["keep_codes"] = _keep_codes
    return environment.get_template("page.html.jinja")
