"""The command line, as a user types it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import Terminal, lmcompare, lmcompare_process
from tests.harness.small import write_plugins, write_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here", "checks_here")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    write_text(folder)
    write_plugins(folder)
    done = lmcompare_process(
        *("run", "--corpus", "text.txt", "--documents", "line", "--model", "unigram,ngram", "--prompt", "the cat"),
        *("--device", "cpu", "--out", "run"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    assert "ngram: training" in done.stderr
    return folder


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


def test_export_writes_a_file_once(place: Path) -> None:
    for name in ("out.arpa", "out.arpa.gz", "out.safetensors"):
        done = lmcompare("export", "run", name, "--model", "ngram", cwd=place)
        assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
    written = (place / "out.arpa").read_bytes()
    assert written.startswith(b"\\data\\\nngram 1=")
    assert gzip.decompress((place / "out.arpa.gz").read_bytes()) == written
    (place / "out.arpa").write_bytes(b"mine")
    done = lmcompare("export", "run", "out.arpa", "-m", "ngram", cwd=place)
    assert done.returncode == 2
    said = "choose another name, or replace it with --force (force=True in Python)"
    assert done.stderr == f"lmcompare: out.arpa is there already: {said}\n"
    assert (place / "out.arpa").read_bytes() == b"mine"
    assert lmcompare("export", "run", "out.arpa", "-m", "ngram", "--force", cwd=place).returncode == 0
    assert (place / "out.arpa").read_bytes() == written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x.arpa", "-m", "unigram"), "ngram and ngram-tuned only: it can be written as tokenizer.json"),
        (("x", "-m", "ngram"), "a transformer trained with style = llama"),
        (("x.bin", "-m", "ngram"), "it can be written as .arpa, .arpa.gz, .safetensors"),
        ((".arpa", "-m", "ngram"), "named '.arpa'"),
        (("x.arpa", "-m", "ngram,unigram"), "one model, not 'ngram,unigram'"),
        (("x.arpa", "-m", "ngrams"), "unknown model 'ngrams' (did you mean 'ngram'?)"),
        (("text.txt/x.arpa", "-m", "ngram"), "text.txt/x.arpa can't be"),
    ],
)
def test_export_says_what_is_wrong(place: Path, arguments: tuple[str, ...], said: str) -> None:
    done = lmcompare("export", "run", *arguments, cwd=place)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(place.glob("*x.*"))


TWO_TEXTS = "the cat saw it.\nmy bxqz\n"


def scored(place: Path, *arguments: str, stdin: str = TWO_TEXTS) -> list[dict[str, Any]]:
    """The rows that ``score run - -m ngram`` prints as JSON."""
    done = lmcompare("score", "run", "-", "--model", "ngram", *arguments, cwd=place, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.txt", "the cat\n\n \nthe dog\n", ["1", "4"]),
        ("b.txt", "\nthe cat\nthe dog\n", ["2", "3"]),
        ("d.txt", "the cat\nthe dog\n", []),
        ("e.csv", 'text,note\nthe cat,"of\ntwo lines"\nthe dog,2\n', []),
    ],
)
def test_rows_name_their_lines_and_blank_lines_are_said(
    place: Path, name: str, content: str, lines: list[str]
) -> None:
    (place / name).write_text(content)
    done = lmcompare("score", "run", name, "--model", "ngram", cwd=place)
    named = [json.loads(row)["document"].split(":")[1] for row in done.stdout.splitlines()]
    assert named == (lines or named)
    assert ("lines without text have no row" in done.stderr) == bool(lines)


def test_score_prints_a_json_line_a_text(place: Path) -> None:
    rows, tokens = scored(place), scored(place, "--by", "token")
    assert [(row["run"], row["model"], row["text"]) for row in rows] == [
        ("run", "ngram", "the cat saw it."),
        ("run", "ngram", "my bxqz"),
    ]
    for row in rows:
        own = [token for token in tokens if token["document"] == row["document"]]
        surprisal = sum(token["surprisal_bits"] for token in own)
        assert row["log_probability"] == pytest.approx(-surprisal * 0.6931471805599453)
        assert row["bits"] == pytest.approx(surprisal + sum(token["overhead_bits"] for token in own))
        assert row["bits_per_byte"] == pytest.approx(row["bits"] / len(row["text"]))
        assert row["unknown_tokens"] == sum(token["unknown"] for token in own)
    assert [t["token"] for t in tokens[:5]] == ["the", "cat", "saw", "it", "."]
    assert [t["position"] for t in tokens] == [0, 1, 2, 3, 4, 0, 1]
    unknown = sum(row["unknown_tokens"] for row in rows)
    assert unknown > 0
    done = lmcompare("score", "run", "-", "--model", "ngram", cwd=place, stdin=TWO_TEXTS)
    assert f"{unknown} of 7 tokens are unknown to 'ngram'" in done.stderr
    ended = scored(place, "--by", "token", "--ends")
    assert [t for t in ended if t["token"] != "</s>"] == tokens
    assert len(ended) == len(tokens) + 2


def test_score_prints_a_table_of_words(place: Path) -> None:
    ask = ("score", "run", "--model", "unigram,ngram", "-", "--by", "word", "--format")
    done = lmcompare(*ask, "csv", cwd=place, stdin=TWO_TEXTS)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["model"], row["document"], row["word"]) for row in rows[:4]] == [
        ("unigram", "stdin:1", "the"),
        ("unigram", "stdin:1", "cat"),
        ("unigram", "stdin:1", "saw"),
        ("unigram", "stdin:1", "it."),
    ]
    assert len(rows) == 2 * 6
    lines = lmcompare(*ask, "jsonl", cwd=place, stdin=TWO_TEXTS).stdout.splitlines()
    assert [json.loads(line)["surprisal_bits"] for line in lines] == [float(row["surprisal_bits"]) for row in rows]
    assert json.loads(lines[-1])["unknown"] is True
    assert all(float(row["bits"]) > 0 for row in rows)
    assert [int(row["length"]) for row in rows[:4]] == [3, 3, 3, 3]
    ended = lmcompare(*ask, "csv", "--ends", cwd=place, stdin="the cat saw it.\n").stdout
    (whole,) = scored(place, "--ends", stdin="the cat saw it.\n")
    of_ngram = [float(row["bits"]) for row in csv.DictReader(io.StringIO(ended)) if row["model"] == "ngram"]
    assert sum(of_ngram) == pytest.approx(whole["bits"])
    for wrong, said in ((("csv", "--by", "wrod"), "did you mean 'word'"), (("cvs",), "did you mean 'csv'")):
        done = lmcompare(*ask, *wrong, cwd=place, stdin="the\n")
        assert done.returncode == 2
        assert said in done.stderr


def test_score_joins_runs_and_keeps_the_columns_of_a_table(place: Path) -> None:
    shutil.copytree(place / "run", place / "again")
    (place / "items.csv").write_text("item,condition,sentence,bits\n7,a,the cat,x\n8,b,my cat,y\n")
    ask = ("items.csv", "--text-column", "sentence", "--by", "word", "--format", "csv")
    done = lmcompare("score", "run", "again", *ask, "-m", "ngram", cwd=place)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["run"], row["item"], row["condition"], row["word"]) for row in rows] == [
        (run, *item, word)
        for run in ("run", "again")
        for item, words in ((("7", "a"), ("the", "cat")), (("8", "b"), ("my", "cat")))
        for word in words
    ]
    assert [row["bits_given"] for row in rows[:4]] == ["x", "x", "y", "y"]  # the result has a column bits of its own
    assert float(rows[0]["bits"]) > 0
    assert [row["surprisal_bits"] for row in rows[:4]] == [row["surprisal_bits"] for row in rows[4:]]
    everyone = lmcompare("score", "run", *ask, cwd=place)
    assert {row["model"] for row in csv.DictReader(io.StringIO(everyone.stdout))} >= {"unigram", "ngram"}
    shutil.rmtree(place / "again")
    nobody = lmcompare("score", "run", *ask, "-m", "ngarm", cwd=place)
    assert nobody.returncode == 2
    assert "did you mean 'ngram'" in nobody.stderr
    swapped = lmcompare("score", "items.csv", "run", cwd=place)
    assert swapped.returncode == 2
    assert "the text comes last" in swapped.stderr
    twice = lmcompare("score", "run", "./run", *ask, cwd=place)
    assert twice.returncode == 2
    assert "is given twice" in twice.stderr


def test_generate_is_seeded(place: Path) -> None:
    first = lmcompare("generate", "run", "--model", "ngram", "--prompt", "the cat", "--length", "5", cwd=place)
    again = lmcompare("generate", "run", "--model", "ngram", "--prompt", "the cat", "--length", "5", cwd=place)
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    assert first.stdout.startswith("the cat ")


def test_no_control_character_of_a_text_reaches_a_terminal(place: Path) -> None:
    generate = (
        "generate",
        "run",
        "--model",
        "ngram",
        "--prompt",
        "the \x1b[31mcat\x9b\r dog\r\n\tit",
        "--length",
        "1",
    )
    exact = lmcompare(*generate, cwd=place).stdout
    assert exact.startswith("the \x1b[31mcat\x9b\r dog\r\n\tit")
    shown = lmcompare(*generate, cwd=place, stream=Terminal).stdout
    assert shown == exact.replace("\x1b", "\u241b").replace("\x9b", "\\u009b").replace("\r dog", "\u240d dog")
    table = ("score", "run", "-", "--model", "ngram", "--by", "word", "--format", "csv")
    assert "\u241b[31mcat" in lmcompare(*table, cwd=place, stdin="the \x1b[31mcat\n", stream=Terminal).stdout
    assert "'a\u241bb'" in lmcompare("generate", "run", "--model", "a\x1bb", cwd=place).stderr


def test_no_cell_of_a_csv_table_is_a_formula(place: Path) -> None:
    table = ("score", "run", "-", "--model", "ngram", "--by", "word", "--format", "csv")
    done = lmcompare(*table, cwd=place, stdin="=1+1 +cat -3 -cat @it a=b\n")
    words = [row["word"] for row in csv.DictReader(io.StringIO(done.stdout))]
    assert words == ["'=1+1", "'+cat", "-3", "'-cat", "'@it", "a=b"]


def test_report_is_built_from_the_folder_alone(place: Path) -> None:
    (place / "run" / "report.html").unlink()
    done = lmcompare("report", "run", cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "run" / "report.html").is_file()


def test_a_report_of_several_runs(place: Path) -> None:
    lower = ("run", "--corpus", "text.txt", "--documents", "line", "--lowercase", "--model", "unigram")
    assert lmcompare(*lower, "--device", "cpu", "--out", "small", cwd=place).returncode == 0
    done = lmcompare("report", "run", "small", "--out", "both", cwd=place)
    assert (done.returncode, done.stdout) == (0, "both/report.html\n"), done.stderr
    said = (place / "both" / "report.md").read_text()
    assert "lower case here, unchanged there" in said
    into = lmcompare("run", "--corpus", "text.txt", "--model", "unigram", "--out", "both", cwd=place)
    assert (into.returncode, into.stderr.count("\n")) == (2, 1)  # before the text is read
    assert "both holds a report of several runs" in into.stderr
    again = lmcompare("report", "small", "run", cwd=place)
    assert (again.returncode, again.stdout) == (0, "reports/joined/report.html\n"), again.stderr
    for arguments, wrong in (
        (("run", "small", "--out", "run"), "run contains other files"),
        (("run", "run"), "run is given twice"),
        (("run", "nowhere"), "nowhere is not a folder"),
        (("run", "--out", "both"), "--out is for a report of several runs"),
    ):
        done = lmcompare("report", *arguments, cwd=place)
        assert done.returncode == 2
        assert wrong in done.stderr
        assert "Traceback" not in done.stderr


def test_a_kept_cell_that_is_damaged_is_said(place: Path) -> None:
    shutil.copytree(place / "run", place / "damaged")
    (place / "damaged" / "cells" / "ngram" / "0" / "cost.json").write_text("x")
    again = ("run", "--corpus", "text.txt", "--documents", "line", "--out", "damaged", "--device", "cpu")
    for ask in (("report", "damaged"), ("score", "damaged", "--model", "ngram", "text.txt")):
        done = lmcompare(*ask, cwd=place)
        assert "cost.json is damaged: repeat the lmcompare run that wrote it" in done.stderr
    assert done.returncode == 2
    assert "'ngram' can't be used" in done.stderr
    done = lmcompare(*again, "--model", "unigram,ngram", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cost.json is damaged or lost: what depends on it is made anew." in done.stderr
    assert "ngram: scoring" in done.stderr
    assert "ngram: training" not in done.stderr
    assert "unigram: scoring" not in done.stderr
    assert lmcompare("score", "damaged", "--model", "ngram", "text.txt", cwd=place).returncode == 0


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
        (("run", "--preset", "quik"), "did you mean 'quick'"),
        (("run", "--model", "ngarm"), "did you mean 'ngram'"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--out", "text.txt"), "is a file"),
        (("run", "--device", "gpu9", "--corpus", "text.txt"), "no device 'gpu9'"),
        (("report", "."), "."),
        (("report", "none"), "none"),
        (("score", "run", "--model", "ngarm", "text.txt"), "did you mean 'ngram'"),
        (("score", "run", "--model", "ngram", "none.txt"), "none.txt"),
        (("score", "run", "--model", "ngram", "--seed", "7", "text.txt"), "its seeds are 0"),
        (("generate", "none", "--model", "ngram"), "none"),
        (("check", "ngarm"), "did you mean 'ngram'"),
        (("check", "bpe:3"), "pieces is 3"),
        (("check", "word:3"), "has no options"),
        (("check", "none.json"), "none.json cannot be read"),
        (("check", "chr"), "did you mean 'char'"),
        (("probe", "none", "run"), "no file or folder none"),
        (("run", "--corpus", "text.txt", "--tokens", "nope"), "there are: bpe, byte, char"),
        (("check", "plugins.py:Flat", "--set", "tlit=1"), "did you mean 'tilt'"),
        (("check", "plugins.py:Flat", "--set", "tilt"), "KEY=VALUE"),
        (("new", "1 bad name"), "name"),
        (("new", "numpy"), "installed already"),
        (("new", "tests"), "name"),
        (("run", "--corpus", "text.txt", "--documents", "line", "--text-column", "words"), "has no columns"),
        (("run", "--corpus", "text.txt", "--threads", "5000"), "at most 1024"),
        (("run", "--corpus", "text.txt", "--tokens", "byte", "--min-count", "3"), "always has the same vocabulary"),
        (("run", "--corpus", "text.txt", "--encoding", "undefined"), "unknown encoding 'undefined'"),
        (("run", "--corpus", "text.txt", "--out", ""), "--out names no folder"),
        (("run", "--corpus", "text.txt", "--model", "./plugins.py"), "write './plugins.py:"),
        (("run", "--corpus", "text.txt", "--model", "./text.txt:Flat"), "'./text.txt' is not a Python file"),
        (("check", "./plugins.py"), "write './plugins.py:"),
        (("new", "a-model", "--out", ""), "--out names no folder"),
        (
            ("score", "unfinished", "--model", "ngram", "text.txt"),
            "did not come to its end: repeat the lmcompare run",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(place: Path, arguments: tuple[str, ...], said: str) -> None:
    (place / "empty.txt").write_bytes(b"")
    (place / "latin.txt").write_bytes(b"caf\xe9\n" * 30)
    (place / "short.txt").write_text("one\n")
    (place / "unfinished" / "cells").mkdir(parents=True, exist_ok=True)
    done = lmcompare(*arguments, cwd=place)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("lmcompare: ")


def test_a_failing_plug_in_leaves_the_report_and_exit_code_2(place: Path) -> None:
    done = lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "failed"),
        *("--model", "plugins.py:Raises,unigram"),
        cwd=place,
    )
    assert done.returncode == 2
    assert "out of luck" in done.stderr
    assert (place / "failed" / "report.html").is_file()


def test_ctrl_c_says_how_to_go_on(place: Path) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "lmcompare.cli", "run", "--corpus", "text.txt", "--documents", "line"),
            *("--device", "cpu", "--out", "stopped", "--model", "unigram,plugins.py:Waits"),
        ],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Waits: training"):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert "the same command continues" in said
    assert "Traceback" not in said
    assert (place / "stopped" / "cells" / "unigram" / "0" / "scores.parquet").is_file()


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
    assert "a run folder is not trusted to name code" in done.stderr
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
    assert "note: Double/0 is not among the figures: scores.parquet is missing" in done.stderr


def test_a_plug_in_path_may_hold_a_comma(place: Path) -> None:
    (place / "a,b.py").write_text((place / "plugins.py").read_text())
    done = lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "comma", "--quiet"),
        *("--model", "a,b.py:Flat", "--model", "unigram,ngram"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    names = [m["name"] for m in json.loads((place / "comma" / "results.json").read_text())["models"]]
    assert sorted(names) == ["Flat", "ngram", "unigram"]


def test_file_names_that_are_not_utf_8(place: Path) -> None:
    folder = place / "odd"
    folder.mkdir()
    text = "the cat sat on the mat\nand the dog saw it there\n" * 9
    for n in range(9):
        (folder / f"{n}.txt").write_text(text.replace("cat", f"cat{n}"))
    try:
        (folder / os.fsdecode(b"caf\xe9.txt")).write_text(text.replace("cat", "cow"))
    except OSError:  # a file system that takes no such name
        return
    done = lmcompare(
        *("run", "--corpus", "odd", "--model", "unigram", "--device", "cpu", "--out", "odd-run"), cwd=place
    )
    assert done.returncode == 0, done.stderr
