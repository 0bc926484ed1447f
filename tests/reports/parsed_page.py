"""A page taken apart, as a browser would read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_INLINE = {"span", "code"}
_VOID = {"meta", "link", "img", "br", "hr", "input", "base"}


class ParsedPage(HTMLParser):
    """The elements of a page. Reading fails on an element that is closed in the wrong place or not at all."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag not in _INLINE:
            self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """What is read, with single spaces."""
        return re.sub(r"\s+", " ", "".join(self.texts))

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it occurs."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]
