"""Whole runs: what is stored, what is kept, what fails alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness.job import Job
from lmcompare.report.build import rebuild, write_reports
from lmcompare.runfolder.ownership import claim
from tests.harness.small import FLAT, run_and_report, small_experiment, write_text
from tests.run_folder import reseal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    out = place / "finished"
    outcome, _ = run_and_report(place, out, small_experiment({"plugin": "unigram"}, FLAT))
    assert not outcome.failures
    return out


def test_studying_is_no_training(place: Path) -> None:
    model = {"plugin": "plugins.py:Studies", "name": "studies"}
    outcome, _ = run_and_report(place, place / "studies", small_experiment(model))
    cell = outcome.folder / "cells" / "studies" / "0"
    assert json.loads((cell / "model" / "values.json").read_text())["found"] > 0
    assert json.loads((cell / "cost.json").read_text())["train_seconds"] < 1.0


def test_sizes_are_matched_where_a_model_has_one_to_choose(place: Path) -> None:
    net = {"plugin": "rnn", "steps": 2, "batch": 4, "length": 8}
    experiment = small_experiment(net, {"plugin": "unigram"}, match={"parameters": 5000}, budget={"tokens": 100})
    outcome, _ = run_and_report(place, place / "matched", experiment)
    assert not outcome.failures
    cost = json.loads((outcome.folder / "cells" / "rnn" / "0" / "cost.json").read_text())
    assert cost["parameters"] == pytest.approx(5000, rel=0.1)
    report = (outcome.folder / "report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "about 5 k parameters" in report
    assert "limited to 100 tokens" in report
    with pytest.raises(LmcompareError, match="can't be made of 3 parameters"):
        run_and_report(place, place / "tiny", small_experiment(net, match={"parameters": 3}))


SHORT_SIGHTED = """
from lmcompare.models.unigram.plugin import Unigram

class Own(Unigram):
    \"\"\"Reads texts of a million tokens.\"\"\"

    def check_text(self, train):
        {does}
