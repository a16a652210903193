"""The table that a run prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.analysis import load_run, write_results
from lmcompare.cli.output import print_table
from tests.run_folder import write_run_folder


def test_figures_that_can_not_be_compared_are_not_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram", "char-ngram", "leaky"), failed=())
    write_results(load_run(folder))
    print_table(folder)
    said = capsys.readouterr().out.splitlines()
    cells = {
        line.split()[1 if line.split()[0].isdigit() else 2 - (line.split()[0] != "–")]: line for line in said[1:5]
    }
    assert cells["char-ngram"].count("–") == 3  # its interval's, and no perplexity and no accuracy
    assert cells["ngram"].count("–") == 1
    assert said[-1] == ("char-ngram reads char tokens: its perplexity is per such token; compare bits per byte.")
    leaky = next(line for line in said if line.split()[1:2] == ["leaky"])
    assert leaky.split()[2].startswith("(")  # its would-be bits per byte
    assert leaky.count("–") == 4  # no rank, no interval, no perplexity and no accuracy
    assert any(line.startswith("leaky is not ranked: not a valid probability model") for line in said)
