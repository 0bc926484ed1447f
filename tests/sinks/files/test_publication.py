"""A folder holds one load, whole, whenever another one stops and however two of them meet."""

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

STEPS = ("files", "upload", "write", "read", "move", "remove")


class Stopped(BaseException):
    """The process is killed here."""


class WatchedFolder(Folder):
    """Calls something before each step."""

    def __init__(self, path: ObjectStoragePath, before_step: Callable[[], None]) -> None:
        super().__init__(path)
        for name in STEPS:
            setattr(self, name, self._watched(getattr(self, name), before_step))

    @staticmethod
    def _watched(step: Callable[..., Any], before_step: Callable[[], None]) -> Callable[..., Any]:
        @functools.wraps(step)
        def watched(*arguments: Any, **options: Any) -> Any:
            before_step()
            return step(*arguments, **options)

        return watched


class Turns:
    """Lets threads go on one step at a time, each time another one by chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._chosen: str | None = None

    def before_step(self, name: str) -> None:
        with self._changed:
            self._waiting.append(name)
            self._chosen = None if self._chosen == name else self._chosen
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._chosen == name, timeout=10)
            self._waiting.remove(name)

    def run(self, works: dict[str, Callable[[], None]]) -> None:
        threads = {name: threading.Thread(target=work) for name, work in works.items()}
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


def begin(path: ObjectStoragePath, before_step: Callable[[], None], content: str, parts: int) -> Publication:
    """A load whose parts are uploaded."""
    publication = Publication(WatchedFolder(path, before_step))
    for number in range(parts):
        with tempfile.TemporaryFile() as file:
            file.write(f"{content} {number}".encode())
            publication.add_part(file, ".csv")
    return publication


def publish(path: ObjectStoragePath, content: str, parts: int = 2) -> None:
    begin(path, lambda: None, content, parts).publish({"content": content})


def parts_of(path: Path) -> list[str]:
    return sorted(part.read_text() for part in path.glob("part-*"))


def success(path: Path) -> str:
    return str(json.loads((path / "_SUCCESS").read_text())["content"])


@pytest.mark.parametrize("steps", range(20))
def test_a_load_that_stops_after_any_step_leaves_a_complete_one(tmp_path: Path, steps: int) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    publish(folder, "old", parts=3)
    left = steps

    def before_step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stopped

    with contextlib.suppress(Stopped):
        begin(folder, before_step, "new", 2).publish({"content": "new"})
    of_success = {"old": ["old 0", "old 1", "old 2"], "new": ["new 0", "new 1"]}[success(tmp_path)]
    assert set(of_success) <= set(parts_of(tmp_path))
    publish(folder, "next", parts=1)
    assert (success(tmp_path), parts_of(tmp_path)) == ("next", ["next 0"])
    assert not list(tmp_path.glob(".hvsms-*.draft"))


@pytest.mark.parametrize("parts", [2, 0])
@pytest.mark.parametrize("seed", range(60))
def test_of_two_loads_at_once_the_one_that_began_later_wins_whole(tmp_path: Path, seed: int, parts: int) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    publish(folder, "old", parts=3)
    turns = Turns(seed)
    loads = {
        name: begin(folder, functools.partial(started_or_step, turns, name), name, parts)
        for name in ("outlived", "retry")
    }
    started.set()
    try:
        turns.run({name: functools.partial(publish_or_give_up, load, name) for name, load in loads.items()})
    finally:
        started.clear()
    assert success(tmp_path) == "retry"
    assert parts_of(tmp_path) == [f"retry {number}" for number in range(parts)]


def test_a_load_that_was_superseded_says_so_and_changes_nothing(tmp_path: Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    outlived = begin(folder, lambda: None, "outlived", 2)
    publish(folder, "retry")
    with pytest.raises(LoadSuperseded, match="began later.*run this one again"):
        outlived.publish({"content": "outlived"})
    outlived.withdraw()
    assert (success(tmp_path), parts_of(tmp_path)) == ("retry", ["retry 0", "retry 1"])


started = threading.Event()


def started_or_step(turns: Turns, name: str) -> None:
    if started.is_set():
        turns.before_step(name)


def publish_or_give_up(load: Publication, name: str) -> None:
    try:
        load.publish({"content": name})
    except LoadSuperseded:
        load.withdraw()
