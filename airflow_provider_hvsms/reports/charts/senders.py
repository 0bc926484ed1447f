"""Senders beside each other: how much each sent, and how much of it was delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.charts.axes import bar_style
from airflow_provider_hvsms.reports.charts.canvas import CHARACTER_WIDTH, COLOURS, FONT_SIZE, WIDTHS, Variant, draw_svg
from airflow_provider_hvsms.reports.numbers import Group
from airflow_provider_hvsms.reports.outcome_labels import OUTCOME_LABELS

MAX_ROWS = 12
_ROW = 44
_HEAD = 22
_BAR = 14
_RATE_WIDTH: dict[Variant, int] = {"wide": 250, "narrow": 100}


def senders_chart(senders: Sequence[Group], *, variant: Variant, ident: str, label: str) -> str:
    """A row for each of the largest senders: messages by outcome at the left, delivery rate at the right."""
    rows = senders[:MAX_ROWS]
    height = _HEAD + _ROW * len(rows)
    width = WIDTHS[variant]
    rate_left = width - _RATE_WIDTH[variant]
    counts = [sender.outbound.total.count for sender in rows]
    room = rate_left - 24 - len(formatting.count(max(counts))) * CHARACTER_WIDTH
    unit = room / (max(counts) or 1)

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        _write(axes, 0, 0, "Messages", "bold")
        _write(axes, rate_left, 0, "Delivery rate", "bold")
        for number, sender in enumerate(rows):
            top = _HEAD + number * _ROW
            _write(axes, 0, top, _shorten(sender.name, rate_left // CHARACTER_WIDTH - 1))
            _draw_volume(axes, sender, top + 18, unit)
            _draw_rate(axes, sender.outbound.delivery_rate, rate_left, width - 1, top)

    return draw_svg(draw, variant=variant, height=height, ident=ident, label=label)


def _shorten(name: str, characters: int) -> str:
    name = name or "(none)"
    return name if len(name) <= characters else f"{name[: characters - 1]}…"


def _write(axes: Any, left: float, top: float, text: str, weight: str = "normal") -> None:
    # A name is no formula of TeX, whatever characters it has.
    axes.text(left, top, text, va="top", color=COLOURS["ink"], fontsize=FONT_SIZE, fontweight=weight, parse_math=False)


def _draw_volume(axes: Any, sender: Group, top: float, unit: float) -> None:
    left = 0.0
    for outcome in OUTCOME_LABELS:
        length = getattr(sender.outbound, outcome.outcome).count * unit
        if length:
            axes.barh(top + _BAR / 2, length, left=left, height=_BAR, **bar_style(outcome.outcome))
        left += length
    _write(axes, left + 8, top, formatting.count(sender.outbound.total.count))


def _draw_rate(axes: Any, rate: float | None, left: float, right: float, top: float) -> None:
    middle = top + 18 + _BAR / 2
    _write(axes, left, top, formatting.percent(rate))
    axes.plot((left, right), (middle, middle), color=COLOURS["grid"], linewidth=4, solid_capstyle="round")
    if rate is not None:
        place = left + rate * (right - left)
        axes.plot((left, place), (middle, middle), color=COLOURS["delivered"], linewidth=4, solid_capstyle="round")
