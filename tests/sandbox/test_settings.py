"""Settings are checked when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Settings


@pytest.mark.parametrize(
    "settings",
    [
        {"messages": -1},
        {"days": 0},
        {"bad_day": -1},
        {"light": 0},
        {"window": 0},
        {"port": 70_000},
        {"last_page": "none"},
        {"rate_headers": frozenset({"X"})},
        {"page_token_ttl": 0},
        {"sending_time": -1},
        {"listing_delay": -1},
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Settings(**settings)
