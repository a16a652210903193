"""Runs on growing shares of the training text: what is trained on what, what is kept, and what the report says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lmcompare import corpora
from lmcompare.analysis import Run, load_run
from lmcompare.analysis.results import results
from lmcompare.errors import LmcompareError
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.progress import Display
from lmcompare.harness.run import Outcome, run_with_fractions
from lmcompare.report.write import write_reports
from lmcompare.runfolder.cleaning import clean
from lmcompare.runfolder.files import RunFolderError
from lmcompare.studies.growth.curves import growth
from tests.harness.small import Watch, small_experiment, write_plugins, write_text
from tests.made import made

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


MODELS = {"plugin": "unigram"}, {"plugin": "ngram", "order": 2}
SHARES = (0.1, 0.3, 1.0)


def do(plan: Experiment, out: Path, base: Path) -> Outcome:
    return run_with_fractions(plan, out, base=base, show=Display())


@pytest.fixture(scope="module")
def place(cells_here: None) -> Path:
    """A folder with the small text and a run of two models on three shares of it, which must not be changed."""

    def make(folder: Path) -> None:
        write_text(folder, 400)
        write_plugins(folder)
        assert not do(small_experiment(*MODELS, fractions=SHARES), folder / "run", folder).failures

    return made("fractions", make)


@pytest.fixture
def copied(place: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place / "run", tmp_path / "run"))


def part_of(run: Run, share: float) -> Run:
    part = run.fractions[share]
    assert not isinstance(part, RunFolderError)
    return part


def test_each_share_is_a_run_on_its_part_of_the_text_and_the_same_test_text(place: Path) -> None:
    run = load_run(place / "run")
    corpus = corpora.load(place / "text.txt", corpora.CorpusOptions(documents="line"))
    total = sum(document.words for document in corpus.train)
    assert list(run.fractions) == [0.1, 0.3]
    for share in run.fractions:
        part = part_of(run, share)
        assert part.corpus.parts["test"] == run.corpus.parts["test"]
        assert part.corpus.splits["train"].words == pytest.approx(share * total, abs=6)


def test_a_share_has_only_the_exhibits_of_its_models(place: Path) -> None:
    run = load_run(place / "run")
    whole, part = (one.models[1].done[0] for one in (run, load_run(place / "run" / "fractions" / "0.3")))
    assert whole.measured("story") is not None
    assert part.measured("story") is None
    assert part.measured("exhibits") is not None


def test_the_points_are_the_figures_of_the_runs(place: Path) -> None:
    run = load_run(place / "run")
    found = {curve.name: curve for curve in growth(run).curves}
    assert found.keys() == {"unigram", "ngram"}
    for part, n in ((part_of(run, 0.1), 0), (part_of(run, 0.3), 1), (run, 2)):
        for row in results(part)["models"]:
            assert found[row["name"]].figures[n] == pytest.approx(row["bits_per_byte"])
            assert found[row["name"]].points[n].costs["parameters"] == row["parameters"]
    table = results(run)["studies"]["growth"]
    assert [model["name"] for model in table["models"]] == [*found]
    for model in table["models"]:
        assert [point["bits_per_byte"] for point in model["points"]] == pytest.approx(found[model["name"]].figures)
        assert [point["share"] for point in model["points"]] == list(SHARES)
        assert model["exponent"] is None  # three points have no law


def test_a_curve_is_of_one_model_though_shares_call_it_otherwise(place: Path, tmp_path: Path) -> None:
    unigrams, bigrams = ({"plugin": "ngram", "order": order} for order in (1, 2))
    do(small_experiment(unigrams), tmp_path / "run", place)
    do(small_experiment(bigrams, fractions=SHARES), tmp_path / "run", place)
    found = load_run(tmp_path / "run")
    assert {model.name for model in found.scored} == {"ngram", "ngram-order-2"}
    for share in SHARES[:-1]:
        (of_share,) = load_run(tmp_path / "run" / "fractions" / f"{share}").scored
        assert (of_share.name, of_share.done[0].info["hyperparameters"]["order"]) == ("ngram", 2)
    (curve,) = growth(found).curves
    assert curve.name == "ngram-order-2"
    assert [point.share for point in curve.points] == [0.1, 0.3, 1.0]


def test_a_model_is_removed_from_every_share(copied: Path) -> None:
    removed = clean(copied, ["ngram"]).removed
    assert removed.keys() == {"cells/ngram/0", "fractions/0.1/cells/ngram/0", "fractions/0.3/cells/ngram/0"}
    assert [model.name for model in part_of(load_run(copied), 0.1).models] == ["unigram"]
    assert clean(copied).removed == {}


def test_what_is_finished_is_kept(place: Path, copied: Path) -> None:
    watch = Watch()
    run_with_fractions(small_experiment(*MODELS, fractions=SHARES), copied, base=place, show=watch)
    assert all(set(stages) == {"kept"} for stages in watch.stages.values())


def test_the_report_has_a_curve_and_says_what_is_left_out(copied: Path) -> None:
    write_reports(copied)
    page = (copied / "report.html").read_text("utf-8")
    words = load_run(copied).corpus.splits["train"].words
    assert 'id="growth"' in page
    assert f"{words:,}" in page
    assert "no forecast" in page  # of three points
    (copied / "fractions" / "0.3" / "manifest.json").write_text("{}")
    write_reports(copied)
    assert "The share 30 % is left out" in (copied / "report.html").read_text("utf-8")


def test_models_that_failed_on_the_whole_text_have_no_curves(copied: Path) -> None:
    shutil.rmtree(copied / "cells")
    write_reports(copied)
    assert growth(load_run(copied)).curves == ()


def test_seeds_of_a_share_are_its_own_and_a_failure_is_named_with_it(place: Path, tmp_path: Path) -> None:
    shares = [{"share": 0.1, "seeds": [3, 4]}, 1]
    plan = small_experiment({"plugin": "plugins.py:Raises", "name": "bad"}, MODELS[0], fractions=shares)
    outcome = do(plan, tmp_path / "run", place)
    assert outcome.failures.keys() == {"fractions/0.1: bad/3", "fractions/0.1: bad/4", "bad/0"}
    run = load_run(tmp_path / "run")
    assert (part_of(run, 0.1).scored[0].seeds, run.scored[0].seeds) == ((3, 4), (0,))
    (curve,) = growth(run).curves
    assert [len(point.by_seed) for point in curve.points] == [2, 1]


def test_a_share_of_another_name_is_not_read_and_one_that_is_a_link_not_written(
    place: Path, copied: Path, tmp_path: Path
) -> None:
    (copied / "fractions" / "0.1").rename(tmp_path / "mine")
    for name in ("2", "0.10", "nan", "mine"):
        shutil.copytree(tmp_path / "mine", copied / "fractions" / name)
    assert list(load_run(copied).fractions) == [0.3]
    (copied / "fractions" / "0.1").symlink_to(tmp_path / "mine")
    with pytest.raises(LmcompareError, match=r"0\.1 is a link"):
        do(small_experiment(*MODELS, fractions=SHARES), copied, place)


@pytest.mark.parametrize(
    "shares", [[0.5], [1.0], [0.3, 0.1, 1.0], [0.1, 0.1, 1.0], [0.1, 0.3], [0, 1], [0.5, 1.5], ["half", 1], [True, 1]]
)
def test_shares_that_do_not_rise_to_the_whole_are_refused(shares: list[object]) -> None:
    with pytest.raises(LmcompareError):
        small_experiment(*MODELS, fractions=shares)


def test_standard_input_is_refused(tmp_path: Path) -> None:
    plan = small_experiment(*MODELS, fractions=SHARES).replace("test", corpus={"source": "-"})
    with pytest.raises(LmcompareError, match="only once"):
        run_with_fractions(plan, tmp_path / "run", show=Display())
