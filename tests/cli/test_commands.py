"""What all commands do with bad input, their help, and what ``check`` and ``score`` say of models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lmcompare.checks import Result
from tests.cli.console import RUN, lmcompare

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


def test_the_hyper_parameters_of_a_model_are_listed(place: Path) -> None:
    listed = lmcompare("models", "ngram", cwd=place).stdout
    (order,) = (line.split() for line in listed.splitlines() if line.startswith("order "))
    assert int(order[1]) > 1
    assert len(order) > 4, "its meaning"
    assert "--set ngram.order=VALUE" in listed
    listed = lmcompare("models", "plugins.py:Flat", cwd=place).stdout
    assert "tilt" in listed
    assert "0.0" in listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "none.toml"), "no experiment file"),
        (("run", "--corpus", "none.txt"), "none.txt"),
        (("run", "--corpus", "leee"), "did you mean 'lee'"),
        (("run", "--corpus", "latin.txt"), "byte 3"),
        (("run", "--corpus", "short.txt"), "short.txt"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--vocabulary-size", "5000"), "5,000"),
        (("run", "--corpus", "text.txt", "--tokens", "wrod"), "did you mean 'word'"),
        (("run", "--corpus", "text.txt", "--model", "ngram-file"), "as in --set ngram-file.path=FILE"),
        (("run", "--preset", "quik"), "did you mean 'quick'"),
        (("run", "--model", "ngarm"), "did you mean 'ngram'"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--out", "text.txt"), "is a file"),
        (("run", "--fractions", ""), "--fractions takes numbers"),
        (("run", "--device", "gpu9", "--corpus", "text.txt"), "no device 'gpu9'"),
        (("run", "--corpus", "text.txt", "--memory", "much"), "memory is a number and a unit"),
        (("run", "--corpus", "text.txt", "--set", "ngram.order=2", "--set", "ngram.order=3"), "--sweep"),
        (("run", "--corpus", "text.txt", "--model", "ngram,ngram"), "ngram"),
        (("report", "none"), "none"),
        (("score", "run", "--model", "ngarm", "text.txt"), "did you mean 'ngram'"),
        (("score", "run", "--model", "ngram", "none.txt"), "none.txt"),
        (("score", "run", "--model", "ngram", "--seed", "7", "text.txt"), "its seeds are 0"),
        (("generate", "none", "--model", "ngram"), "none"),
        (("check", "ngarm"), "did you mean 'ngram'"),
        (("probe", "none", "run"), "no file or folder none"),
        (("check", "plugins.py:Flat", "--set", "tlit=1"), "did you mean 'tilt'"),
        (("check", "plugins.py:Flat", "--set", "tilt"), "KEY=VALUE"),
        (("new", "numpy"), "installed already"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--text-column", "words"), "has no columns"),
        (("corpora", "show", "lee", "--file-format", "text"), "file_format 'text' has no effect"),
        (("run", "--corpus", "text.txt", "--threads", "5000"), "at most 1024"),
        (("run", "--corpus", "text.txt", "--out", ""), "--out names no folder"),
        (("run", "--corpus", "text.txt", "--model", "./plugins.py"), "write './plugins.py:"),
        (("run", "--corpus", "text.txt", "--model", "\udcff"), "use letters, digits, spaces and . _ + -"),
        (("run", "--corpus", "text.txt", "--out", "loop"), "is a link that leads back to itself"),
        (("run", "--corpus", "~nouser/x"), "~nouser/x"),
        (("run", "--corpus", "text.txt", "--model", "~nouser/x.py:X"), "no plug-in file"),
        (("score", "loop", "text.txt"), "is a link that leads back to itself"),
        (("new", "a-model", "--out", ""), "--out names no folder"),
        (
            ("score", "unfinished", "--model", "ngram", "text.txt"),
            "has no manifest.json, so its run has not finished, or the file was deleted",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(place: Path, arguments: tuple[str, ...], said: str) -> None:
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


def test_check_prints_a_line_a_check(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Result(True, "1 is 1", name="sure"),
        Result(False, "1 is 2", name="sums", expected_failure="it can't count"),
        Result(False, "1 is 3", name="odd"),
    ]

    def apart(plugin: str, parameters: dict[str, Any], seed: int, tell: Any, seconds: float) -> list[Result]:
        assert (plugin, parameters, seconds) == ("plugins.py:Flat", {"tilt": 0.1, "name": "x"}, 9)
        for result in found[:seed]:
            tell(result)
        return found[:seed]

    monkeypatch.setattr("lmcompare.conformance.worker.run_checks_apart", apart)
    ask = ("check", "plugins.py:Flat", "--set", "tilt=0.1", "--set", "name=x", "--time-limit", "9", "--seed")
    done = lmcompare(*ask, "2", cwd=place)
    said = ["ok    sure: 1 is 1", "xfail sums: 1 is 2; it can't count"]
    assert done.stdout.splitlines() == [*said, "1 of 2 checks passed, 1 failed as declared"]
    assert done.returncode == 0
    done = lmcompare(*ask, "3", cwd=place)
    assert done.stdout.splitlines()[2:] == ["FAIL  odd: 1 is 3", "1 of 3 checks passed, 1 failed as declared"]
    assert done.returncode == 1
    assert lmcompare(*ask, "1", cwd=place).stdout.splitlines()[-1] == "1 of 1 checks passed"


def test_check_and_new_do_what_they_say(place: Path) -> None:
    done = lmcompare("check", "plugins.py:Flat", "--set", "tilt=0.1", cwd=place)
    assert done.returncode == 1
    assert "FAIL  sums-to-one" in done.stdout
    done = lmcompare("new", "a-model", "--out", "made", "--from", "ngram", cwd=place)
    assert (done.returncode, done.stdout) == (0, "made/a-model\n"), done.stderr
    assert (place / "made/a-model/src/a_model.py").is_file()


def test_what_can_not_be_trusted_is_said(place: Path) -> None:
    done = lmcompare(*RUN, "--out", "rogues", "--model", "plugins.py:Double,plugins.py:Forgets", cwd=place)
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
