"""Whole runs: what is stored, what is kept, what fails alone."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.harness.cells.job import Job
from lmcompare.harness.run import run
from lmcompare.report.write import rebuild, write_reports
from lmcompare.runfolder.guards import locked
from tests.harness.small import BIGRAM, FLAT, Watch, ahead, run_and_report, small_experiment, write_text
from tests.measured import measured
from tests.run_folder import reseal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

UNIGRAM = {"plugin": "unigram"}
TRAINED = ["starting", "training", "scoring", "checking", "examples", "done"]
LATER = {**FLAT, "name": "later"}


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The run of a copy of the folder with text and plug-ins."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def stages(out: Path, *models: Any, force: bool = False, **more: Any) -> list[list[str]]:
    """Run these models, none of which fails, and return the stages of each."""
    watch = Watch()
    assert not run(small_experiment(*models, **more), out, base=out.parent, show=watch, force=force).failures
    return [list(dict.fromkeys(told)) for told in watch.stages.values()]  # a stage tells several times how far it is


def results_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((out / "results.json").read_text())["models"]}


def test_the_folder_holds_all_that_a_report_needs(finished: Path) -> None:
    manifest = json.loads((finished / "run/manifest.json").read_text())
    fingerprint = manifest["models"][0]["tokens_fingerprint"]
    tokens = {p.name for p in (finished / "run/tokens" / fingerprint).iterdir()}
    assert {"features.parquet", "documents.parquet", "vocabulary.json", "tokenizer.json", "code.json"} <= tokens
    cell = {p.name for p in (finished / "run/cells/flat/0").iterdir()}
    assert cell == {
        *("cell.json", "cost.json", "curve.csv", "studies.json", "model"),
        *("scores.parquet", "words.parquet", "top.parquet", "checksums.json"),
    }
    for name in ("report.html", "report.md", "results.csv", "results.json"):
        assert (finished / "run" / name).stat().st_size > 0


def test_scores_have_a_row_a_token_and_the_flat_model_its_known_figure(finished: Path) -> None:
    scores = pd.read_parquet(finished / "run/cells/flat/0/scores.parquet")
    manifest = json.loads((finished / "run/manifest.json").read_text())
    tokens = next(iter(manifest["tokens"].values()))
    assert (scores["split"] == "test").sum() == tokens["tokens"]["test"]
    assert list(scores["split"].unique()) == ["valid", "test"]
    np.testing.assert_allclose(scores["log_prob"], -np.log(tokens["types"]))
    rows = results_of(finished / "run")
    assert rows["flat"]["perplexity"] == pytest.approx(tokens["types"])
    assert rows["flat"]["valid_probability_model"] is True
    assert rows["unigram"]["bits_per_byte"] < rows["flat"]["bits_per_byte"]
    assert (rows["flat"]["rank_low"], rows["flat"]["rank_high"]) == (2, 3)


def test_token_spans_cut_the_text_of_the_tokens(finished: Path) -> None:
    scores = pd.read_parquet(finished / "run/cells/unigram/0/scores.parquet")
    features = pd.read_parquet(next((finished / "run/tokens").iterdir()) / "features.parquet")
    assert scores[["split", "document", "position"]].equals(features[["split", "document", "position"]])
    lines = set((finished / "text.txt").read_text().splitlines())
    for _, rows in scores[scores["split"] == "test"].groupby("document"):
        words = rows[rows["token"] != "</s>"]
        line = next(
            text
            for text in lines
            if [text.encode()[a:b].decode() for a, b in zip(words["byte_start"], words["byte_end"], strict=True)]
            == words["token"].tolist()
        )
        assert rows["token"].iloc[-1] == "</s>"
        assert rows["byte_end"].iloc[-1] == len(line.encode())


def test_a_later_model_joins_those_of_earlier_runs_of_which_the_manifest_tells(copy: Path) -> None:
    before = json.loads((copy / "manifest.json").read_text())
    written = (copy / "cells/flat/0/scores.parquet").stat().st_mtime_ns
    more: dict[str, Any] = {"preset": "quick", "budget": {"seconds": 9.0}}
    assert stages(copy, UNIGRAM, {**LATER, "tilt": 0.01}, **more) == [["kept"], TRAINED]
    write_reports(copy)
    assert (copy / "cells/flat/0/scores.parquet").stat().st_mtime_ns == written
    rows = results_of(copy)
    assert rows.keys() == {"unigram", "ngram", "flat", "later"}
    # its distributions sum to exp(0.01): not a probability model, so it has no rank
    assert rows["later"]["valid_probability_model"] is False
    assert rows["later"]["rank_low"] is rows["later"]["rank_high"] is None
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest["seconds"] > before["seconds"]
    assert [m["name"] for m in manifest["experiment"]["models"]] == [m["name"] for m in manifest["models"]]
    settings = {m["name"]: m["settings"] for m in manifest["models"]}
    assert (settings["flat"]["preset"], settings["flat"]["budget"]) == ("default", {})
    assert (settings["later"]["preset"], settings["later"]["budget"]) == ("quick", {"seconds": 9.0})
    assert "flat was trained with" in (copy / "report.md").read_text()
    # what is not there any more is not told of
    shutil.rmtree(copy / "cells/flat")
    stages(copy, UNIGRAM)
    manifest = json.loads((copy / "manifest.json").read_text())
    assert "flat" not in [m["name"] for m in (*manifest["models"], *manifest["experiment"]["models"])]


def test_a_failure_is_that_of_its_model_alone_and_is_tried_again(copy: Path) -> None:
    raises = {"plugin": "plugins.py:Raises"}
    for _ in range(2):
        outcome, watch = run_and_report(copy.parent, copy, small_experiment(raises, FLAT))
        assert outcome.failures["Raises/0"].startswith("RuntimeError: out of luck (plugins.py, line ")
        assert list(watch.stages.values())[-2:] == [["starting", "training", "failed"], ["kept"]]
    assert results_of(copy)["flat"]["rank_low"] == 2
    assert "out of luck" in (copy / "report.html").read_text()


def test_failures_that_can_not_be_stored_are_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "fail", lambda *_: None)  # as on a full disk
    with pytest.raises(LmcompareError, match=r"none of the cells could be stored in .*: Raises/0: .*out of luck"):
        run(small_experiment({"plugin": "plugins.py:Raises"}), place / "run", base=place)
    assert not (place / "run/manifest.json").exists()


def test_other_prompts_make_new_examples_without_training(copy: Path) -> None:
    examples: dict[str, Any] = {"prompts": ["my aunt", "a dog"], "length": 3, "sentences": 1}
    assert stages(copy, FLAT, examples=examples) == [["starting", "examples", "done"]]
    assert [p["prompt"] for p in measured(copy / "cells/flat/0", "prompts")] == ["my aunt", "a dog"]
    assert len(measured(copy / "cells/flat/0", "sentences")) == 1
    examples["words"] = ["aunt", "zebra"]
    assert stages(copy, FLAT, examples=examples) == [["starting", "examples", "done"]]
    words = measured(copy / "cells/flat/0", "contexts")["words"]
    assert [w["word"] for w in words] == ["aunt", "zebra"]


def test_whatever_figures_depend_on_runs_the_cell_again(finished: Path) -> None:
    assert [each.finished for each in ahead(finished, FLAT, BIGRAM)] == [True, True]
    assert [each.finished for each in ahead(finished, {**FLAT, "tilt": 0.0001})] == [False]
    changes: list[dict[str, Any]] = [{"seeds": [1]}, {"threads": 3}, {"tokens": {"kind": "char"}}]
    for change in changes:
        assert [each.finished for each in ahead(finished, FLAT, **change)] == [False]


def test_force_runs_again(copy: Path) -> None:
    assert stages(copy, FLAT, force=True) == [TRAINED]


def test_another_corpus_is_mixed_in_by_force_alone(copy: Path) -> None:
    write_text(copy.parent, 70, "other.txt")
    corpus = {"source": "other.txt", "documents": "line"}
    with pytest.raises(LmcompareError, match="another corpus"):
        stages(copy, FLAT, corpus=corpus)
    stages(copy, FLAT, corpus=corpus, force=True)
    assert [model.name for model in load_run(copy).models] == ["flat"]


def test_force_replaces_a_manifest_that_another_version_wrote(copy: Path) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hardware": {"cpu": "of old"}}))
    reseal(copy)
    with pytest.raises(LmcompareError, match=r"hardware\.cores: .*--force"):
        stages(copy, FLAT)
    stages(copy, FLAT, force=True)
    assert json.loads(path.read_text())["hardware"]["cores"] > 0
    path.write_text(json.dumps(json.loads(path.read_text()) | {"experiment": {"models": 5}}))
    with pytest.raises(LmcompareError, match="unless files there were changed"):
        write_reports(reseal(copy))


def test_a_folder_without_its_cells_keeps_its_report(copy: Path) -> None:
    page = (copy / "report.html").read_bytes()
    (copy / "cells/flat/0/scores.parquet").unlink()
    _, failures = rebuild(copy)  # the others are there
    assert list(failures) == ["flat/0"]
    (copy / "report.html").write_bytes(page)
    shutil.rmtree(copy / "cells")
    with pytest.raises(LmcompareError, match=r"lacks what a report is made of \(unigram: "):
        rebuild(copy)
    assert (copy / "report.html").read_bytes() == page


def test_studying_is_no_training(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, later = time.perf_counter, [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + sum(later))
    monkeypatch.setattr(time, "sleep", lambda seconds: later.append(1000 * seconds))
    stages(place / "run", {"plugin": "plugins.py:Studies"})
    cell = place / "run/cells/Studies/0"
    assert json.loads((cell / "model/values.json").read_text())["found"] > 0
    assert json.loads((cell / "cost.json").read_text())["train_seconds"] < 500


def test_sizes_are_matched_where_a_model_has_one_to_choose(place: Path) -> None:
    net = {"plugin": "rnn", "steps": 2, "batch": 4, "length": 8}
    experiment = small_experiment(net, UNIGRAM, match={"parameters": 5000}, budget={"tokens": 100})
    outcome, _ = run_and_report(place, place / "run", experiment)
    assert not outcome.failures
    cost = json.loads((place / "run/cells/rnn/0/cost.json").read_text())
    assert cost["parameters"] == pytest.approx(5000, rel=0.1)
    report = (place / "run/report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "about 5 k parameters" in report
    assert "limited to 100 tokens" in report
    with pytest.raises(LmcompareError, match="3 parameters"):
        run(small_experiment(net, match={"parameters": 3}), place / "tiny", base=place)


SHORT_SIGHTED = """
from lmcompare.models.unigram import Unigram

