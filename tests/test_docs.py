"""The commands of the README and of every page of docs/ work as they are written, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.schemes.gensim_data import located
from lmcompare.corpora.schemes.lee import LEE_FILE
from lmcompare.harness.options import RunOptions

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Installing is what brought this test here, and the full main job takes minutes: .ci/run does both.
ELSEWHERE = re.compile(r"^(pip install|git clone|cd lmcompare$|lmcompare run( --preset full)?$|pytest\b)")

# A Python block that begins with a file's name is what the page tells its reader to save under it.
FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)

# The command line, which reads only the first texts of Lee: they show as well that the commands work
PROGRAM = """#!{python}
from pathlib import Path

from lmcompare.cli import main
from lmcompare.corpora.schemes import lee

lee.located = lambda *_: Path("{lee}")
main()
"""
LEE_TEXTS = 60

CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """The commands of a page's console blocks: what follows a $, with its here-document if it has one."""
    found: list[str] = []
    for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
        end = None
        for line in block.splitlines():
            if end is not None:
                found[-1] += "\n" + line
                end = None if line == end else end
            elif line.startswith("$ "):
                found.append(line[2:])
                marker = re.search(r"<<\s*'?(\w+)'?", line)
                end = marker[1] if marker else None
    return [c for c in found if not ELSEWHERE.match(c)]


def test_there_are_commands_to_test() -> None:
    assert sum(len(commands(page)) for page in PAGES) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.name)
def test_commands_work(page: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    part = tmp_path / "lee.txt"
    part.write_bytes(b"".join(located(LEE_FILE, "lee").read_bytes().splitlines(keepends=True)[:LEE_TEXTS]))
    (programs / "lmcompare").write_text(PROGRAM.format(python=sys.executable, lee=part))
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    for name, text in FILE.findall(page.read_text(encoding="utf-8")):
        (work / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    script = "set -eu\n" + "\n".join(commands(page))
    done = subprocess.run(
        ["bash", "-c", script], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_option_of_run_is_on_its_page() -> None:
    page = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")
    for option in (*fields(RunOptions), *fields(CorpusOptions)):
        assert f"--{option.name.replace('_', '-')}" in page  # in the table of options
        assert f"`{option.name}`" in page  # in the table of keys
