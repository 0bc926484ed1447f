"""Which charts a page has, each in a wide and a narrow variant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import get_args

from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.charts.by_period import cost_chart, delivery_chart, replies_chart
from airflow_provider_hvsms.reports.charts.canvas import Variant
from airflow_provider_hvsms.reports.charts.failure_codes import failure_chart
from airflow_provider_hvsms.reports.charts.senders import senders_chart
from airflow_provider_hvsms.reports.finding import failure_codes
from airflow_provider_hvsms.reports.numbers import ReportNumbers
from airflow_provider_hvsms.reports.periods import Timeline


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart as SVG, for a page on a desk or on paper, and for a phone."""

    wide: str
    narrow: str


def draw_charts(numbers: ReportNumbers, timeline: Timeline) -> dict[str, Chart]:
    """The charts by name. One that would be empty is left out.

    :raises MissingPackage: matplotlib is not installed.
    """
    charts = {}
    outbound = numbers.outbound
    if timeline.periods and outbound.total.count:
        charts["delivery"] = _draw("delivery", delivery_chart, timeline, label=_delivery_text(numbers, timeline))
        if outbound.total.cost:
            charts["cost"] = _draw("cost", cost_chart, timeline, label=_cost_text(numbers, timeline))
    if timeline.periods and numbers.inbound:
        charts["replies"] = _draw("replies", replies_chart, timeline, label=_replies_text(numbers, timeline))
    codes = failure_codes(numbers)
    if codes:
        charts["failures"] = _draw(
            "failures", failure_chart, codes, failed=outbound.failed.count, label=_failures_text(numbers)
        )
    if numbers.senders:
        charts["senders"] = _draw("senders", senders_chart, numbers.senders, label=_senders_text(numbers))
    return charts


def _draw(name: str, chart: Callable[..., str], *arguments: object, **options: object) -> Chart:
    return Chart(
        **{
            variant: chart(*arguments, variant=variant, ident=f"{name}-{variant}", **options)
            for variant in get_args(Variant)
        }
    )


def _delivery_text(numbers: ReportNumbers, timeline: Timeline) -> str:
    rates = [(rate, period.label) for period in timeline.periods if (rate := period.outbound.delivery_rate) is not None]
    if not rates:
        return f"Messages by {timeline.unit} and outcome. No message is decided yet."
    (low, low_label), (high, high_label) = min(rates), max(rates)
    return (
        f"Delivery rate and messages by {timeline.unit}: "
        f"{formatting.percent(numbers.outbound.delivery_rate)} over all, "
        f"lowest {formatting.percent(low)} ({low_label}), "
        f"highest {formatting.percent(high)} ({high_label}). "
        "The table below has all numbers."
    )


def _cost_text(numbers: ReportNumbers, timeline: Timeline) -> str:
    most = max(timeline.periods, key=lambda period: period.outbound.total.cost)
    return (
        f"Cost by {timeline.unit} and outcome: {formatting.dollars(numbers.outbound.total.cost)} over all, at most "
        f"{formatting.dollars(most.outbound.total.cost)} ({most.label}). The tables have all numbers."
    )


def _replies_text(numbers: ReportNumbers, timeline: Timeline) -> str:
    most = max(timeline.periods, key=lambda period: period.inbound)
    return (
        f"Inbound replies by {timeline.unit}, and for each hundred messages: {formatting.count(numbers.inbound)} over "
        f"all, at most {formatting.count(most.inbound)} ({most.label}). The table has all numbers."
    )


def _failures_text(numbers: ReportNumbers) -> str:
    codes = "; ".join(
        f"{entry.code.code}, {entry.code.meaning}: {formatting.count(entry.count)}"
        for entry in failure_codes(numbers)[:3]
    )
    return f"Failures by error code. The commonest: {codes}. The table below has all codes."


def _senders_text(numbers: ReportNumbers) -> str:
    senders = "; ".join(
        f"{sender.name}: {formatting.counted(sender.outbound.total.count, 'message')}, "
        f"{formatting.percent(sender.outbound.delivery_rate)} delivered"
        for sender in numbers.senders[:3]
    )
    return f"Senders by messages and delivery rate. The largest: {senders}. The table below has all numbers."
