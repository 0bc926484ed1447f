"""Pictures are drawn by matplotlib without leaving a trace of it in the process or its log."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from airflow_provider_hvsms.api.errors import MissingPackage
from airflow_provider_hvsms.reports.page import render_page
from tests.reports.sample_numbers import sample_numbers


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackage, match=r"pip install 'airflow-provider-hvsms\[report\]'"):
        render_page(sample_numbers())


def test_importing_the_page_imports_neither_matplotlib_nor_airflow() -> None:
    code = (
        "import sys, airflow_provider_hvsms.reports.page; "
        "print([name for name in ('matplotlib', 'airflow') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_page_is_drawn_without_the_state_of_pyplot_and_without_a_log(tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO)\n"
        "from airflow_provider_hvsms.reports.page import render_page\n"
        "from tests.reports.sample_numbers import sample_numbers\n"
        "render_page(sample_numbers())\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    # An empty folder has no cache of fonts yet: matplotlib builds it, and would say so.
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"MPLCONFIGDIR": str(tmp_path), "PATH": ""},
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_settings_of_matplotlib_are_neither_used_nor_changed() -> None:
    page = render_page(sample_numbers())
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        assert render_page(sample_numbers()) == page
        assert dict(matplotlib.rcParams) == before


def test_the_level_of_matplotlibs_log_stays_as_it_was() -> None:
    logger = logging.getLogger("matplotlib")
    before = logger.level
    render_page(sample_numbers())
    assert logger.level == before
