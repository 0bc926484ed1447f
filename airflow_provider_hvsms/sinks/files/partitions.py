"""Folders of a lake by the time at which a record was created."""

from __future__ import annotations

from typing import Literal

PartitionBy = Literal["day", "month", "hour"]
