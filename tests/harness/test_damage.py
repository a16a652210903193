"""A bit of a run folder may turn, a file be cut short or lost: the same command finds it and makes it good."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.harness.progress import Display
from lmcompare.harness.run import run
from lmcompare.report.build import write_reports
from lmcompare.runfolder.layout import SEAL
from lmcompare.runfolder.seals import evidence, put_back
from tests.harness.small import FLAT, run_and_report, small_experiment, write_text
from tests.run_folder import reseal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

EXPERIMENT = small_experiment({"plugin": "ngram", "order": 2})
CELL = (
    *("cell.json", "scores.parquet", "top.parquet", "cost.json", "curve.csv", "examples.json", "exhibits.json"),
    *("model/arrays.safetensors", "model/values.json", "model/trained.json"),
)
TOKENS = (
    *("tokenizer.json", "vocabulary.json", "code.json", "train.npz", "valid.npz", "test.npz"),
    *("features.parquet", "surface.parquet", "documents.parquet"),
)
FILES = (*(f"cells/ngram/0/{n}" for n in CELL), *(f"tokens/*/{n}" for n in TOKENS), "manifest.json")
SAME = [name for name in FILES if not name.endswith(("cost.json", "curve.csv", "trained.json", "manifest.json"))]


class Heard(Display):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("damage")
    write_text(place)
    assert not run(EXPERIMENT, place / "run", base=place).failures
    return place


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", FILES)
def test_a_turned_bit_is_found_said_and_made_good(finished: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    (path,) = folder.glob(name)
    turn_a_bit(path)
    heard = Heard()
    assert not run(EXPERIMENT, folder, base=finished, show=heard).failures
    if name.endswith("trained.json"):  # what it vouches for was used already
        return
    (said,) = [sentence for sentence in heard.said if "damaged" in sentence]
    assert str(path) in said
    for each in SAME:
        (now,), (before,) = folder.glob(each), (finished / "run").glob(each)
        assert now.read_bytes() == before.read_bytes(), each


@pytest.mark.parametrize("name", ["cells/ngram/0/scores.parquet", "tokens/*/features.parquet", "tokens/*/train.npz"])
@pytest.mark.parametrize("harm", [cut_short, Path.unlink])
def test_so_is_a_file_that_was_cut_short_or_lost(finished: Path, tmp_path: Path, name: str, harm: object) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    (path,) = folder.glob(name)
    assert callable(harm)
    harm(path)
    heard = Heard()
    assert not run(EXPERIMENT, folder, base=finished, show=heard).failures
    assert [sentence for sentence in heard.said if str(path) in sentence]
    assert path.read_bytes() == next((finished / "run").glob(name)).read_bytes()


@pytest.mark.parametrize("name", ["cells/ngram/0/scores.parquet", "cells/ngram/0/cost.json", "manifest.json"])
def test_no_report_is_made_of_a_turned_bit(finished: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    turn_a_bit(folder / name)
    if name == "manifest.json":
        with pytest.raises(LmcompareError, match=r"manifest\.json is damaged: repeat the lmcompare run"):
            write_reports(folder)
        return
    write_reports(folder)
    assert f"{Path(name).name} is damaged: repeat the lmcompare run" in (folder / "report.md").read_text()


@pytest.mark.parametrize("name", ["features.parquet", "documents.parquet", "vocabulary.json"])
def test_no_report_is_made_of_damaged_tokens(finished: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    (path,) = folder.glob(f"tokens/*/{name}")
    turn_a_bit(path)
    with pytest.raises(LmcompareError, match=f"{name} is damaged: repeat the lmcompare run"):
        write_reports(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocabulary.json", "code.json"])
def test_nothing_is_scored_with_damaged_tokens(finished: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    assert lmcompare.load(folder).model("ngram").score("the cat")
    (path,) = folder.glob(f"tokens/*/{name}")
    turn_a_bit(path)
    with pytest.raises(LmcompareError, match=f"{name} is (damaged|missing)"):
        lmcompare.load(folder).model("ngram").score("the cat")


def test_figures_outlive_examples_that_fail(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    cell = folder / "cells/ngram/0"
    (cell / "model/arrays.safetensors").write_bytes(b"not tensors")
    reseal(cell)
    asked = EXPERIMENT.replace("test", examples={"prompts": ["my aunt"], "length": 2})
    failures = run(asked, folder, base=finished).failures
    write_reports(folder)
    assert "damaged" in failures["ngram/0"]
    assert json.loads((folder / "results.json").read_text())["models"][0]["rank_low"] == 1


@pytest.mark.parametrize("loadable", [True, False])
def test_examples_of_earlier_code_are_made_anew_if_the_model_can_be_loaded(
    finished: Path, tmp_path: Path, loadable: bool
) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    cell = folder / "cells/ngram/0"
    made = json.loads((cell / "examples.json").read_text())
    notes = json.loads((cell / "cell.json").read_text())["notes"]
    earlier = {"examples_code": "earlier", "notes": ["Its exhibits could not be made."]}
    for name, changed in (("cell.json", earlier), ("examples.json", {"prompts": []})):
        (cell / name).write_text(json.dumps({**json.loads((cell / name).read_text()), **changed}))
    if not loadable:
        (cell / "model/arrays.safetensors").write_bytes(b"not tensors")
    reseal(cell)
    heard = Heard()
    assert run(EXPERIMENT, folder, base=finished, show=heard).failures == {}
    now = json.loads((cell / "examples.json").read_text())
    assert now == (made if loadable else {**made, "prompts": []})
    assert json.loads((cell / "cell.json").read_text())["notes"] == (notes if loadable else earlier["notes"])
    said = [line for line in heard.said if "ngram keeps its earlier examples" in line]
    assert len(said) == (not loadable)


REWRITES = '''
import pandas as pd
from lmcompare.runfolder.layout import CELL_FILES
from lmcompare.runfolder.seals import seal
from tests.checks.honest import Honest

class Rewrites(Honest):
    """Gives all the bits of another model to nobody, in whichever cell of it is there, and seals the cell anew."""

    def fit(self, train, valid, setting):
        hidden = setting.checkpoints.parents[2]
        cell = hidden.with_name(hidden.name[1:].removesuffix(".checkpoints")) / "cells/ngram/0"
        if cell.is_dir():
            scores = pd.read_parquet(cell / "scores.parquet")
            scores["log_prob"] *= 0.5
            scores.to_parquet(cell / "scores.parquet", index=False)
            seal(cell, CELL_FILES)
        return super().fit(train, valid, setting)
'''


@pytest.mark.parametrize("earlier", [True, False])
def test_a_cell_that_another_plug_in_rewrites_and_seals_is_lost(tmp_path: Path, earlier: bool) -> None:
    write_text(tmp_path)
    (tmp_path / "rewrites.py").write_text(REWRITES)
    out, ngram, rewrites = tmp_path / "run", {"plugin": "ngram", "order": 2}, {"plugin": "rewrites.py:Rewrites"}
    if earlier:
        assert not run(small_experiment(ngram), out, base=tmp_path).failures
    heard = Heard()
    asked = small_experiment(rewrites) if earlier else small_experiment(ngram, rewrites)
    failures = run(asked, out, base=tmp_path, show=heard).failures
    assert list(failures) == ["ngram/0"]
    assert "changed while Rewrites was running" in failures["ngram/0"]
    assert any("cells/ngram/0" in sentence for sentence in heard.said)
    write_reports(out)
    assert "scores.parquet is damaged" in lmcompare.load(out).failures["ngram/0"]
    assert [row["name"] for row in json.loads((out / "results.json").read_text())["models"] if row["rank_low"]] == [
        "Rewrites"
    ]
    assert not run(small_experiment(ngram), out, base=tmp_path).failures
    assert not lmcompare.load(out).failures, "it is made anew"


def test_seals_that_were_changed_are_put_back(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    cell, planted = folder / "cells/ngram/0", folder / "cells/planted/0"
    before = evidence(folder)
    (cell / SEAL).unlink()
    (cell / "cell.json").write_text("{}")
    assert put_back(folder, before, folder / "cells/other/0") == [], "its files are as they were"
    shutil.copytree(cell, planted)
    assert put_back(folder, before, folder / "cells/other/0") == [planted, planted / "model"]
    assert not (planted / "cell.json").exists(), "it is in no report"
    (planted / "cell.json").write_text('{"status": "done"}')
    assert put_back(folder, before, folder / "cells/other/0") == [planted], "nor without a seal"
    assert evidence(folder) == before
    shutil.rmtree(cell)
    assert put_back(folder, before, folder / "cells/other/0") == [cell, cell / "model"]
    assert put_back(folder, {}, folder) == [], "what is the job's own"


@pytest.mark.parametrize("name", ["scores.parquet", "cost.json", "model/arrays.safetensors"])
def test_a_cell_that_lost_a_file_is_run_again(place: Path, name: str) -> None:
    out = place / "lost"
    run_and_report(place, out, small_experiment(FLAT))
    (out / "cells/flat/0" / name).unlink()
    _, watch = run_and_report(place, out, small_experiment(FLAT))
    assert "scoring" in watch.stages[0]
    assert (out / "cells/flat/0" / name).is_file()


def test_tokens_that_lost_a_file_are_made_again(place: Path) -> None:
    out = place / "lost-tokens"
    run_and_report(place, out, small_experiment(FLAT))
    tokens = next((out / "tokens").iterdir())
    before = {name: (tokens / name).read_bytes() for name in ("code.json", "features.parquet")}
    (tokens / "code.json").write_text("{")
    (tokens / "features.parquet").unlink()
    outcome, _ = run_and_report(place, out, small_experiment(FLAT))
    assert not outcome.failures
    assert {name: (tokens / name).read_bytes() for name in before} == before


def test_what_one_model_lost_does_not_hide_the_others(place: Path) -> None:
    out = place / "one-lost"
    run_and_report(place, out, small_experiment({"plugin": "unigram"}, FLAT))
    (out / "cells/unigram/0/cost.json").unlink()
    write_reports(out)
    table = json.loads((out / "results.json").read_text())
    assert "flat" in [m["name"] for m in table["models"]]
    assert table["failed"][0]["name"] == "unigram"
    assert "cost.json is missing" in table["failed"][0]["error"]
