"""Every code block that a user reads is a part of a file that the tests run; what is named exists."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.docs.messages import GAP, all_texts

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```(\S+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INCLUDED = re.compile(r"^```\{literalinclude\} (\S+)$", re.MULTILINE)

IN_CI = re.compile(r"-m airflow_provider_hvsms\.sandbox demo$|bin/pytest$")
"""README's two commands: CI runs the one, and tests/sandbox/test_demo.py what the other ends in."""


def _sources() -> list[str]:
    """The examples as they are, and each of their DAGs' lines without the indentation of the DAG."""
    paths = [*(ROOT / "dags_examples").glob("*.py"), *(ROOT / "tests/docs/examples").iterdir()]
    texts = [path.read_text() for path in paths if path.is_file()]
    return texts + [re.sub(r"^ {4}", "", text, flags=re.MULTILINE) for text in texts]


def test_the_blocks_of_readme_are_parts_of_files_that_are_run() -> None:
    blocks = [code.strip() for _, code in BLOCK.findall(README.read_text())]
    assert len(blocks) == 5
    sources = _sources()
    for code in blocks:
        assert IN_CI.search(code) or any(textwrap.dedent(code) in source for source in sources), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_include_their_code_from_files_that_are_run(page: Path) -> None:
    text = page.read_text()
    blocks = BLOCK.findall(text)
    assert {kind for kind, _ in blocks} <= {"{literalinclude}", "{toctree}", "{eval-rst}", "{include}", "{code-block}"}
    logged = [lines for kind, lines in blocks if kind == "{code-block}"]
    assert [line for line in "".join(logged).splitlines() if not _can_be_logged(line)] == []
    for name in INCLUDED.findall(text):
        assert _is_run((page.parent / name).resolve()), name


def _can_be_logged(line: str) -> bool:
    texts = [text for text in all_texts() if re.search("[a-z]{3}", text)]
    return any(re.fullmatch(re.escape(text).replace(GAP, ".+"), line) for text in texts)


def _is_run(path: Path) -> bool:
    """A test module itself, an example of test_examples.py, or a DAG with a test of its own."""
    if path.parent == ROOT / "dags_examples":
        folders = ("tests/dags", "tests/emulators", "tests/end_to_end")
        tests = [test for folder in folders for test in (ROOT / folder).rglob("test_*.py")]
        return any(path.stem in test.read_text() for test in tests)
    return path.parent in (ROOT / "tests/docs", ROOT / "tests/docs/examples") and path.is_file()


def test_the_reference_has_every_class_of_readme() -> None:
    reference = "".join(path.read_text() for path in (ROOT / "docs/reference").iterdir())
    classes = re.findall(r"^\| `(Hvsms\w+)` \|", README.read_text(), re.MULTILINE)
    assert len(classes) == 17
    assert [name for name in classes if f".. autoclass:: {name}\n" not in reference] == []


def test_files_that_contributors_are_sent_to_exist() -> None:
    named = re.findall(r"`((?:\w[\w.-]*/)+[\w.-]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert named
    made = {"build/docs/", "dist/"}
    for name in sorted(set(named) - made):
        assert (ROOT / name).exists() or (ROOT / "airflow_provider_hvsms" / name).exists(), name


def test_links_of_readme_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text()):
        assert (ROOT / target).exists(), target
