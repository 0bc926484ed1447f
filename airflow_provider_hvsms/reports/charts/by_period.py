"""Charts with the time from left to right: delivery, cost and replies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.charts.axes import (
    add_axes,
    add_title,
    draw_line,
    mark_point,
    nice_ticks,
    scale_periods,
    scale_y,
    stack_bars,
)
from airflow_provider_hvsms.reports.charts.canvas import COLOURS, Variant, draw_svg
from airflow_provider_hvsms.reports.finding import NOTABLE_DROP
from airflow_provider_hvsms.reports.numbers import Tally
from airflow_provider_hvsms.reports.outcome_labels import OUTCOME_LABELS
from airflow_provider_hvsms.reports.periods import Timeline

_LEFT: dict[Variant, int] = {"wide": 58, "narrow": 44}


def delivery_chart(timeline: Timeline, *, variant: Variant, ident: str, label: str) -> str:
    """The delivery rate above, the messages by outcome below."""

    def draw(figure: Any) -> None:
        add_title(figure, f"Delivery rate by {timeline.unit}", top=0)
        rates = [period.outbound.delivery_rate for period in timeline.periods]
        upper = add_axes(figure, left=_LEFT[variant], top=26, right=10, height=110)
        _scale_rates(upper, [rate for rate in rates if rate is not None])
        draw_line(upper, rates, "delivered")
        scale_periods(upper, _labels(timeline), shown=False)
        _mark_lowest(upper, rates)
        add_title(figure, f"Messages by {timeline.unit}", top=160)
        lower = add_axes(figure, left=_LEFT[variant], top=186, right=10, height=140)
        _stack(lower, timeline, lambda tally: tally.count, formatting.short_number, smallest_step=1)
        scale_periods(lower, _labels(timeline))

    return draw_svg(draw, variant=variant, height=352, ident=ident, label=label)


def cost_chart(timeline: Timeline, *, variant: Variant, ident: str, label: str) -> str:
    """Cost by outcome."""

    def draw(figure: Any) -> None:
        add_title(figure, f"Cost by {timeline.unit}, US dollars", top=0)
        axes = add_axes(figure, left=_LEFT[variant], top=26, right=10, height=150)
        _stack(axes, timeline, lambda tally: float(tally.cost), lambda amount: f"${formatting.short_number(amount)}")
        scale_periods(axes, _labels(timeline))

    return draw_svg(draw, variant=variant, height=204, ident=ident, label=label)


def replies_chart(timeline: Timeline, *, variant: Variant, ident: str, label: str) -> str:
    """Replies above, and below them what they are to a hundred messages."""

    def draw(figure: Any) -> None:
        inbound = [period.inbound for period in timeline.periods]
        add_title(figure, f"Inbound replies by {timeline.unit}", top=0)
        upper = add_axes(figure, left=_LEFT[variant], top=26, right=10, height=110)
        ticks = nice_ticks(max(inbound), smallest_step=1)
        scale_y(upper, bottom=0, top=ticks[-1], ticks=ticks, label=formatting.short_number)
        upper.bar(range(len(inbound)), inbound, width=0.8, facecolor=COLOURS["inbound"])
        scale_periods(upper, _labels(timeline), shown=False)
        rates = [period.replies_per_hundred for period in timeline.periods]
        add_title(figure, "Replies per 100 messages sent", top=160)
        lower = add_axes(figure, left=_LEFT[variant], top=186, right=10, height=90)
        ticks = nice_ticks(max((rate for rate in rates if rate is not None), default=0), steps=3)
        scale_y(lower, bottom=0, top=ticks[-1], ticks=ticks, label=formatting.short_number)
        draw_line(lower, rates, "inbound")
        scale_periods(lower, _labels(timeline))

    return draw_svg(draw, variant=variant, height=304, ident=ident, label=label)


def _labels(timeline: Timeline) -> list[str]:
    return [period.label for period in timeline.periods]


def _scale_rates(axes: Any, rates: list[float]) -> None:
    lowest = min(rates, default=0.0)
    bottom = next(floor for floor in (0.9, 0.8, 0.6, 0.5, 0.0) if lowest >= floor)
    step = (1 - bottom) / (2 if bottom in {0.9, 0.8, 0.6} else 4)
    ticks = [bottom + step * index for index in range(math.ceil((1 - bottom) / step - 1e-9) + 1)]
    scale_y(
        axes, bottom=bottom, top=1, ticks=ticks, label=lambda tick: f"{tick:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
    )


def _mark_lowest(axes: Any, rates: Sequence[float | None]) -> None:
    """The lowest rate in figures, where it stands out from the middle one."""
    known = sorted((rate, place) for place, rate in enumerate(rates) if rate is not None)
    if not known:
        return
    rate, place = known[0]
    if len(known) == 1 or known[len(known) // 2][0] - rate >= NOTABLE_DROP:
        mark_point(axes, place, rate, formatting.percent(rate))


def _stack(
    axes: Any,
    timeline: Timeline,
    measure: Callable[[Tally], float],
    label: Callable[[float], str],
    *,
    smallest_step: float = 0,
) -> None:
    parts = [
        (outcome, [measure(getattr(period.outbound, outcome.outcome)) for period in timeline.periods])
        for outcome in OUTCOME_LABELS
    ]
    largest = max(sum(column) for column in zip(*(values for _, values in parts), strict=True))
    ticks = nice_ticks(largest, smallest_step=smallest_step)
    scale_y(axes, bottom=0, top=ticks[-1], ticks=ticks, label=label)
    stack_bars(axes, parts)
