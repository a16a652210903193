"""The headline states the finding with its main qualification; beside it are at most six numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lmcompare.analysis import Run, compare_models, rows
from lmcompare.analysis.leaderboard import Verdict, verdict
from lmcompare.render.titles import spoken
from lmcompare.report.data import ReportData
from lmcompare.report.finding import beside_compressor, headline, lead, of_settings
from lmcompare.report.notes import compressors_in_brief, compressors_of
from lmcompare.report.sections import leaderboard
from tests.analysis.tiny import bits, tiny_run
from tests.report.tree import plain

TITLES = {"rnn": "RNN with attention", "net": "Transformer", "counts": "5-gram", "floor": "Unigram"}
COSTS = {"rnn": {"processor_seconds": 60.0}, "net": {"processor_seconds": 50.0}, "counts": {"processor_seconds": 0.2}}


def title(name: str) -> str:
    return TITLES[name]


def found(run: Run) -> Verdict:
    judged = verdict(rows(run), compare_models(run), timed=True)
    assert judged is not None
    return judged


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The RNN needs 2 bits per byte, the transformer 2 % more, the 5-gram 10 %."""
    models = {"rnn": bits(2, 0), "net": bits(2.04, 1), "counts": bits(2.2, 2), "floor": bits(3, 3)}
    return tiny_run(tmp_path_factory.mktemp("clear"), models, documents=[[10]] * 40, costs=COSTS)


@pytest.mark.parametrize(
    ("read", "rest"),
    [
        ({}, ""),
        ({"rnn": 2.02e6, "net": 1e6}, ", but it read twice as much training text as the transformer"),
        ({"rnn": 1.4e6, "net": 1e6}, ", but it read 1.4 times as much training text as the transformer"),
        ({"rnn": 1e6, "net": 3e6}, ", though the transformer read three times as much training text"),
        ({"rnn": 1.1e6, "net": 1e6}, ""),
        ({"rnn": 9e6, "floor": 1e6}, ", after unequal amounts of training"),
        ({"rnn": 1e6, "floor": 9e6}, ""),  # the best one read least
        ({"net": 1e6, "floor": 9e6}, ""),  # the best one only counts
    ],
)
def test_unequal_reading_is_said_in_the_same_breath(clear: Run, read: dict[str, float], rest: str) -> None:
    assert headline(found(clear), read, title) == f"The RNN with attention predicts this text best{rest}"
    again = rest.replace("read", "read the training text").replace("much training text", "often")
    assert headline(found(clear), read, title, train=1_000_000).endswith(again)  # each read all of it


def test_equal_time_is_no_unequal_amount(clear: Run) -> None:
    def said(read: dict[str, float]) -> str:
        return headline(found(clear), read, title, timed=True).removeprefix(
            "The RNN with attention predicts this text"
        )

    assert said({"rnn": 9e6, "floor": 1e6}) == " best"
    assert said({"rnn": 2e6, "net": 1e6}).endswith(
        "twice as much training text as the transformer in about the same time"
    )


@pytest.mark.slow
def test_ties_and_seeds_that_decide_nothing(clear: Run, tmp_path: Path) -> None:
    judged = found(clear)
    two = replace(judged, tied=judged.rivals[:1])
    assert headline(two, {}, title) == "This text can't tell the RNN with attention and the transformer apart"
    unequal = headline(two, {"rnn": 2e6, "net": 1e6}, title)
    assert unequal.endswith("apart, but the RNN with attention read twice as much training text as the transformer")
    four = replace(judged, tied=(*judged.rivals, judged.rivals[0]))
    assert headline(four, {}, title) == "This text can't tell the best 5 models apart"
    for apart in (((judged.rivals[0].row, judged.rivals[1].row),), None):  # None: not all pairs were compared
        said = plain(headline(replace(four, apart=apart), {}, title))
        assert said == "The RNN with attention has the lowest figure, and 4 models are not significantly worse"
    assert "other seeds" in headline(replace(judged, unstable=("net", 0.1)), {}, title)
    assert headline(None, {}, title) == "No model of this run can be ranked"
    alone = tiny_run(tmp_path / "alone", {"floor": bits(3, 0)}, documents=[[10]] * 40)
    assert headline(found(alone), {}, title) == "The unigram needs 3.00 bits per byte"
    sweep = {"chosen": {"order": 3, "prune": False}, "trials": [{}] * 6}
    said = plain(of_settings(sweep, found(alone).best, title))
    assert said == "The unigram needs 3.00 bits per byte with order = 3 and prune = False, the best of 6 settings"