class Own(Unigram):
    def check_text(self, train):
        raise ValueError(f'{len(train)} is too few')
"""


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"plugin": "transformer", "window": 1000, "name": "far"}, "'far' .* window is 1,000, but .* 256 at"),
        ({"plugin": "cache", "base": "stupid-backoff", "options": {"order": 50}}, "'cache' .* order is 50"),
        ({"plugin": "own.py:Own"}, "'Own' .*: [0-9]+ is too few"),
        ({"plugin": "ngarm"}, "did you mean 'ngram'"),
        ({"plugin": "ngram", "ordr": 3}, "did you mean 'order'"),
        ({"plugin": "none.py:Model"}, "no plug-in file"),
        ({"plugin": "plugins.py:Flatt"}, "did you mean 'Flat'"),
        ({"plugin": "ngram-file", "path": "none.arpa"}, r"path of the model 'ngram-file' is '.*none.arpa'"),
        ({"plugin": "ngram-file"}, "path of the model 'ngram-file' is not set"),
        ({"plugin": "ngram-file", "path": "text.txt"}, "not an ARPA file"),
        ({"plugin": "ngram", "name": "five", "order": "x"}, "the model 'five': order of ngram is"),
        ({"plugin": "plugins.py:OddTokens"}, "the tokens of the model 'OddTokens': .* not 7"),
    ],
)
def test_a_wrong_model_is_refused_before_anything_runs(place: Path, second: dict[str, Any], said: str) -> None:
    (place / "own.py").write_text(SHORT_SIGHTED)
    with pytest.raises(LmcompareError, match=said):
        run(small_experiment(FLAT, second), place / "run", base=place)
    assert not (place / "run/cells").exists()


def test_a_link_to_an_empty_folder_stays_and_the_run_is_behind_it(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to("real")
    stages(place / "link", UNIGRAM)
    assert (place / "link").is_symlink()
    assert (place / "real/manifest.json").is_file()


def test_an_output_folder_that_can_not_be_written_to(place: Path) -> None:
    # nobody, root included, may make a folder in /proc
    out = Path("/proc/lmcompare") if Path("/proc").is_dir() else place / "closed" / "out"
    if not out.is_relative_to("/proc"):
        out.parent.mkdir(mode=0o500)
    with pytest.raises(LmcompareError, match=r"can.t be written .*choose another output folder"):
        run(small_experiment(FLAT), out, base=place)
    (place / "out").write_text("")
    with pytest.raises(LmcompareError, match="is a file"):
        run(small_experiment(FLAT), place / "out", base=place)


def test_a_second_run_into_the_same_folder_waits_its_turn(copy: Path) -> None:
    with (
        locked(copy),
        pytest.raises(LmcompareError, match=r"another process is writing to .* \(process [0-9]+ on .* since"),
    ):
        stages(copy, FLAT)
    (copy / ".holder").write_text("process 1 on a machine\n")  # which is gone
    assert stages(copy, FLAT) == [["kept"]]