"""


@pytest.mark.parametrize(
    ("second", "does", "said"),
    [
        (
            {"plugin": "transformer", "window": 1000, "name": "far"},
            "",
            "'far' .* window is 1,000, but .* 256 at",
        ),
        ({"plugin": "ngram", "order": 50}, "", "'ngram' .* order is 50"),
        ({"plugin": "cache", "base": "stupid-backoff", "options": {"order": 50}}, "", "'cache' .* order is 50"),
        (
            {"plugin": "own.py:Own"},
            "raise ValueError(f'{len(train)} is too few')",
            "'Own' .*: [0-9]+ is too few",
        ),
    ],
)
def test_a_model_that_refuses_the_text_keeps_all_from_being_trained(
    tmp_path: Path, second: dict[str, Any], does: str, said: str
) -> None:
    write_text(tmp_path)
    (tmp_path / "own.py").write_text(SHORT_SIGHTED.format(does=does or "pass"))
    out = tmp_path / "out"
    with pytest.raises(LmcompareError, match=said):
        run_and_report(tmp_path, out, small_experiment({"plugin": "unigram"}, second))
    assert not (out / "cells").exists()


def test_failures_that_can_not_be_stored_are_said(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "fail", lambda *_: None)  # as on a full disk
    with pytest.raises(LmcompareError, match=r"none of the cells could be stored in .*: raises/0: .*out of luck"):
        run_and_report(place, tmp_path, small_experiment({"plugin": "plugins.py:Raises", "name": "raises"}))
    assert not (tmp_path / "manifest.json").exists()


def test_the_folder_holds_all_that_a_report_needs(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    fingerprint = manifest["models"][0]["tokens_fingerprint"]
    tokens = {p.name for p in (finished / "tokens" / fingerprint).iterdir()}
    assert {"features.parquet", "documents.parquet", "vocabulary.json", "tokenizer.json", "code.json"} <= tokens
    cell = {p.name for p in (finished / "cells" / "flat" / "0").iterdir()}
    assert cell == {
        *("cell.json", "cost.json", "curve.csv", "examples.json", "exhibits.json", "model", "scores.parquet"),
        *("words.parquet", "top.parquet", "checksums.json"),
    }
    for name in ("report.html", "report.md", "results.csv", "results.json"):
        assert (finished / name).stat().st_size > 0


def test_scores_have_a_row_a_token_and_the_flat_model_its_known_figure(finished: Path) -> None:
    scores = pd.read_parquet(finished / "cells/flat/0/scores.parquet")
    manifest = json.loads((finished / "manifest.json").read_text())
    tokens = next(iter(manifest["tokens"].values()))
    assert (scores["split"] == "test").sum() == tokens["tokens"]["test"]
    assert list(scores["split"].unique()) == ["valid", "test"]
    np.testing.assert_allclose(scores["log_prob"], -np.log(tokens["types"]))
    results = json.loads((finished / "results.json").read_text())
    flat = next(m for m in results["models"] if m["name"] == "flat")
    assert flat["perplexity"] == pytest.approx(tokens["types"])
    assert flat["valid_probability_model"] is True
    unigram = next(m for m in results["models"] if m["name"] == "unigram")
    assert unigram["bits_per_byte"] < flat["bits_per_byte"]
    assert (unigram["rank_high"], flat["rank_low"]) == (1, 2)


def test_token_spans_cut_the_text_of_the_tokens(finished: Path, place: Path) -> None:
    scores = pd.read_parquet(finished / "cells/unigram/0/scores.parquet")
    features = pd.read_parquet(next((finished / "tokens").iterdir()) / "features.parquet")
    assert scores[["split", "document", "position"]].equals(features[["split", "document", "position"]])
    lines = set((place / "text.txt").read_text().splitlines())
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


def test_finished_cells_are_kept_and_a_later_model_joins_the_table(finished: Path, place: Path) -> None:
    before = (finished / "cells/flat/0/scores.parquet").stat().st_mtime_ns
    _, watch = run_and_report(place, finished, small_experiment(FLAT, {**FLAT, "name": "tilted", "tilt": 0.01}))
    assert watch.stages[0] == ["kept"]
    assert "training" in watch.stages[1]
    assert (finished / "cells/flat/0/scores.parquet").stat().st_mtime_ns == before
    results = json.loads((finished / "results.json").read_text())
    assert {m["name"] for m in results["models"]} == {"unigram", "flat", "tilted"}
    # its distributions sum to exp(0.01): not a probability model, so it has no rank
    tilted = next(m for m in results["models"] if m["name"] == "tilted")
    assert tilted["valid_probability_model"] is False
    assert tilted["rank_low"] is tilted["rank_high"] is None
    assert "not a valid probability model" in (finished / "report.html").read_text()


def test_what_earlier_runs_left_is_told_of_in_the_manifest(finished: Path, place: Path) -> None:
    out = place / "joined"
    shutil.copytree(finished, out)
    before = json.loads((out / "manifest.json").read_text())
    run_and_report(place, out, small_experiment({**FLAT, "name": "later"}, preset="quick", budget={"seconds": 9.0}))
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seconds"] > before["seconds"]
    assert [m["name"] for m in manifest["experiment"]["models"]] == [m["name"] for m in manifest["models"]]
    settings = {m["name"]: m["settings"] for m in manifest["models"]}
    assert (settings["flat"]["preset"], settings["flat"]["budget"]) == ("default", {})
    assert (settings["later"]["preset"], settings["later"]["budget"]) == ("quick", {"seconds": 9.0})
    assert "flat was trained with" in (out / "report.md").read_text()
    assert "later was trained with" not in (out / "report.md").read_text()
    # what is not there any more is not told of
    shutil.rmtree(out / "cells" / "flat")
    run_and_report(place, out, small_experiment({**FLAT, "name": "later"}, preset="quick", budget={"seconds": 9.0}))
    manifest = json.loads((out / "manifest.json").read_text())
    assert "flat" not in [m["name"] for m in manifest["models"]]
    assert "flat" not in [m["name"] for m in manifest["experiment"]["models"]]


@pytest.mark.parametrize(
    ("name", "table", "said"),
    [
        (
            "manifest.json",
            {"corpus": {"fingerprint": "x", "splits": 7}},
            r"manifest\.json is not as lmcompare writes it \(corpus\.name: Field required\)",
        ),
        ("manifest.json", {"experiment": {"models": 5}}, "unless files there were changed"),
    ],
)
def test_a_folder_with_values_of_a_wrong_kind_is_one_sentence(
    finished: Path, tmp_path: Path, name: str, table: dict[str, Any], said: str
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / name
    path.write_text(json.dumps(json.loads(path.read_text()) | table))
    reseal(path.parent)
    with pytest.raises(LmcompareError, match=said):
        write_reports(tmp_path / "run")


def test_force_replaces_a_manifest_that_another_version_wrote(finished: Path, place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "old"
    shutil.copytree(finished, copy)
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hardware": {"cpu": "of old"}}))
    reseal(copy)
    with pytest.raises(LmcompareError, match=r"as lmcompare writes it \(hardware\.cores: .*again with --force"):
        run_and_report(place, copy, small_experiment(FLAT))
    run_and_report(place, copy, small_experiment(FLAT), force=True)
    assert json.loads(path.read_text())["hardware"]["cores"] > 0


def test_a_folder_without_its_cells_keeps_its_report(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    page = (copy / "report.html").read_bytes()
    shutil.rmtree(copy / "cells")
    with pytest.raises(LmcompareError, match=r"lacks what a report is made of \(unigram: it was not run to its end"):
        rebuild(copy)
    assert (copy / "report.html").read_bytes() == page
    again = tmp_path / "again"
    shutil.copytree(finished, again)
    (again / "cells/flat/0/scores.parquet").unlink()
    _, failures = rebuild(again)  # the other model is there
    assert list(failures) == ["flat/0"]


def test_other_prompts_make_new_examples_without_training(finished: Path, place: Path) -> None:
    examples = {"prompts": ["my aunt", "a dog"], "length": 3, "sentences": 1}
    _, watch = run_and_report(place, finished, small_experiment(FLAT, examples=examples))
    assert watch.stages[0] == ["starting", "examples", "done"]
    shown = json.loads((finished / "cells/flat/0/examples.json").read_text())
    assert [p["prompt"] for p in shown["prompts"]] == ["my aunt", "a dog"]
    assert len(shown["sentences"]) == 1
    _, watch = run_and_report(
        place, finished, small_experiment(FLAT, examples={**examples, "words": ["aunt", "zebra"]})
    )
    assert watch.stages[0] == ["starting", "examples", "done"]
    words = json.loads((finished / "cells/flat/0/examples.json").read_text())["words"]
    assert [w["word"] for w in words] == ["aunt", "zebra"]


@pytest.mark.parametrize(
    "change",
    [{"seeds": [1]}, {"models": [{**FLAT, "tilt": 0.0001}]}, {"threads": 3}, {"tokens": {"kind": "char"}}],
    ids=["seed", "hyper-parameter", "threads", "tokens"],
)
def test_whatever_figures_depend_on_runs_the_cell_again(finished: Path, place: Path, change: dict[str, Any]) -> None:
    models = change.pop("models", [FLAT])
    _, watch = run_and_report(place, finished, small_experiment(*models, **change))
    assert "training" in watch.stages[0]


def test_a_file_is_relative_to_the_experiment_and_its_content_counts(place: Path) -> None:
    out, model = place / "files", {"plugin": "plugins.py:ReadsFile", "name": "reads", "path": "sub/a.dat"}
    (place / "sub").mkdir()
    (place / "sub/a.dat").write_text("one")
    outcome, _ = run_and_report(place, out, small_experiment(model))
    assert not outcome.failures
    _, watch = run_and_report(place, out, small_experiment(model))
    assert watch.stages[0] == ["kept"]
    (place / "sub/a.dat").rename(place / "b.dat")  # it may move
    _, watch = run_and_report(place, out, small_experiment({**model, "path": "b.dat"}))
    assert watch.stages[0] == ["kept"]
    (place / "b.dat").write_text("two")
    _, watch = run_and_report(place, out, small_experiment({**model, "path": "b.dat"}))
    assert "training" in watch.stages[0]


def test_force_runs_again(finished: Path, place: Path) -> None:
    _, watch = run_and_report(place, finished, small_experiment(FLAT))
    _, watch = run_and_report(place, finished, small_experiment(FLAT), force=True)
    assert "training" in watch.stages[0]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"plugin": "ngarm"}, "did you mean 'ngram'"),
        ({"plugin": "ngram", "ordr": 3}, "did you mean 'order'"),
        ({"plugin": "none.py:Model"}, "no plug-in file"),
        ({"plugin": "plugins.py:Flatt"}, "did you mean 'Flat'"),
        (
            {"plugin": "ngram-file", "path": "none.arpa"},
            r"path of the model 'ngram-file' is '.*none.arpa', which can't be read \(No",
        ),
        ({"plugin": "ngram-file"}, "path of the model 'ngram-file' is not set"),
        ({"plugin": "hf-causal"}, "the folder of a model"),
        ({"plugin": "ngram-file", "path": "text.txt"}, "not an ARPA file"),
        ({"plugin": "ngram", "name": "five", "order": "x"}, "the model 'five': order of ngram is"),
    ],
)
def test_a_wrong_model_is_refused_before_anything_runs(place: Path, model: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        run_and_report(place, place / "refused", small_experiment(FLAT, model))
    assert not (place / "refused" / "cells").exists()


def test_another_corpus_is_not_mixed_in(finished: Path, place: Path) -> None:
    write_text(place, 70, "other.txt")
    other = small_experiment(FLAT, corpus={"source": "other.txt", "documents": "line"})
    with pytest.raises(LmcompareError, match="another corpus"):
        run_and_report(place, finished, other)


def test_a_link_to_an_empty_folder_stays_and_the_run_is_behind_it(place: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    outcome, _ = run_and_report(place, link, small_experiment({"plugin": "unigram"}))
    assert not outcome.failures
    assert link.is_symlink()
    assert (tmp_path / "real" / "report.html").is_file()


def test_a_folder_without_right_to_write(place: Path, tmp_path: Path) -> None:
    # nobody, root included, may make a folder in /proc
    out = Path("/proc/lmcompare") if Path("/proc").is_dir() else tmp_path / "closed" / "out"
    if not out.is_relative_to("/proc"):
        out.parent.mkdir(mode=0o500)
    with pytest.raises(LmcompareError, match=r"can.t be written .*choose another output folder"):
        run_and_report(place, out, small_experiment(FLAT))


def test_an_output_folder_that_is_a_file(place: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(LmcompareError, match="is a file"):
        run_and_report(place, tmp_path / "out", small_experiment(FLAT))


def test_another_seed_joins_those_of_the_same_model(place: Path) -> None:
    out = place / "seeds"
    for seed in (0, 1):
        run_and_report(place, out, small_experiment(FLAT, seeds=[seed]))
    assert json.loads((out / "results.json").read_text())["models"][0]["seeds"] == [0, 1]
    # with another hyper-parameter it is another model
    run_and_report(place, out, small_experiment({**FLAT, "tilt": 1e-9}, seeds=[1]))
    models = json.loads((out / "results.json").read_text())["models"]
    assert {m["name"]: m["seeds"] for m in models} == {"flat": [0, 1], "flat-tilt-1e-09": [1]}


def test_a_second_run_into_the_same_folder_waits_its_turn(place: Path) -> None:
    out = place / "held"
    claim(out)
    held = "from lmcompare.runfolder.seals import locked; from pathlib import Path; import sys, time\n"
    held += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", held, str(out)], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(
                LmcompareError, match=rf"another process is writing to .* \(process {other.pid} on .* since"
            ):
                run_and_report(place, out, small_experiment(FLAT))
        finally:
            other.kill()
    outcome, _ = run_and_report(place, out, small_experiment(FLAT))  # whose process is gone holds nobody up
    assert not outcome.failures


def test_tokens_that_are_no_table_are_refused(place: Path) -> None:
    with pytest.raises(LmcompareError, match=r"the tokens of the model 'OddTokens': this must be a table, not 7"):
        run_and_report(place, place / "odd", small_experiment({"plugin": "plugins.py:OddTokens"}))
