"""A forked process starts with locks and connections of its own: the parent's may be in use when it forks."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Something that threads share, and a forked process must not."""

    def after_fork(self) -> None:
        """Begin anew in the child: with new locks, and without what only the parent's threads could end."""


_shared: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def renew_after_fork(shared: ForkAware) -> None:
    """Call `after_fork` in each child that this process forks, for as long as the object lives."""
    _shared.add(shared)


def _renew_all() -> None:
    for shared in list(_shared):
        shared.after_fork()


os.register_at_fork(after_in_child=_renew_all)
