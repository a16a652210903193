"""What experiments tell of themselves and what they find is checked before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis.findings import ROWS, read_findings
from lmcompare.analysis.intervals import holm
from lmcompare.errors import PluginError
from lmcompare.lab import EXPERIMENTS, Condition, Figures, Findings, Row, experiment_names
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, corrected
from lmcompare.lab.findings import write_findings
from lmcompare.lab.run import check_names, describe
from tests.analysis.tiny import bits, tiny_run
from tests.lab.laboratory import ABOUT

HEAD = """
from lmcompare.lab import Condition, Findings, LabExperiment

class Fine(LabExperiment):
    title, question, prediction = "Fine", "What is it?", "Something."
    conditions = (Condition("base", "ngram", {"order": 2}, tokens="char"),)

    def measure(self, bench):
        return Findings(verdict="")

class Odd(Fine):
    """


def conditions(*those: str) -> str:
    return f"conditions = ({', '.join(those)},)"


@pytest.mark.usefixtures("measured_here")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def lacks(self): raise ZeroDivisionError('nothing to divide')", "nothing to divide"),
        ("conditions = 'base'", "tuple of Condition, not"),
        ("conditions = ()", "no condition"),
        (conditions("Condition('base', 'unigram', {'name': 'other'})"), "'name'"),
        (conditions("Condition('', 'unigram')"), "'unigram' has no name"),
        (conditions("Condition('base', 'unigram', 5)"), "settings"),
        (conditions("Condition('base', 'ngram', {'order': float('nan')})"), "'base' is NaN"),
        ("def __init__(self): raise SystemExit(0)", "SystemExit"),
        ("def __init__(self, what): pass", "what"),
        ("def lacks(self): return 5", "lacks"),
        ("question = 'What?\\nWhy?'", "question must be one line"),
        (f"title = {'x' * 2_001!r}", "title must be one line"),
        ("prediction = None", "no prediction"),
    ],
)
def test_an_odd_experiment_is_named(tmp_path: Path, code: str, said: str) -> None:
    (tmp_path / "odd.py").write_text(HEAD + code, encoding="utf-8")
    fine = describe(f"{tmp_path / 'odd.py'}:Fine", None)
    assert (fine.name, fine.title, fine.lacks, fine.corpus) == ("Fine", "Fine", "", "")
    assert fine.conditions == (Condition("base", "ngram", {"order": 2}, "char"),)
    with pytest.raises(PluginError, match=said):
        describe(f"{tmp_path / 'odd.py'}:Odd", None)


def test_the_experiments_of_lmcompare_are_known_by_name() -> None:
    names = experiment_names()
    assert (names[0], names[-1], len(names)) == ("ideas", "diffusion", 14)
    assert EXPERIMENTS.resolve("diffusion").question == "How does a text embedding guide image generation?"
    with pytest.raises(PluginError, match="did you mean 'diffusion'"):
        check_names(["difusion"])
    with pytest.raises(PluginError, match="'Fine'"):
        check_names(["./a.py:Fine", "./b.py:Fine"])
    grammar = describe("grammar", None)
    assert "--corpus nltk:treebank" in grammar.lacks_on("any.txt")
    assert grammar.lacks_on("nltk:treebank") == grammar.lacks


ROW = Row("x", value=0.5)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tables": (Figures("t", (Row("x", value=float("nan")),), "bits"),)}, r"rows\.0\.value"),
        ({"tables": None}, "must be a tuple of Figures"),
        ({"tables": ({},)}, "must be a tuple of Figures"),
        ({"tables": (Figures("t", rows=[1], unit=""),)}, "must be a tuple of Row"),  # type: ignore[arg-type]
        ({"exhibits": 5}, "must be a tuple of Exhibit"),
        ({"remarks": "abc"}, "must be a tuple of str"),
        ({"claims": "It is."}, "must map texts to"),
        ({"claims": {"It is.": "yes"}}, "must map texts to"),
        ({"claims": {5: True}}, "must map texts to"),
        ({"tables": (Figures("t", (), ""),) * (ROWS + 1)}, "more than 500"),
        ({"tables": (Figures("t", (ROW,) * (ROWS + 1), ""),)}, "more than 500"),
        ({"remarks": ("x",) * (ROWS + 1)}, "more than 500"),
        ({"remarks": ("x" * 5_001,)}, "5,000"),
        ({"verdict": "x" * 5_001}, "5,000"),
        ({"tables": (Figures("t", (Row("x", remark="x" * 5_001),), ""),)}, "5,000"),
        ({"tables": (Figures("t", (Row("x", low=-1.1e12),), ""),)}, r"beyond 1e\+12"),
        ({"tables": (Figures("t", (Row("x", value="1e300"),), ""),)}, r"beyond 1e\+12"),  # type: ignore[arg-type]
    ],
)
def test_findings_that_cannot_be_stored_are_refused(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        write_findings(tmp_path / "x.json", Findings(**{"verdict": "", **fields}), {"name": "x", **ABOUT})
    with pytest.raises(PluginError, match="'x' must return Findings"):
        write_findings(tmp_path / "x.json", fields, {"name": "x", **ABOUT})  # type: ignore[arg-type]
    assert not (tmp_path / "x.json").exists()


def test_findings_at_the_bounds_and_numbers_of_numpy_are_stored(tmp_path: Path) -> None:
    assert read_findings(tmp_path / "x.json") is None
    row: Any = Row("x", value=np.float32(0.5), low=np.int64(0), high=np.float64(1e12), p_holm=np.float16(0.25))  # type: ignore[arg-type]
    given = Findings("v" * 5_000, {"It is.": np.True_}, (Figures("t", (row,) * ROWS, ""),), remarks=("own",))  # type: ignore[dict-item]
    write_findings(tmp_path / "x.json", given, {"name": "x", **ABOUT}, ["of the text"])
    found = read_findings(tmp_path / "x.json")
    assert found is not None
    assert found.tables[0].rows == (Row("x", value=0.5, low=0.0, high=1e12, p_holm=0.25),) * ROWS
    assert (found.remarks, found.claims, found.held) == (("own", "of the text"), (("It is.", True),), True)


@pytest.mark.parametrize(
    ("claims", "held"),
    [({}, None), ({"a": True}, True), ({"a": True, "b": None}, None), ({"a": None, "b": False}, False)],
)
def test_a_prediction_holds_if_all_of_its_claims_do(claims: dict[str, bool | None], held: bool | None) -> None:
    assert Findings("", claims).held is held


def test_what_is_not_finite_is_left_out_of_a_row() -> None:
    row = Contrast.of("x", (0.5, float("nan"), float("nan"), 0.03, 1.0), 0.02)
    assert (row.value, row.low, row.high, row.p_holm, row.figure) == (0.5, None, None, 0.03, 1.0)
    rows = corrected({"a": row, "b": Contrast.of("y", (0.1, 0.0, 0.2, 0.01, 1.0), 0.01)})
    assert {key: row.name for key, row in rows.items()} == {"a": "x", "b": "y"}
    assert [row.p_holm for row in rows.values()] == pytest.approx(holm(np.array([0.02, 0.01])).tolist())


def test_the_steps_of_a_measurement_make_up_the_whole() -> None:
    told: list[float] = []
    unused: Any = None
    bench = Bench(unused, {}, told.append)
    for outer in bench.each("ab"):
        for _ in bench.each(range(2)):
            next(bench.each(range(7)))  # a loop that ends early counts with the step that it is in
        assert outer == "ab"[len(told) // 3]
    assert told == [0.25, 0.5, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.slow
def test_the_bench_of_an_experiment(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "long", {"one": bits(2, 0) * 3, "two": bits(3, 1) * 2}, documents=[[10]] * 40)
    base, changed = Condition("base", "one"), Condition("changed", "two")
    bench = Bench(run, {"base": "one", "changed": "two"})
    assert (bench.seeds, bench.decides, bench.remarks) == (2, False, ())
    assert Bench(run, {"base": "one"}).decides
    assert [len(nats) for nats in bench.log_probs(base)] == [400] * 3
    assert bench.corpus.path == bench.corpus_of(changed).path == run.tokens[bench.entry(base).tokens_fingerprint].path
    row = bench.rows(base, {"x": changed}, {"x": "More."})["x"]
    assert (row.saying, row.found) == ("More.", True)
    assert row.value == pytest.approx(1.0, abs=0.01)
    with pytest.raises(PluginError, match="'third' was not trained"):
        bench.entry(Condition("third", "one"))
    with pytest.raises(PluginError, match="seeds 0, 1, not 7"):
        bench.model(changed, 7)
    short = Bench(
        tiny_run(tmp_path / "short", {"one": [[0.5] * 6], "two": [[0.25] * 6]}, documents=[[3]] * 2),
        {"base": "one", "changed": "two"},
    )
    assert "too short" in short.remarks[0]
    row = short.rows(base, {"x": changed})["x"]
    assert (row.value, row.low, row.high, row.found) == (1.0, None, None, False)
