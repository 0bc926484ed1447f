"""A matplotlib figure that becomes SVG inside an HTML page: its colours and its font are the page's."""

from __future__ import annotations

import html
import importlib
import io
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from airflow_provider_hvsms.api.errors import MissingPackage

Variant = Literal["wide", "narrow"]

WIDTHS: dict[Variant, int] = {"wide": 800, "narrow": 302}
"""In CSS pixels: the column of a page on a desk, and that of a phone."""

FONT_SIZE = 13
SMALL_FONT_SIZE = 12
CHARACTER_WIDTH = 8
"""Of a digit, or an average letter, with some room: the page's font is known to the browser alone."""

# Colours that stand for the CSS variables of the page; matplotlib knows no variables.
COLOURS = {
    "ink": "#010101",
    "muted": "#010102",
    "grid": "#010103",
    "surface": "#010104",
    "delivered": "#010105",
    "failed": "#010106",
    "unknown": "#010107",
    "pending": "#010108",
    "inbound": "#010109",
}
# Colours that stand for the patterns of the page, which tell outcomes apart without colour.
PATTERNS = {"failed": "#010110", "unknown": "#010111"}

_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "hvsms", "font.size": FONT_SIZE}
# matplotlib's settings are those of the process.
_settings_lock = threading.Lock()

Draw = Callable[[Any], None]
"""Draws into a figure of matplotlib."""


def draw_svg(draw: Draw, *, variant: Variant, height: float, ident: str, label: str) -> str:
    """Draw a figure as an `<svg>` element. The same drawing gives the same text.

    :param height: in CSS pixels.
    :param ident: begins each id in the element, so that a page can hold several.
    :param label: the text alternative.
    :raises MissingPackage: matplotlib is not installed.
    """
    matplotlib = import_matplotlib()
    with _settings_lock, matplotlib.style.context(["default", _SETTINGS]):
        figure = matplotlib.figure.Figure(figsize=(WIDTHS[variant] / 72, height / 72), dpi=72)
        figure.patch.set_visible(False)
        canvas = matplotlib.backends.backend_svg.FigureCanvasSVG(figure)
        draw(figure)
        file = io.StringIO()
        canvas.print_svg(file, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _for_page(file.getvalue(), width=WIDTHS[variant], height=height, ident=ident, label=label)


def import_matplotlib() -> Any:
    """Import matplotlib when a picture is drawn, not before: it is an optional dependency and slow to import.

    :raises MissingPackage: it is not installed.
    """
    with _quiet():
        try:
            for name in ("matplotlib.backends.backend_svg", "matplotlib.figure", "matplotlib.style"):
                importlib.import_module(name)
        except ImportError:
            raise MissingPackage(
                "The pictures of a delivery report need matplotlib: pip install 'airflow-provider-hvsms[report]'."
            ) from None
    return importlib.import_module("matplotlib")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without matplotlib's notes on its cache of fonts, which are of no use in the log of a task."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


_PAINTS = {
    **{colour: f"var(--{name})" for name, colour in COLOURS.items()},
    **{colour: f"url(#pattern-{name})" for name, colour in PATTERNS.items()},
}


def _for_page(svg: str, *, width: float, height: float, ident: str, label: str) -> str:
    content = svg[svg.index(">", svg.index("<svg")) + 1 :].rstrip()
    content = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", content, count=1, flags=re.DOTALL)
    content = re.sub(r"<!--.*?-->", "", content, flags=re.DOTALL)
    content = re.sub(r"font: (?:\w+ )*?([\d.]+)px [^;\"]*", r"font-size: \1px", content)
    content = re.sub(r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend)[\w.]*"', "", content)
    content = re.sub(r' id="', f' id="{ident}-', content)
    content = re.sub(r'(?:xlink:)?href="#', f'href="#{ident}-', content)
    content = content.replace("url(#", f"url(#{ident}-")
    content = re.sub(r"#0101\d\d", lambda found: _PAINTS[found[0]], content)
    content = re.sub(r"\s*\n\s*", "\n", content)
    start = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{html.escape(label)}">'
    return start + content