def test_at_most_six_numbers_stand_beside_it(clear: Run) -> None:
    floor = next(row for row in rows(clear) if row.name == "floor")
    said = plain(" ".join(lead(found(clear), floor, title)))
    shares = [row.figure("top5_accuracy") or 0.0 for row in rows(clear) if row.name in ("rnn", "counts")]
    listed = [f"{100 * share:.0f}" for share in shares]
    for fact in (
        "The RNN with attention needs 2.00 bits per byte",
        "; the transformer is significantly behind.",
        f"Of 100 test tokens, {listed[0]} are among",
        f"guesses of the RNN with attention, and {listed[1]} among those of the 5-gram.",
        "The 5-gram trains 300 times faster than the RNN with attention and needs 10 % more bits.",
    ):
        assert fact in said
    assert len(re.findall(r"(?<![\w-])\d[\d.,]*", said.replace("5-gram", ""))) == 6
    tied = replace(found(clear), tied=found(clear).rivals[:1], far_cheaper=None)
    said = plain(" ".join(lead(tied, floor, title)))
    assert "the transformer needs 2.0 % more, which may be chance." in said
    assert "Word frequencies alone need 3.00." in said


def test_a_second_model_that_is_surely_worse_may_not_be_so_by_chance(clear: Run) -> None:
    judged = found(clear)
    noisier = replace(judged, tied=judged.rivals[1:2])  # the third varies more, so that only this one is tied
    assert "the transformer is significantly behind" in " ".join(lead(noisier, None, title))


def test_a_compressor_within_an_interval_is_named(clear: Run) -> None:
    judged = found(clear)
    ends = {judged.best.name: (1.9, 2.05), judged.rivals[0].row.name: (2.03, 2.1)}
    best, second = (
        replace(row, bits_per_byte_low=ends[row.name][0], bits_per_byte_high=ends[row.name][1])
        for row in (judged.best, judged.rivals[0].row)
    )
    near = replace(judged, best=best, rivals=(replace(judged.rivals[0], row=second),))
    said = plain(beside_compressor(near, {"xz": 2.3, "ppmd": 1.943}, title))
    assert "PPMd (1.943) lies within the interval of the RNN with attention;" in said
    assert "the RNN with attention and the transformer" in plain(beside_compressor(near, {"ppmd": 2.04}, title))
    assert beside_compressor(near, {"ppmd": 1.8}, title) == ""
    assert beside_compressor(near, {}, title) == ""
    assert beside_compressor(None, {"ppmd": 1.9}, title) == ""


def test_figures_of_compressors_in_brief() -> None:
    found = compressors_of({"ppmd": 1.943, "gzip": 2.983, "xz": 2.318})
    assert [each.title for each in found] == ["gzip", "xz", "PPMd, order 8"]
    assert compressors_in_brief(found) == "gzip 2.98, xz 2.32 and PPMd 1.94"


@pytest.mark.slow
def test_the_leaderboard_has_the_compressors_that_the_run_has_measured(run: Run) -> None:
    section = leaderboard.build(ReportData(run))
    assert section is not None
    for each in compressors_of(run.corpus.compressors):
        assert each.title in section.html
        assert f"{each.bits_per_byte:.3f}" in section.html
    assert len(run.corpus.compressors) == 5


def test_what_is_not_known_is_left_out(clear: Run) -> None:
    assert "frequencies" not in " ".join(lead(found(clear), None, title))
    assert lead(None, None, title) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("RNN with attention", "the RNN with attention"),
        ("Transformer", "the transformer"),
        ("5-gram, Kneser-Ney", "the 5-gram (Kneser-Ney)"),
        ("word2vec", "word2vec"),
        ("Elman network", "the Elman network"),
    ],
)
def test_titles_are_said_as_people_say_them(given: str, said: str) -> None:
    assert plain(spoken(given)) == said
