"""``lmcompare score``, ``generate`` and ``probe``."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from lmcompare.cli import trained
from lmcompare.errors import LmcompareError
from tests.cli.console import Terminal, lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


TWO_TEXTS = "the cat saw it.\nmy bxqz\n"


def scored(place: Path, *arguments: str, stdin: str = TWO_TEXTS) -> list[dict[str, Any]]:
    """The rows that ``score run - -m ngram`` prints as JSON."""
    done = lmcompare("score", "run", "-", "--model", "ngram", *arguments, cwd=place, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_model_that_is_named_twice_has_one_row(place: Path) -> None:
    once, twice = (
        lmcompare("score", "run", "-", "--model", names, cwd=place, stdin="it.\n").stdout
        for names in ("ngram", "ngram,ngram")
    )
    assert once == twice != ""


def test_a_folder_of_the_name_of_standard_input(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    shutil.copytree(place / "run", tmp_path / "-")
    assert scored(tmp_path, stdin="the cat\n")[0]["text"] == "the cat"


def test_what_is_no_number_is_null(place: Path) -> None:
    done = lmcompare(*("score", "run", "-", "--by", "word", "--ends"), cwd=place, stdin=TWO_TEXTS)
    rows = [json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in done.stdout.splitlines()]
    assert rows


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
        assert {"run", "model", "document", "text", "log_probability", "bits", "unknown_tokens"} <= row.keys()
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
    assert [(row["model"], row["document"], row["position"], row["word"]) for row in rows[:4]] == [
        ("unigram", "stdin:1", "0", "the"),
        ("unigram", "stdin:1", "1", "cat"),
        ("unigram", "stdin:1", "2", "saw"),
        ("unigram", "stdin:1", "3", "it."),
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
    for wrong, said in ((("--by", "wrod"), "did you mean 'word'"), (("--format", "cvs"), "did you mean 'csv'")):
        done = lmcompare(*ask[:5], *wrong, cwd=place, stdin="the\n")
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


def test_columns_that_not_every_row_has(place: Path) -> None:
    (place / "late.jsonl").write_text(
        '{"text": "the cat"}\n{"text": "my cat", "item": "x", "bits": "A", "bits_given": "B"}\n'
    )
    done = lmcompare("score", "run", "late.jsonl", "-m", "ngram", "--format", "csv", cwd=place)
    first, second = csv.DictReader(io.StringIO(done.stdout))
    assert (first["item"], second["item"]) == ("", "x")
    assert (second["bits_given"], second["bits_given_given"]) == ("B", "A")
    assert float(second["bits"]) > 0


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
        "the \x1b[31mcat\x9b\r dog\r\n\tit\u202e\u2067",
        "--length",
        "1",
    )
    exact = lmcompare(*generate, cwd=place).stdout
    assert exact.startswith("the \x1b[31mcat\x9b\r dog\r\n\tit\u202e\u2067")
    shown = lmcompare(*generate, cwd=place, stream=Terminal).stdout
    signs = {"\x1b": "\u241b", "\x9b": "\\u009b", "\r dog": "\u240d dog", "\u202e": "\\u202e", "\u2067": "\\u2067"}
    for control, sign in signs.items():
        exact = exact.replace(control, sign)
    assert shown == exact
    table = ("score", "run", "-", "--model", "ngram", "--by", "word", "--format", "csv")
    assert "\u241b[31mcat" in lmcompare(*table, cwd=place, stdin="the \x1b[31mcat\n", stream=Terminal).stdout
    assert "'a\u241bb'" in lmcompare("generate", "run", "--model", "a\x1bb", cwd=place).stderr


def test_no_cell_of_a_csv_table_is_a_formula(place: Path) -> None:
    table = ("score", "run", "-", "--model", "ngram", "--by", "word", "--format", "csv")
    done = lmcompare(*table, cwd=place, stdin="=1+1 +cat -3 -cat @it a=b\n")
    words = [row["word"] for row in csv.DictReader(io.StringIO(done.stdout))]
    assert words == ["'=1+1", "'+cat", "-3", "'-cat", "'@it", "a=b"]


def test_a_row_of_a_table_without_text_is_said(place: Path) -> None:
    (place / "rows.csv").write_text("text,n\nthe cat,1\n,2\n")
    done = lmcompare("score", "run", "rows.csv", "--model", "ngram", cwd=place)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "note: Rows of rows.csv without text" in done.stderr


def test_answers_are_printed_even_where_they_can_t_be_stored(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LmcompareError("the folder can't be written")

    (place / "pairs.jsonl").write_text(json.dumps({"sentence_good": "the cat saw it", "sentence_bad": "it saw cat"}))
    monkeypatch.setattr("lmcompare.probes.write_probed", fail)
    done = lmcompare("probe", "pairs.jsonl", "run", cwd=place)
    assert done.returncode == 2
    assert "the folder can't be written" in done.stderr
    assert "ngram" in done.stdout


def test_an_infinite_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    trained._print(iter([{"word": "x", "bits": math.inf, "rank": math.nan, "at": 3}]), "jsonl")
    assert capsys.readouterr().out == '{"word": "x", "bits": null, "rank": null, "at": 3}\n'
