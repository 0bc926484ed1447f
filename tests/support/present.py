"""Another present, so that the tests pass at any hour: `HVSMS_TEST_NOW` (ISO 8601) says which."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import time_machine

_NAME = "HVSMS_TEST_NOW"


def travel() -> None:
    """Set the clock of this process, if another present is given."""
    if _NAME in os.environ:
        time_machine.travel(datetime.fromisoformat(os.environ[_NAME]), tick=True).start()


def own_present() -> dict[str, str]:
    """The environment in which `travel` gives a new process the clock of this one."""
    return {_NAME: datetime.now(UTC).isoformat()} if _NAME in os.environ else {}
