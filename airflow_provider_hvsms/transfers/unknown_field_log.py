"""What the log says of fields that the service sends and this version does not know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow_provider_hvsms.api.redaction import redact

_MAX_NAMED = 20
"""Fields that a load names."""

_MAX_LENGTH = 60
"""Characters of a name that are logged."""


class UnknownFieldLog:
    """Logs the name of each unknown field once a load, never a value.

    :param log: the task's logger.
    :param resource: what the fields belong to, such as `messages`.
    :param kept: whether the target keeps the fields.
    """

    def __init__(self, log: Any, resource: str, *, kept: bool) -> None:
        self._log = log
        self._resource = resource
        self._kept = kept
        self._named: set[str] = set()

    def note(self, names: Collection[str]) -> None:
        """Log the names that are new."""
        if len(self._named) >= _MAX_NAMED:
            return
        new = sorted(set(names) - self._named)[: _MAX_NAMED - len(self._named)]
        if not new:
            return
        self._named.update(new)
        shown = ", ".join(map(_shown, new))
        if len(self._named) == _MAX_NAMED:
            shown += " (further ones are not named)"
        if self._kept:
            self._log.info(
                "The service sends fields of %s that this version does not know: %s. They are kept in column `extra`.",
                self._resource, shown,
            )  # fmt: skip
        else:
            self._log.warning(
                "The service sends fields of %s that this version does not know: %s. They are not loaded; "
                "extra_fields=True keeps them as JSON in a column `extra`.",
                self._resource, shown,
            )  # fmt: skip


def _shown(name: str) -> str:
    shown = ascii(redact(name))[1:-1]
    return shown if len(shown) <= _MAX_LENGTH else f"{shown[:_MAX_LENGTH]}…"
