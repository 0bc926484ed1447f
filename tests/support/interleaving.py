"""Processes that run in every order: one step of one process after the other, as each sequence of choices says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from greenlet import greenlet


class Choices:
    """Takes given choices, then the first option of each further choice.

    :param given: the options to take, by their places.
    :param seen: the states in which a choice was made before.
    """

    def __init__(self, given: list[int], seen: set[Hashable]) -> None:
        self._given = given
        self._seen = seen
        self.taken: list[tuple[int, int]] = []
        """The options that were taken, and how many there were."""

    def is_known(self, state: Hashable) -> bool:
        """Whether all that may follow from a state is covered by other sequences."""
        if len(self.taken) < len(self._given):
            return False
        is_known = state in self._seen
        self._seen.add(state)
        return is_known

    def __call__(self, count: int) -> int:
        place = len(self.taken)
        choice = self._given[place] if place < len(self._given) else 0
        self.taken.append((choice, count))
        return choice


def all_choices() -> Iterator[Choices]:
    """Each sequence of choices once, depth first. What is done with one must depend on nothing else."""
    given: list[int] = []
    seen: set[Hashable] = set()
    while True:
        choices = Choices(given, seen)
        yield choices
        taken = choices.taken
        while taken and taken[-1][0] == taken[-1][1] - 1:
            taken.pop()
        if not taken:
            return
        given = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]


class Killed(BaseException):
    """Ends a process, which can do nothing more."""


class AlreadyCovered(Exception):
    """What follows is covered by another sequence of choices."""


class Process:
    """A process of a schedule.

    :param run: what it does; an error that it raises is its `error`.
    """

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self._greenlet = greenlet(self._carry_out)
        self.awake_at = 0.0
        self.latest = float("inf")
        """The time that must not pass before its next step."""
        self.error: BaseException | None = None
        self.result: Any = None
        self._observed: Hashable = ()

    @property
    def state(self) -> Hashable:
        """All that what it does next depends on: what it has observed so far."""
        return (self._observed, self.awake_at, self.latest, self.is_alive)

    def observe(self, seen: Hashable) -> None:
        # Nested tuples would be compared in full again and again.
        self._observed = hash((self._observed, seen))

    @property
    def is_alive(self) -> bool:
        return not self._greenlet.dead

    def resume(self) -> None:
        """Let it run to its next step."""
        self._greenlet.switch()

    def kill(self) -> None:
        self._greenlet.throw(Killed)
        assert not self.is_alive, "a process that is killed did something more"

    def _carry_out(self) -> None:
        try:
            self.result = self._run()
        except (Exception, Killed) as error:
            self.error = error


class Schedule:
    """Runs processes step by step. A choice says after each step which one goes on, or that one is killed.

    Time passes only when a process is resumed from its sleep. The others may then be late to any extent, but for the
    time that one says must not pass before its next step (`Process.latest`).

    :param choose: takes the number of options, and returns the place of one.
    A state of all processes that was met before, with as much left to happen, is not followed again: two orders of
    steps that do not concern one another lead to the same state.

    :param switches: how often a process is stopped though it could go on.
    :param kills: how many processes may be killed.
    :param world: the state of what the processes share.
    """

    def __init__(
        self, choices: Choices, *, now: float, switches: int, kills: int, world: Callable[[], Hashable]
    ) -> None:
        self.now = now
        self._choices = choices
        self._world = world
        self._switches = switches
        self._kills = kills
        self.current: Process | None = None
        self.killed = 0

    def run(self, processes: list[Process]) -> None:
        """Run the processes to their ends.

        :raises AlreadyCovered: another sequence of choices has led to the same state.
        """
        self.current = None
        while alive := [process for process in processes if process.is_alive]:
            self._stop_if_covered(processes)
            going_on = self.current if self.current in alive and self._is_ready(self.current) else None
            options: list[tuple[Process, bool]] = [(going_on, False)] if going_on else []
            if going_on is None or self._switches:
                latest = min(process.latest for process in alive)
                options += [(one, False) for one in alive if one is not going_on and one.awake_at <= latest]
            options += [(one, True) for one in alive if one is self.current and self.killed < self._kills]
            process, is_killed = options[self._choices(len(options))]
            self._switches -= going_on is not None and process is not going_on
            self._carry_on(process, is_killed=is_killed)

    def step(self) -> None:
        """Called by a process between two of its steps."""
        greenlet.getcurrent().parent.switch()

    def sleep(self, seconds: float) -> None:
        """Called by a process that sleeps."""
        assert self.current is not None
        self.current.awake_at = self.now + seconds
        self.step()

    def _stop_if_covered(self, processes: list[Process]) -> None:
        current = processes.index(self.current) if self.current in processes else None
        left = (self._switches, self._kills - self.killed)
        if self._choices.is_known((self.now, self._world(), current, left, *(one.state for one in processes))):
            raise AlreadyCovered

    def _is_ready(self, process: Process | None) -> bool:
        return process is not None and process.awake_at <= self.now

    def _carry_on(self, process: Process, *, is_killed: bool) -> None:
        if is_killed:
            self.killed += 1
            process.kill()
            return
        self.current = process
        self.now = max(self.now, process.awake_at)
        process.latest = float("inf")
        process.observe((self.now, self._world()))
        process.resume()
