"""The tree of errors in the docstring is the one in the code."""

from __future__ import annotations

import inspect
import re

from airflow_provider_hvsms.api import errors
from airflow_provider_hvsms.api.errors import HvsmsError


def drawn() -> set[tuple[str, str]]:
    """Pairs of an error and its base, from the drawing."""
    pairs: set[tuple[str, str]] = set()
    path = ["HvsmsError"]
    for indent, name in re.findall(r"^    ((?:│   |    )*)[├└]── (\w+)$", errors.__doc__ or "", re.MULTILINE):
        path = [*path[: len(indent) // 4 + 1], name]
        pairs.add((name, path[-2]))
    return pairs


def test_the_drawing_shows_every_error_below_its_base() -> None:
    defined = [error for _, error in inspect.getmembers(errors, inspect.isclass) if error.__module__ == errors.__name__]
    assert drawn() == {(error.__name__, error.__bases__[0].__name__) for error in defined if error is not HvsmsError}


def test_every_error_has_a_docstring() -> None:
    assert all(error.__doc__ for _, error in inspect.getmembers(errors, inspect.isclass))
