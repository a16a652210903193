"""The examples of the pages on plug-ins work as they are printed, and the tables of checks are complete."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from lmcompare.checks import CHECKS, run_checks
from lmcompare.checks.tokenizers import TOKENIZER_CHECKS
from lmcompare.corpora import conformance
from lmcompare.tokens import listing

HERE = Path(__file__).parent


def page(name: str) -> str:
    return (HERE.parent / "docs" / f"{name}.md").read_text(encoding="utf-8")


def example(name: str, file: str) -> str:
    """The block of a page that begins with a file's name, without that line."""
    (found,) = re.findall(rf"^```python\n# {file}\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)
    return str(found)


def rows(name: str, head: str) -> dict[str, str]:
    """The first two cells of each row of a table, the first of which is code."""
    table = page(name).partition(head)[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", table, re.MULTILINE))


@pytest.mark.slow
def test_the_smallest_model_passes_the_kit(tmp_path: Path) -> None:
    text = example("plugins", "my_model.py")
    assert len(text.splitlines()) < 50
    (tmp_path / "my_model.py").write_text(text)
    assert [r for r in run_checks(f"{tmp_path}/my_model.py:MyModel") if not r.passed] == []


def test_the_tokenizer_is_the_one_that_is_tested() -> None:
    assert example("tokenizers", "byte_pairs.py") == (HERE / "tokens" / "bpe.py").read_text(encoding="utf-8")


def test_the_corpus_format_passes_the_checks_of_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checks,) = re.findall(r"^```python\n([^`]*check_format\([^`]*)^```", page("corpora"), re.MULTILINE)
    assert checks.count("assert ") == 2
    (tmp_path / "verse_format.py").write_text(example("corpora", "verse_format.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(checks, "checks", "exec"), {})


def test_tables_name_every_check() -> None:
    table = page("plugins").partition("| check | what must be true |")[2].partition("\n\n")[0]
    first = [line.split("|")[1] for line in table.splitlines() if "|" in line]
    assert [name for cell in first for name in re.findall(r"`([a-z-]+)`", cell)] == [c.name for c in CHECKS]
    assert rows("tokenizers", "| check | what it asks |") == {c.name: c.summary for c in TOKENIZER_CHECKS}
    code = inspect.getsource(conformance)
    named = re.findall(r'"((?:reads|same|refuses|survives)-[a-z]+)(?:["\W])', code)
    assert set(rows("corpora", "| check | what it asks |")) == set(named)


def test_the_tokenizers_that_are_built_in_are_listed() -> None:
    named = rows("tokenizers", "| `kind` | tokens | options |")
    assert sorted(named) == [name for name, _, available in listing() if available]
