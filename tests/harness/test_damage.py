"""A bit of a run folder may turn, a file be cut short or lost: the same command finds it and makes it good."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import lmcompare
from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.harness.run import run
from lmcompare.report.write import write_reports
from lmcompare.runfolder.guards import damage
from lmcompare.runfolder.layout import CELL_FILES, SEAL, TOKENS_FILES, TRAINED_FILES
from tests.harness.small import BIGRAM, Watch, small_experiment
from tests.measured import change_measured, measured
from tests.run_folder import reseal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

EXPERIMENT = small_experiment(BIGRAM)
ITS_OWN = ("cost.json", "curve.csv", "trained.json", "manifest.json", SEAL)  # what tells times, or digests of it
SAME = ("cells/ngram/0/*", "cells/ngram/0/model/*", "tokens/*/*")


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_every_file_is_sealed_and_a_turned_bit_a_cut_and_a_loss_are_seen(copy: Path) -> None:
    cell, (tokens,) = copy / "cells/ngram/0", (copy / "tokens").iterdir()
    for folder, names in ((cell, CELL_FILES), (cell / "model", TRAINED_FILES), (tokens, TOKENS_FILES)):
        there = {path.name for path in folder.iterdir() if path.is_file()}
        assert there <= {*names, SEAL, *TRAINED_FILES}
        for name in names:
            content = (folder / name).read_bytes()
            for harm in (turn_a_bit, lambda path: path.write_bytes(path.read_bytes()[:-1]), Path.unlink):
                assert damage(folder, names) is None
                harm(folder / name)
                assert damage(folder, names) == name
                (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "is_lost"),
    [
        ("cells/ngram/0/scores.parquet", False),
        ("cells/ngram/0/model/arrays.safetensors", True),
        ("cells/ngram/0/model/trained.json", False),
        ("tokens/*/train.npz", False),
        ("tokens/*/features.parquet", True),
        ("manifest.json", False),
    ],
)
def test_what_is_damaged_or_lost_is_said_and_made_good(finished: Path, copy: Path, name: str, is_lost: bool) -> None:
    (path,) = copy.glob(name)
    path.unlink() if is_lost else turn_a_bit(path)
    heard = Watch()
    assert not run(EXPERIMENT, copy, base=finished, show=heard).failures
    if name.endswith("trained.json"):  # what it vouches for was used already
        return
    (said,) = [sentence for sentence in heard.said if "damaged" in sentence]
    assert str(path) in said
    found = [file for pattern in SAME for file in copy.glob(pattern) if file.is_file() and file.name not in ITS_OWN]
    assert len(found) > 10
    for file in found:
        assert file.read_bytes() == (finished / "run" / file.relative_to(copy)).read_bytes(), file
    assert {cell.error for cell in load_run(copy).cells} == {None}


DAMAGES_TOKENS = """
from pathlib import Path
from lmcompare.models.unigram import Unigram

class Careless(Unigram):
    def fit(self, train, valid, setting):
        for path in Path(%r).glob("tokens/*/*.npy"):
            path.unlink()
        return super().fit(train, valid, setting)
"""


def test_tokens_that_a_model_damages_are_made_again_and_the_run_goes_on(finished: Path, tmp_path: Path) -> None:
    (finished / "careless.py").write_text(DAMAGES_TOKENS % str(tmp_path / "run"))
    careless = {"plugin": "careless.py:Careless", "name": "careless"}
    heard, again = Watch(), {**careless, "name": "again"}
    experiment = small_experiment(careless, BIGRAM, again)
    outcome = run(experiment, tmp_path / "run", base=finished, show=heard)
    write_reports(tmp_path / "run")
    assert "ngram/0" not in outcome.failures
    assert len([line for line in heard.said if "during the run" in line]) == 2
    scores = [folder / "cells/ngram/0/scores.parquet" for folder in (tmp_path / "run", finished / "run")]
    assert scores[0].read_bytes() == scores[1].read_bytes()


@pytest.mark.parametrize("name", ["manifest.json", "features.parquet", "documents.parquet", "vocabulary.json"])
def test_no_report_is_made_of_a_turned_bit(copy: Path, name: str) -> None:
    (path,) = [*copy.glob(name), *copy.glob(f"tokens/*/{name}")]
    turn_a_bit(path)
    with pytest.raises(LmcompareError, match=f"{name} is damaged"):
        write_reports(copy)


def test_a_damaged_cell_is_left_out_of_the_report(copy: Path) -> None:
    turn_a_bit(copy / "cells/ngram/0/cost.json")
    write_reports(copy)
    assert "cost.json is damaged" in (copy / "report.md").read_text()
    table = json.loads((copy / "results.json").read_text())
    assert [row["name"] for row in table["models"]] == ["unigram", "flat"]
    assert [row["name"] for row in table["failed"]] == ["ngram"]


@pytest.mark.parametrize("name", ["tokenizer.json", "vocabulary.json", "code.json"])
def test_nothing_is_scored_with_damaged_tokens(copy: Path, name: str) -> None:
    assert lmcompare.load(copy).model("ngram").score("the cat")
    (path,) = copy.glob(f"tokens/*/{name}")
    turn_a_bit(path)
    with pytest.raises(LmcompareError, match=f"{name} is (damaged|missing)"):
        lmcompare.load(copy).model("ngram").score("the cat")


def test_figures_outlive_measurements_that_fail(finished: Path, copy: Path) -> None:
    cell = copy / "cells/ngram/0"
    (cell / "model/arrays.safetensors").write_bytes(b"not tensors")
    reseal(cell)
    asked = EXPERIMENT.replace("test", examples={"prompts": ["my aunt"], "length": 2})
    heard = Watch()
    assert run(asked, copy, base=finished, show=heard).failures == {}
    assert any("ngram keeps its figures" in line and "damaged" in line for line in heard.said)
    write_reports(copy)
    rows = {row["name"]: row for row in json.loads((copy / "results.json").read_text())["models"]}
    assert rows["ngram"]["rank_low"] is not None


@pytest.mark.parametrize("loadable", [True, False])
def test_measurements_of_earlier_code_are_made_anew_if_the_model_can_be_loaded(
    finished: Path, copy: Path, loadable: bool
) -> None:
    cell = copy / "cells/ngram/0"
    made = measured(cell, "prompts")
    stored = json.loads((cell / "cell.json").read_text())
    earlier = {"studies": {**stored["studies"], "prompts": "earlier"}}
    (cell / "cell.json").write_text(json.dumps({**stored, **earlier}))
    change_measured(cell, "prompts", lambda _: ["earlier"])
    if not loadable:
        (cell / "model/arrays.safetensors").write_bytes(b"not tensors")
    reseal(cell)
    heard = Watch()
    assert run(EXPERIMENT, copy, base=finished, show=heard).failures == {}
    assert measured(cell, "prompts") == (made if loadable else ["earlier"])
    assert len([line for line in heard.said if "ngram keeps its figures" in line]) == (not loadable)
