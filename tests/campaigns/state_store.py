"""Stores as `context["task_state_store"]` of Airflow 3.3: the last write of a key wins."""

from __future__ import annotations

import json
import random
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any


class MemoryStore:
    """Keeps values as JSON."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.retentions: list[timedelta | None] = []

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        if value is None:
            raise ValueError("Cannot set value as None")
        self.retentions.append(retention)
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class FolderStore:
    """Keeps values as files, for several processes; a write takes effect after a random time, as over a network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, default: Any = None) -> Any:
        path = self._folder / key
        return json.loads(path.read_text()) if path.exists() else default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        time.sleep(random.uniform(0, 1))
        part = self._folder / uuid.uuid4().hex
        part.write_text(json.dumps(value))
        part.replace(self._folder / key)

    def delete(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)
