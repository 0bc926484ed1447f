"""Waiting times in headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from airflow_provider_hvsms.api.headers import retry_after


def test_retry_after_may_be_a_number_or_a_date() -> None:
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)
    from_date = retry_after({"Retry-After": format_datetime(in_a_minute, usegmt=True)})
    assert retry_after({"Retry-After": "17"}) == 17
    assert from_date is not None
    assert 57 < from_date <= 60
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({"Retry-After": "Thu, 01 Jan 9999999999 00:00:00 GMT"}) is None
    assert retry_after({}) is None
