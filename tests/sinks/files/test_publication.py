"""A folder holds one complete load, at whatever step another one stops and however two of them interleave."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import LoadSuperseded
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.publication import Publication

STEPS = ("list_files", "upload", "write", "read", "rename", "remove")


class ProcessKilled(BaseException):
    """Stands for the end of the process."""


class ObservedFolder(Folder):
    """A folder that calls a function before each step."""

    def __init__(self, path: ObjectStoragePath, before_step: Callable[[], None]) -> None:
        super().__init__(path)
        for name in STEPS:
            setattr(self, name, self._observed(getattr(self, name), before_step))

    @staticmethod
    def _observed(step: Callable[..., Any], before_step: Callable[[], None]) -> Callable[..., Any]:
        @functools.wraps(step)
        def observed(*arguments: Any, **options: Any) -> Any:
            before_step()
            return step(*arguments, **options)

        return observed


class StepScheduler:
    """Runs threads one step at a time, in a random order that the seed repeats."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._chosen: str | None = None
        self._running = threading.Event()

    def before_step(self, name: str) -> None:
        """Wait until the thread of this name is chosen; return at once before `run`."""
        if not self._running.is_set():
            return
        with self._changed:
            self._waiting.append(name)
            self._chosen = None if self._chosen == name else self._chosen
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._chosen == name, timeout=10)
            self._waiting.remove(name)

    def run(self, functions: dict[str, Callable[[], None]]) -> None:
        self._running.set()
        threads = {name: threading.Thread(target=function) for name, function in functions.items()}
        for thread in threads.values():
            thread.start()
        while alive := [name for name, thread in threads.items() if thread.is_alive()]:
            with self._changed:
                if sorted(self._waiting) == sorted(alive):
                    self._chosen = self._random.choice(alive)
                    self._changed.notify_all()
                self._changed.wait(0.001)
        for thread in threads.values():
            thread.join()


def upload_parts(path: ObjectStoragePath, before_step: Callable[[], None], content: str, parts: int) -> Publication:
    """Start a load and upload its parts."""
    publication = Publication.start(ObservedFolder(path, before_step))
    for number in range(parts):
        with tempfile.TemporaryFile() as file:
            file.write(f"{content} {number}".encode())
            publication.add_part(file, ".csv")
    return publication


def publish(path: ObjectStoragePath, content: str, parts: int = 2) -> None:
    upload_parts(path, lambda: None, content, parts).publish({"content": content})


def parts_of(path: Path) -> list[str]:
    return sorted(part.read_text() for part in path.glob("part-*"))


def success(path: Path) -> str:
    return str(json.loads((path / "_SUCCESS").read_text())["content"])


@pytest.mark.parametrize("steps", range(20))
def test_a_load_that_is_killed_after_any_step_leaves_a_complete_one(tmp_path: Path, steps: int) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    publish(folder, "old", parts=3)
    steps_left = steps

    def before_step() -> None:
        nonlocal steps_left
        steps_left -= 1
        if steps_left < 0:
            raise ProcessKilled

    with contextlib.suppress(ProcessKilled):
        upload_parts(folder, before_step, "new", 2).publish({"content": "new"})
    expected = {"old": ["old 0", "old 1", "old 2"], "new": ["new 0", "new 1"]}[success(tmp_path)]
    assert set(expected) <= set(parts_of(tmp_path))
    publish(folder, "next", parts=1)
    assert (success(tmp_path), parts_of(tmp_path)) == ("next", ["next 0"])
    assert not list(tmp_path.glob(".hvsms-*.draft"))


@pytest.mark.parametrize("parts", [2, 0])
@pytest.mark.parametrize("seed", range(60))
def test_of_two_loads_at_once_the_one_that_started_later_wins(tmp_path: Path, seed: int, parts: int) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    publish(folder, "old", parts=3)
    scheduler = StepScheduler(seed)
    loads = {
        name: upload_parts(folder, functools.partial(scheduler.before_step, name), name, parts)
        for name in ("first", "retry")
    }
    scheduler.run({name: functools.partial(publish_or_discard, load, name) for name, load in loads.items()})
    assert success(tmp_path) == "retry"
    assert parts_of(tmp_path) == [f"retry {number}" for number in range(parts)]


def publish_or_discard(load: Publication, name: str) -> None:
    try:
        load.publish({"content": name})
    except LoadSuperseded:
        load.discard()


def test_a_superseded_load_raises_and_changes_nothing(tmp_path: Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    first = upload_parts(folder, lambda: None, "first", 2)
    publish(folder, "retry")
    with pytest.raises(LoadSuperseded, match="started later.*run this task again"):
        first.publish({"content": "first"})
    first.discard()
    assert (success(tmp_path), parts_of(tmp_path)) == ("retry", ["retry 0", "retry 1"])
