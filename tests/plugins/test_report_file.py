"""Which files the API server opens for a path that a task returned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_hvsms.api.errors import FolderUnavailable, NotFound
from airflow_provider_hvsms.plugins import report_file
from airflow_provider_hvsms.plugins.report_file import read_report
from airflow_provider_hvsms.reports.generator import GENERATOR_TAG

REPORT = f"<!DOCTYPE html>\n<html><head>{GENERATOR_TAG}</head></html>"


def test_a_report_is_read_from_a_path_or_an_address(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(REPORT)
    assert read_report(str(file)) == read_report(file.as_uri()) == REPORT.encode()


@pytest.mark.parametrize("name", ["report.txt", "airflow.cfg", "report.html.bak"])
def test_a_file_that_is_no_page_is_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(REPORT)
    with pytest.raises(NotFound):
        read_report(str(tmp_path / name))


@pytest.mark.parametrize("content", ["", "secret", "<!DOCTYPE html><html></html>", f"secret {REPORT}"])
def test_a_page_that_this_package_did_not_write_is_not_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "page.html").write_text(content)
    with pytest.raises(NotFound):
        read_report(str(tmp_path / "page.html"))


def test_a_link_to_a_file_that_is_no_report_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "page.html").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFound):
        read_report(str(tmp_path / "page.html"))


def test_a_pipe_is_not_opened_as_it_would_never_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(NotFound):
        read_report(str(tmp_path / "pipe.html"))


def test_a_page_that_is_too_large_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_file, "MAX_BYTES", len(REPORT))
    (tmp_path / "page.html").write_text(REPORT)
    assert read_report(str(tmp_path / "page.html"))
    (tmp_path / "page.html").write_text(f"{REPORT} ")
    with pytest.raises(NotFound):
        read_report(str(tmp_path / "page.html"))


@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "github"])
def test_an_address_that_is_no_storage_of_airflow_is_not_requested(scheme: str) -> None:
    with pytest.raises(FolderUnavailable, match="could not be read"):
        read_report(f"{scheme}://127.0.0.1:1/report.html")


def test_file_systems_are_not_chained(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(REPORT)
    with pytest.raises(NotFound):
        read_report(f"simplecache::{(tmp_path / 'page.html').as_uri()}")
