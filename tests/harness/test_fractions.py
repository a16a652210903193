"""Runs on growing shares of the training text: what is trained on what, what is kept, and what the report says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lmcompare import corpora
from lmcompare.analysis import load_run
from lmcompare.analysis.growth import growth
from lmcompare.analysis.results import results
from lmcompare.errors import LmcompareError
from lmcompare.harness.fractions import run_with_fractions
from lmcompare.harness.progress import Display
from lmcompare.report.build import write_reports
from lmcompare.runfolder.cleaning import clean
from lmcompare.runfolder.files import RunFolderError
from tests.harness.small import Watch, small_experiment, write_plugins, write_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


MODELS = {"plugin": "unigram"}, {"plugin": "ngram", "order": 2}
SHARES = (0.1, 0.3, 1.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small text and a run of two models on three shares of it."""
    folder = tmp_path_factory.mktemp("fractions")
    write_text(folder, 400)
    plan = small_experiment(*MODELS, fractions=SHARES)
    assert not run_with_fractions(plan, folder / "run", base=folder, show=Display()).failures
    return folder


def test_each_share_is_a_run_on_its_part_of_the_text_and_the_same_test_text(place: Path) -> None:
    run = load_run(place / "run")
    corpus = corpora.load(place / "text.txt", corpora.CorpusOptions(documents="line"))
    total = sum(document.words for document in corpus.train)
    assert list(run.fractions) == [0.1, 0.3]
    for share, part in run.fractions.items():
        assert not isinstance(part, RunFolderError)
        assert part.corpus.parts["test"] == run.corpus.parts["test"]
        assert part.corpus.splits["train"].words == pytest.approx(share * total, abs=6)


def test_a_share_has_only_the_exhibits_of_its_models(place: Path) -> None:
    run = load_run(place / "run")
    whole, part = (one.models[1].done[0] for one in (run, load_run(place / "run" / "fractions" / "0.3")))
    assert {"words", "influences", "in_page"} <= whole.examples.keys()
    assert part.examples == {"prompts": [], "sentences": []}


def test_the_points_are_the_figures_of_the_runs(place: Path) -> None:
    run = load_run(place / "run")
    found = {curve.name: curve for curve in growth(run).curves}
    assert found.keys() == {"unigram", "ngram"}
    for part, n in [*zip(run.fractions.values(), (0, 1), strict=True), (run, 2)]:
        assert not isinstance(part, RunFolderError)
        for row in results(part)["models"]:
            assert found[row["name"]].figures[n] == pytest.approx(row["bits_per_byte"])
            assert found[row["name"]].points[n].costs["parameters"] == row["parameters"]


def test_a_curve_is_of_one_model_though_shares_call_it_otherwise(place: Path, tmp_path: Path) -> None:
    unigrams, bigrams = ({"plugin": "ngram", "order": order} for order in (1, 2))
    run_with_fractions(small_experiment(unigrams), tmp_path / "run", base=place, show=Display())
    plan = small_experiment(bigrams, fractions=SHARES)
    run_with_fractions(plan, tmp_path / "run", base=place, show=Display())
    found = load_run(tmp_path / "run")
    assert {model.name for model in found.scored} == {"ngram", "ngram-order-2"}
    for share in SHARES[:-1]:
        (of_share,) = load_run(tmp_path / "run" / "fractions" / f"{share}").scored
        assert (of_share.name, of_share.done[0].info["hyperparameters"]["order"]) == ("ngram", 2)
    (curve,) = growth(found).curves
    assert curve.name == "ngram-order-2"
    assert [point.share for point in curve.points] == [0.1, 0.3, 1.0]


def test_programs_get_the_points_as_well(place: Path) -> None:
    table = results(load_run(place / "run"))["growth"]
    curves = growth(load_run(place / "run")).curves
    assert [model["name"] for model in table["models"]] == [curve.name for curve in curves]
    for model, curve in zip(table["models"], curves, strict=True):
        assert [point["bits_per_byte"] for point in model["points"]] == pytest.approx(curve.figures)
        assert [point["share"] for point in model["points"]] == list(SHARES)
        assert model["exponent"] is None  # three points have no law


def test_a_model_is_removed_from_every_share(place: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(place / "run", tmp_path / "run")
    removed = clean(copied, ["ngram"]).removed
    assert removed.keys() == {"cells/ngram/0", "fractions/0.1/cells/ngram/0", "fractions/0.3/cells/ngram/0"}
    part = load_run(copied).fractions[0.1]
    assert not isinstance(part, RunFolderError)
    assert [model.name for model in part.models] == ["unigram"]
    assert clean(copied).removed == {}


def test_what_is_finished_is_kept(place: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(place / "run", tmp_path / "run")
    watch = Watch()
    run_with_fractions(small_experiment(*MODELS, fractions=SHARES), copied, base=place, show=watch)
    assert all(set(stages) == {"kept"} for stages in watch.stages.values())


def test_the_report_has_a_curve_and_says_what_is_left_out(place: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(place / "run", tmp_path / "run")
    write_reports(copied)
    page = (copied / "report.html").read_text("utf-8")
    words = load_run(copied).corpus.splits["train"].words
    assert 'id="growth"' in page
    assert f"{words:,}" in page
    assert "no forecast" in page  # of three points
    (copied / "fractions" / "0.3" / "manifest.json").write_text("{}")
    write_reports(copied)
    assert "The share 30&nbsp;% is left out" in (copied / "report.html").read_text("utf-8")


def test_models_that_failed_on_the_whole_text_have_no_curves(place: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(place / "run", tmp_path / "run")
    shutil.rmtree(copied / "cells")
    write_reports(copied)
    assert growth(load_run(copied)).curves == ()


def test_seeds_of_a_share_are_its_own(place: Path, tmp_path: Path) -> None:
    shares = [{"share": 0.1, "seeds": [3, 4]}, 1]
    run_with_fractions(small_experiment(MODELS[0], fractions=shares), tmp_path / "run", base=place, show=Display())
    run = load_run(tmp_path / "run")
    part = run.fractions[0.1]
    assert not isinstance(part, RunFolderError)
    assert part.scored[0].seeds == (3, 4)
    assert run.scored[0].seeds == (0,)
    (curve,) = growth(run).curves
    assert [len(point.by_seed) for point in curve.points] == [2, 1]


def test_a_failure_is_named_with_its_share(place: Path, tmp_path: Path) -> None:
    write_plugins(place)
    plan = small_experiment({"plugin": "plugins.py:Raises", "name": "bad"}, MODELS[0], fractions=SHARES)
    outcome = run_with_fractions(plan, tmp_path / "run", base=place, show=Display())
    assert outcome.failures.keys() == {"fractions/0.1: bad/0", "fractions/0.3: bad/0", "bad/0"}


def test_a_share_of_another_name_is_not_read_and_one_that_is_a_link_not_written(place: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(place / "run", tmp_path / "run")
    (copied / "fractions" / "0.1").rename(tmp_path / "mine")
    for name in ("2", "0.10", "nan", "mine"):
        shutil.copytree(tmp_path / "mine", copied / "fractions" / name)
    assert list(load_run(copied).fractions) == [0.3]
    (copied / "fractions" / "0.1").symlink_to(tmp_path / "mine")
    with pytest.raises(LmcompareError, match=r"0\.1 is a link, and writing would change what it leads to"):
        run_with_fractions(small_experiment(*MODELS, fractions=SHARES), copied, base=place, show=Display())


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
