"""What the charts share: plain axes, stacked bars, and lines with gaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_hvsms.reports.charts.canvas import CHARACTER_WIDTH, COLOURS, PATTERNS, SMALL_FONT_SIZE
from airflow_provider_hvsms.reports.outcome_labels import OutcomeLabel

MAX_PLACE = 70
"""The most CSS pixels for a period, so that the bar of a single day is not as wide as the page."""

_LABEL_GAP = 14


def add_axes(figure: Any, *, left: float, top: float, right: float, height: float) -> Any:
    """Axes without a frame, placed in CSS pixels from the left and the top of the figure."""
    width, whole = figure.get_size_inches() * 72
    axes = figure.add_axes((left / width, 1 - (top + height) / whole, (width - left - right) / width, height / whole))
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=COLOURS["muted"], labelsize=SMALL_FONT_SIZE, pad=6)
    # Labels below stay clear of the zero at the side.
    axes.tick_params(axis="x", pad=9)
    axes.set_axisbelow(True)
    return axes


def add_title(figure: Any, text: str, *, top: float) -> None:
    """What the axes below show and in which unit."""
    _, whole = figure.get_size_inches() * 72
    figure.text(0, 1 - top / whole, text, color=COLOURS["ink"], va="top", ha="left", fontweight="bold")


def scale_y(axes: Any, *, bottom: float, top: float, ticks: Sequence[float], label: Callable[[float], str]) -> None:
    """Horizontal lines with labels."""
    axes.set_ylim(bottom, top)
    axes.set_yticks(ticks, [label(tick) for tick in ticks])
    axes.grid(axis="y", color=COLOURS["grid"], linewidth=1)


def scale_periods(axes: Any, labels: Sequence[str], *, shown: bool = True) -> None:
    """A place for each period; of their labels as many as fit side by side."""
    figure_width = axes.figure.get_size_inches()[0] * 72
    box = axes.get_position()
    left, width = box.x0 * figure_width, box.width * figure_width
    places = max(len(labels), width // MAX_PLACE) + 0.2
    begin = (len(labels) - 1 - places) / 2
    axes.set_xlim(begin, begin + places)
    if not shown:
        axes.set_xticks([])
        return
    label_width = max(map(len, labels)) * CHARACTER_WIDTH
    step = math.ceil((label_width + _LABEL_GAP) / (width / places))
    last = (figure_width - label_width / 2 - left) / width * places + begin
    ticks = [place for place in range(0, len(labels), step) if place <= last]
    axes.set_xticks(ticks, [labels[tick] for tick in ticks])


def nice_ticks(largest: float, *, steps: int = 4, smallest_step: float = 0) -> list[float]:
    """From zero to at least `largest`, in steps of 1, 2, 2.5 or 5 and zeros."""
    if largest <= 0:
        return [0, 1]
    rough = max(largest / steps, smallest_step)
    power = 10.0 ** len(str(int(rough))[1:]) if rough >= 1 else 10.0 ** -_leading_zeros(rough)
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    ticks = [0.0]
    while ticks[-1] < largest:
        ticks.append(round(ticks[-1] + step, 10))
    return ticks


def _leading_zeros(number: float) -> int:
    zeros = 1
    while number * 10**zeros < 1:
        zeros += 1
    return zeros


def stack_bars(axes: Any, parts: Sequence[tuple[OutcomeLabel, Sequence[float]]], *, across: bool = False) -> None:
    """Bars of outcomes on each other. Colour and pattern tell them apart."""
    places = range(len(parts[0][1]))
    bottoms = [0.0] * len(places)
    for label, values in parts:
        if not any(values):
            continue
        style = bar_style(label.outcome)
        if across:
            axes.barh(places, values, left=bottoms, height=1, **style)
        else:
            axes.bar(places, values, bottom=bottoms, width=0.8, **style)
        bottoms = [bottom + value for bottom, value in zip(bottoms, values, strict=True)]


def bar_style(outcome: str) -> dict[str, Any]:
    """How an outcome is filled."""
    return {
        "facecolor": PATTERNS.get(outcome, COLOURS[outcome]),
        "edgecolor": COLOURS["surface"],
        "linewidth": 0.5,
    }


def draw_line(axes: Any, values: Sequence[float | None], colour: str) -> None:
    """A line with points; a missing value is a gap."""
    axes.plot(
        range(len(values)),
        [float("nan") if value is None else value for value in values],
        color=COLOURS[colour],
        linewidth=2,
        marker="o",
        markersize=6 if len(values) <= 31 else 3,
        markeredgewidth=0,
        clip_on=False,
    )


def mark_point(axes: Any, place: int, value: float, text: str) -> None:
    """Write a value beside its point, at the side that has more room."""
    left, right = axes.get_xlim()
    at_left = place - left > right - place
    axes.annotate(
        text,
        (place, value),
        xytext=(-7 if at_left else 7, 0),
        textcoords="offset points",
        ha="right" if at_left else "left",
        va="center",
        color=COLOURS["ink"],
        fontsize=SMALL_FONT_SIZE,
        annotation_clip=False,
    )
