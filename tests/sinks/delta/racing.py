"""Loads that race."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_hvsms.sinks.delta.table import Table


@contextmanager
def loads_at_the_first_commit(other_load: Callable[[], Any]) -> Iterator[None]:
    """Let another load go first, between the merge and the commit of a load."""
    commit, pending = Table.commit, [other_load]

    def commit_late(*arguments: Any) -> None:
        if pending:
            pending.pop()()
        commit(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "commit", commit_late)
        yield
