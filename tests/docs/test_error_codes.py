"""The guide's table of error codes is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_hvsms.api.error_codes import DOCUMENTED

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "checks.md"
ROW = re.compile(r"^\| `(SMS-\w+-\d+)` \| (.+) \| `(\w+)` \| (.+) \|$", re.MULTILINE)


def test_the_table_lists_each_code_with_its_meaning_kind_and_remedy() -> None:
    assert ROW.findall(PAGE.read_text()) == [tuple(code) for code in DOCUMENTED.values()]
