"""Values that Airflow's logs and rendered templates show as `***`."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import mask_secret

_MIN_LENGTH = 5
"""Airflow refuses to mask a shorter value, and logs a warning each time."""


def mask(value: str) -> None:
    """Mask a value from now on, unless it is too short to be masked."""
    if len(value) >= _MIN_LENGTH:
        mask_secret(value)
