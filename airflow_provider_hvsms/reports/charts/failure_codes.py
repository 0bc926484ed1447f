"""Failures by error code, with meaning and remedy beside each bar."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from airflow_provider_hvsms.api.error_codes import CodeCount
from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.charts.axes import bar_style
from airflow_provider_hvsms.reports.charts.canvas import (
    CHARACTER_WIDTH,
    COLOURS,
    FONT_SIZE,
    SMALL_FONT_SIZE,
    WIDTHS,
    Variant,
    draw_svg,
)

MAX_BARS = 6
_LINE = 18
_BAR = 14
_GAP = 18
_CHARACTERS: dict[Variant, int] = {"wide": 100, "narrow": 38}


def failure_chart(codes: Sequence[CodeCount], *, failed: int, variant: Variant, ident: str, label: str) -> str:
    """The most frequent codes.

    :param failed: all messages that failed, of which a code is a part.
    """
    rows = [(entry, _lines(entry, variant)) for entry in codes[:MAX_BARS]]
    height = sum(len(lines) * _LINE + _BAR + _GAP for _, lines in rows)
    largest = max(entry.count for entry, _ in rows)

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, WIDTHS[variant])
        axes.set_ylim(height, 0)
        top = 0.0
        for entry, lines in rows:
            for number, (line, heading) in enumerate(lines):
                _write(axes, line, top + number * _LINE, heading=heading)
            top += len(lines) * _LINE
            _draw_bar(axes, entry, top, largest, failed, variant)
            top += _BAR + _GAP

    return draw_svg(draw, variant=variant, height=height, ident=ident, label=label)


def _lines(entry: CodeCount, variant: Variant) -> list[tuple[str, bool]]:
    """The text over a bar; the flag is true for lines of the heading."""
    code = entry.code
    width = _CHARACTERS[variant]
    return [
        *((line, True) for line in textwrap.wrap(f"{code.code}: {code.meaning}", width)),
        *((line, False) for line in textwrap.wrap(f"What to do: {code.remedy}", width)),
    ]


def _write(axes: Any, text: str, top: float, *, heading: bool) -> None:
    axes.text(
        0,
        top,
        text,
        va="top",
        color=COLOURS["ink" if heading else "muted"],
        fontsize=FONT_SIZE if heading else SMALL_FONT_SIZE,
        fontweight="bold" if heading else "normal",
        # A code that is not documented can have any characters.
        parse_math=False,
    )


def _draw_bar(axes: Any, entry: CodeCount, top: float, largest: int, failed: int, variant: Variant) -> None:
    text = f"{formatting.count(entry.count)} ({formatting.share(entry.count, failed)})"
    room = WIDTHS[variant] - len(f"{formatting.count(largest)} (100.0 %)") * CHARACTER_WIDTH - 8
    length = max(room * entry.count / largest, 1)
    axes.barh(top + _BAR / 2 + 2, length, height=_BAR, **bar_style("failed"))
    axes.text(length + 8, top + _BAR / 2 + 2, text, va="center", color=COLOURS["ink"], fontsize=FONT_SIZE)
