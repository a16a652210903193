"""What all commands do with bad input, their help, and ``lmcompare check``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.console import lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here", "checks_here")]


def test_every_command_has_help(place: Path) -> None:
    for command in ("run", "report", "clean", "models", "corpora", "score", "generate", "check", "new", "export"):
        done = lmcompare(command, "--help", cwd=place)
        assert done.returncode == 0
        assert "Usage" in done.stdout
        assert not re.search(r"--(?!help)\S+ .*<bool>", done.stdout)  # flags take no value


def test_lists(place: Path) -> None:
    listed = lmcompare("models", cwd=place).stdout
    for name in ("unigram", "ngram", "ngram-file", "word2vec-bow", "rnn-attention", "transformer"):
        assert f"{name} " in listed
    listed = lmcompare("corpora", cwd=place).stdout
    assert "wiki-sample" in listed
    assert "lee" in listed
    assert "nltk:NAME" in listed
    assert "python -m nltk.downloader brown" in listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "none.toml"), "no experiment file"),
        (("run", "--corpus", "none.txt"), "none.txt"),
        (("run", "--corpus", "leee"), "did you mean 'lee'"),
        (("run", "--corpus", "empty.txt"), "empty"),
        (("run", "--corpus", "latin.txt"), "byte 3"),
        (("run", "--corpus", "short.txt"), "short.txt"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--vocabulary-size", "5000"), "5,000"),
        (("run", "--corpus", "text.txt", "--documents", "lines"), "documents"),
        (("run", "--corpus", "text.txt", "--tokens", "wrod"), "did you mean 'word'"),
        (("run", "--corpus", "text.txt", "--tokens", "char", "--tokens", "byte"), "--tokens is given twice"),
        (("run", "--corpus", "text.txt", "--model", "ngram-file"), "as in --set ngram-file.path=FILE"),
        (("run", "--preset", "quik"), "did you mean 'quick'"),
        (("run", "--model", "ngarm"), "did you mean 'ngram'"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--out", "text.txt"), "is a file"),
        (("run", "--fractions", ""), "--fractions takes numbers"),
        (("run", "--device", "gpu9", "--corpus", "text.txt"), "no device 'gpu9'"),
        (("report", "."), "."),
        (("report", "none"), "none"),
        (("score", "run", "--model", "ngarm", "text.txt"), "did you mean 'ngram'"),
        (("score", "run", "--model", "ngram", "none.txt"), "none.txt"),
        (("score", "run", "--model", "ngram", "--seed", "7", "text.txt"), "its seeds are 0"),
        (("generate", "none", "--model", "ngram"), "none"),
        (("check", "ngarm"), "did you mean 'ngram'"),
        (("check", "bpe:3"), "3 pieces"),
        (("check", "word:3"), "has no options"),
        (("check", "none.json"), "none.json cannot be read"),
        (("check", "chr"), "did you mean 'char'"),
        (("probe", "none", "run"), "no file or folder none"),
        (("run", "--corpus", "text.txt", "--tokens", "nope"), "there are: bins, bpe, byte, char"),
        (("check", "plugins.py:Flat", "--set", "tlit=1"), "did you mean 'tilt'"),
        (("check", "plugins.py:Flat", "--set", "tilt"), "KEY=VALUE"),
        (("new", "1 bad name"), "name"),
        (("new", "numpy"), "installed already"),
        (("new", "tests"), "name"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--text-column", "words"), "has no columns"),
        (("corpora", "show", "lee", "--file-format", "text"), "file_format 'text' has no effect"),
        (("corpora", "show", "lee", "--encoding", "latin-1"), "encoding 'latin-1' has no effect"),
        (("run", "--corpus", "text.txt", "--threads", "5000"), "at most 1024"),
        (("run", "--corpus", "text.txt", "--tokens", "byte", "--min-count", "3"), "always has the same vocabulary"),
        (("run", "--corpus", "text.txt", "--encoding", "undefined"), "unknown encoding 'undefined'"),
        (("run", "--corpus", "text.txt", "--out", ""), "--out names no folder"),
        (("run", "--corpus", "text.txt", "--model", "./plugins.py"), "write './plugins.py:"),
        (("run", "--corpus", "text.txt", "--model", "./text.txt:Flat"), "'./text.txt' is not a Python file or"),
        (("run", "--corpus", "text.txt", "--model", "\udcff"), "use letters, digits, spaces and . _ + -"),
        (("run", "--corpus", "text.txt", "--out", "loop"), "is a link that leads back to itself"),
        (("run", "--corpus", "~nouser/x"), "~nouser/x"),
        (("run", "--corpus", "text.txt", "--model", "~nouser/x.py:X"), "no plug-in file"),
        (("score", "loop", "text.txt"), "is a link that leads back to itself"),
        (("run", "--corpus", "text.txt", "--tokens", ":"), "is not a Python file or module"),
        (
            ("run", "--corpus", "text.txt", "--model", "ngram", "--set", "ngram.order=NaN"),
            "order is nan: give a finite number",
        ),
        (("check", "./plugins.py"), "write './plugins.py:"),
        (("new", "a-model", "--out", ""), "--out names no folder"),
        (
            ("score", "unfinished", "--model", "ngram", "text.txt"),
            "has not finished: wait for it if it is still going on, or repeat the lmcompare run",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(place: Path, arguments: tuple[str, ...], said: str) -> None:
    (place / "empty.txt").write_bytes(b"")
    (place / "latin.txt").write_bytes(b"caf\xe9\n" * 30)
    (place / "short.txt").write_text("one\n")
    (place / "loop").unlink(missing_ok=True)
    (place / "loop").symlink_to("loop")
    (place / "unfinished" / "cells").mkdir(parents=True, exist_ok=True)
    done = lmcompare(*arguments, cwd=place)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("lmcompare: ")


def test_check_prints_a_line_a_check(place: Path) -> None:
    done = lmcompare("check", "ngram", "--set", "order=2", cwd=place)
    assert done.returncode == 0, done.stdout
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines()[:-1])
    done = lmcompare("check", "plugins.py:Flat", "--set", "tilt=0.1", cwd=place)
    assert done.returncode == 1
    assert "FAIL" in done.stdout


def test_what_can_not_be_trusted_is_said(place: Path) -> None:
    done = lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "rogues"),
        *("--model", "plugins.py:Double,plugins.py:Forgets"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    done = lmcompare("score", "rogues", "--model", "Double", "-", cwd=place, stdin="the cat\n")
    assert done.returncode == 2
    assert "code is not run because a run folder names it" in done.stderr
    again = ("--plugin", "plugins.py:Double")
    done = lmcompare("score", "rogues", "--model", "Double", *again, "-", cwd=place, stdin="the cat\n")
    assert done.returncode == 0
    assert "note: 'Double' is not a valid probability model" in done.stderr
    again = ("--plugin", "plugins.py:Forgets")
    done = lmcompare("score", "rogues", "--model", "Forgets", *again, "-", cwd=place, stdin="the cat\n")
    assert done.returncode == 2
    raised = re.escape("lmcompare: Forgets's restore raised KeyError: 'what was it' (plugins.py, line ")
    assert re.fullmatch(rf"{raised}\d+\)\n", done.stderr)
    (place / "rogues/cells/Double/0/scores.parquet").unlink()
    done = lmcompare("report", "rogues", cwd=place)
    assert done.returncode == 0
    assert "note: Double/0 is not in the report: scores.parquet is missing" in done.stderr
