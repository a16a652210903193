"""The commands of the README and of every page of docs/ work as they are written, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Client, Listener
from pathlib import Path
from shutil import which

import pytest

from lmcompare.corpora.schemes import gensim_data as lee
from lmcompare.corpora.schemes.gensim_data import LEE_FILE, located
from lmcompare.training.recipe import Recipe
from tests.cli.console import Done, lmcompare
from tests.test_docs import PAGES, ROOT, commands

# A Python block that begins with a file's name is what the page tells its reader to save under it.
FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)

# The commands of the README are processes, as its readers start them. Those of the other pages are carried out by the
# process of the tests, which has imported everything: a program asks it to.
PROCESS = """#!/bin/sh
exec "{python}" -m lmcompare.cli "$@"
"""
ASKING = """#!{python} -I
import os
import sys
from multiprocessing.connection import Client

with Client({address!r}) as tests:
    tests.send((sys.argv[1:], os.getcwd(), sys.stdin.read()))
    code, out, error = tests.recv()
sys.stdout.write(out)
sys.stderr.write(error)
sys.exit(code)
"""
LEE_TEXTS = 30  # texts of the Lee corpus that are read, of 300: enough to show that a command works
STEPS = 20  # the most steps of a training


@pytest.fixture
def few_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "lee.txt"
    part.write_bytes(b"".join(located(LEE_FILE, "lee").read_bytes().splitlines(keepends=True)[:LEE_TEXTS]))
    monkeypatch.setattr(lee, "located", lambda *_: part)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmcompare.training.language_model import TorchLanguageModel

    whole = TorchLanguageModel.recipe

    def recipe(model: TorchLanguageModel) -> Recipe:
        found = whole(model)
        return replace(found, steps=min(STEPS, found.steps))

    monkeypatch.setattr(TorchLanguageModel, "recipe", recipe)


@pytest.mark.usefixtures("cells_here", "checks_here", "measured_here", "few_texts", "few_steps")
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.name)
def test_commands_work(page: Path, tmp_path: Path) -> None:
    work, programs = tmp_path / "work", tmp_path / "bin"
    work.mkdir()
    for name, text in FILE.findall(page.read_text(encoding="utf-8")):
        write(work / name, text)
    write(programs / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    with Listener() as listener:
        program = PROCESS if page.name == "README.md" else ASKING
        write(programs / "lmcompare", program.format(python=sys.executable, address=listener.address))
        done = answered("set -eu\n" + "\n".join(commands(page)), work, programs, listener)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "Traceback" not in done.stderr


def write(path: Path, text: str) -> None:
    """Write a file that can be run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def answered(script: str, work: Path, programs: Path, listener: Listener) -> Done:
    """Run a script in a folder, and in this process each command that one of its programs asks for."""
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def shell() -> Done:
        try:
            return subprocess.run(
                ["bash", "-c", script],
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            Client(listener.address).send(None)

    with ThreadPoolExecutor() as aside:
        done = aside.submit(shell)
        while True:
            with listener.accept() as program:
                if (asked := program.recv()) is None:
                    return done.result()
                arguments, folder, stdin = asked
                answer = lmcompare(*arguments, cwd=Path(folder), stdin=stdin)
                program.send((answer.returncode, answer.stdout, answer.stderr))


def in_bubblewrap() -> bool:
    """Whether bubblewrap is installed, and may make namespaces here."""
    asked = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "true"]
    return which("bwrap") is not None and subprocess.run(asked, capture_output=True, check=False).returncode == 0


HARM = """
from my_model import MyModel
from pathlib import Path
import socket

class Harm(MyModel):
    def fit(self, train, valid, setting):
        tried = [
            lambda: Path("notes.txt").write_text("mine now"),
            lambda: (Path(__file__).parent / "more.txt").write_text("mine now"),
            lambda: socket.create_connection(("127.0.0.1", {port}), 3),
        ]
        for each in tried:
            try:
                each()
            except OSError:
                continue
            raise SystemExit("it has a way out")
        (setting.checkpoints / "half.txt").write_text("it may go on from here")
        return super().fit(train, valid, setting)
"""


@pytest.mark.skipif(not in_bubblewrap(), reason="bubblewrap can't be used here")
def test_in_bubblewrap_a_plug_in_writes_to_its_folder_alone(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"^```sh\n(mkdir [^`]*bwrap[^`]*)```", (ROOT / "docs/trust.md").read_text(), re.MULTILINE)
    (model,) = [text for name, text in FILE.findall((ROOT / "docs/plugins.md").read_text()) if name == "my_model.py"]
    write(tmp_path / "my_model.py", model)
    write(tmp_path / "notes.txt", "The cat sat.\nA dog saw the cat.\nThe dog ran.\n" * 40)
    write(tmp_path / "bin/lmcompare", PROCESS.format(python=sys.executable))
    if Path(sys.prefix).is_relative_to("/tmp"):  # which the page tells such a user to add
        recipe = recipe.replace("--unshare-all", f"--ro-bind {sys.prefix} {sys.prefix} --unshare-all")
    with socket.create_server(("127.0.0.1", 0)) as server:
        write(tmp_path / "harm.py", HARM.format(port=server.getsockname()[1]))
        done = subprocess.run(
            ["bash", "-ec", recipe.replace("my_model.py:MyModel", "harm.py:Harm")],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Harm" in done.stdout
    assert sorted(os.listdir(tmp_path)) == ["bin", "harm.py", "my_model.py", "notes.txt", "strange"]
    assert os.listdir(tmp_path / "strange") == ["run"]
