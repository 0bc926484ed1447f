"""Compares what a load has read with the totals of the message store."""

from __future__ import annotations

from typing import Literal

Reconcile = Literal["warn", "fail", "off"]
"""What happens if the totals differ: the log warns, or the load fails; or they are not read at all."""
