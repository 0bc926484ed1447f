"""Locks, connections and sessions are renewed in a forked process: the parent's may be in use when it forks."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """An object that threads share and a forked process must not use as it is."""

    def after_fork(self) -> None:
        """Start again in the child, with new locks and without what belongs to the parent's threads."""


_registered: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def renew_after_fork(shared: ForkAware) -> None:
    """Call `after_fork` in every child that this process forks, for as long as the object lives."""
    _registered.add(shared)


def _renew_all() -> None:
    for shared in list(_registered):
        shared.after_fork()


os.register_at_fork(after_in_child=_renew_all)
