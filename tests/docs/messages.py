"""The messages of the package, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "airflow_provider_hvsms"
GAP = "…"
"""Stands for what differs from case to case."""

_FORMAT = re.compile(r"%[-+ 0-9.]*[a-zA-Z]")
_SHORTEST = 20
"""Characters of a text that is a message rather than a part of one."""


_INTERNAL = {"DecodeError", "NotImplementedError", "RuntimeError", "ValueError"}
"""Errors that reach a user only as a part of another message, or not at all."""


def all_texts() -> set[str]:
    """Every text in the package, with `…` in place of its values."""
    return {text for tree in _trees() for text in _texts(tree)}


def logged_or_raised() -> set[str]:
    """The texts of all warnings, and of what is raised on purpose."""
    return {
        text
        for tree in _trees()
        for node in ast.walk(tree)
        if _raises_own_error(node) or _warns(node)
        for text in _texts(node)
        if len(text) >= _SHORTEST
    }


def _trees() -> Iterator[ast.Module]:
    for path in PACKAGE.rglob("*.py"):
        if "sandbox" not in path.relative_to(PACKAGE).parts:
            yield ast.parse(path.read_text())


def _raises_own_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _name(node.exc.func) not in _INTERNAL


def _warns(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in ("warning", "error", "exception")


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _FORMAT.sub(GAP, node.value).replace("%%", "%")
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)
