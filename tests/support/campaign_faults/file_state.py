"""The state of a task in a folder, which processes share as they share Airflow's."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

_DOWN = "down"


class FileState:
    """Like `context["task_state_store"]`: each key is written whole, and the last write stays.

    :param folder: exists; each key is a file of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, default: Any = None) -> Any:
        self._check()
        try:
            return json.loads((self._folder / f"{key}.json").read_text())
        except FileNotFoundError:
            return default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        self._check()
        written = self._folder / uuid.uuid4().hex
        written.write_text(json.dumps(value))
        written.replace(self._folder / f"{key}.json")
        self._check()

    def delete(self, key: str) -> None:
        self._check()
        (self._folder / f"{key}.json").unlink(missing_ok=True)

    def cut(self) -> None:
        """From now on each call fails; a write that is under way may have been carried out."""
        (self._folder / _DOWN).touch()

    def restore(self) -> None:
        (self._folder / _DOWN).unlink(missing_ok=True)

    def _check(self) -> None:
        if (self._folder / _DOWN).exists():
            raise ConnectionError("the API server cannot be reached")
