"""The links of the documentation lead somewhere, and its commands have options that exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

import lmcompare.cli.entry  # noqa: F401  (registers the commands)
from lmcompare.cli.app import app
from lmcompare.corpora.options import CorpusOptions
from lmcompare.harness.environment import RunOptions

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Installing is what brought this test here, and the full main job takes minutes: .ci/run does both.
ELSEWHERE = re.compile(r"^(pip install|git clone|cd lmcompare$|lmcompare run( --preset full)?$|pytest\b)")

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


def _lmcompare(page: Path) -> list[list[str]]:
    """The words of each call of lmcompare on a page."""
    found = []
    for command in commands(page):
        read = shlex.shlex(command.split("<<")[0], posix=True, punctuation_chars=True)
        read.whitespace_split = True
        words: list[str] = []
        for word in (*read, ";"):
            if set(word) <= set("();<>|&"):
                if "lmcompare" in words:
                    found.append(words[words.index("lmcompare") + 1 :])
                words = []
            else:
                words.append(word)
    return found


@pytest.mark.slow
def test_commands_have_options_that_exist() -> None:
    asked = {(page.name, *words) for page in PAGES for words in _lmcompare(page)}
    assert len(asked) > 50
    wrong = []
    for page, *words in asked:
        command: Any = typer.main.get_command(app)
        while words and hasattr(command, "commands"):
            name = words.pop(0)
            if name in command.commands:
                command = command.commands[name]
            elif not name.startswith("--"):
                wrong.append((page, name))
                break
        options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        wrong += [(page, word) for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    assert not wrong


def test_links_between_pages_lead_somewhere() -> None:
    targets = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ]
    assert not [(page.name, target) for page, target in targets if not (page.parent / target).exists()]


def test_every_option_of_run_is_on_its_page() -> None:
    page = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")
    for option in (*fields(RunOptions), *fields(CorpusOptions)):
        assert f"--{option.name.replace('_', '-')}" in page  # in the table of options
        assert f"`{option.name}`" in page  # in the table of keys
