"""A run folder is data: whatever it says, no code of its own is run."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lmcompare
from lmcompare.errors import LmcompareError
from tests.harness.small import write_plugins, write_text
from tests.run_folder import reseal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

CELLS = "cells"


class _Evil:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.write_text, (self.mark, "run")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    plugin = write_plugins(place)
    models: list[Any] = ["unigram", "ngram", {"plugin": "cache", "base": "unigram"}, f"{plugin}:Flat"]
    lmcompare.compare(write_text(place), models, out=place / "run", documents="line", device="cpu", quiet=True)
    return place


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished / "run", tmp_path / "run")


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a file and the seal with it, as one does who means harm."""
    table = json.loads(path.read_text())
    edit(table)
    path.write_text(json.dumps(table))
    reseal(path.parent)
    if path.parent.name == "model":
        reseal(path.parent.parent)


def evil(place: Path) -> tuple[Path, Path]:
    """Return the path of a module that leaves a mark when it is imported, and the mark."""
    mark = place / "mark"
    code = place / "evilmodule.py"
    code.write_text(f"open({str(mark)!r}, 'w').write('run')\nclass X: pass\n")
    return code, mark


@pytest.mark.parametrize("by_module", [False, True])
def test_a_cell_can_not_name_code(folder: Path, by_module: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    code, mark = evil(folder.parent)
    monkeypatch.chdir(folder.parent)
    spec = "evilmodule:X" if by_module else f"{code}:X"
    change(folder / CELLS / "unigram/0/cell.json", lambda cell: cell.update(plugin=spec))
    with pytest.raises(LmcompareError, match="code is not run because a run folder names it"):
        lmcompare.load(folder).model("unigram")
    assert not mark.exists()


def test_nor_can_a_model_that_stands_on_another(folder: Path) -> None:
    code, mark = evil(folder.parent)

    def edit(table: dict[str, Any]) -> None:
        table["hyperparameters"]["base"] = f"{code}:X"

    change(folder / CELLS / "cache/0/cell.json", edit)
    with pytest.raises(LmcompareError, match="code is not run because a run folder names it"):
        lmcompare.load(folder).model("cache")
    assert not mark.exists()


def test_nor_does_a_run_that_goes_on(folder: Path, finished: Path) -> None:
    code, mark = evil(folder.parent)

    def edit(table: dict[str, Any]) -> None:
        table["hyperparameters"]["base"] = f"{code}:X"

    change(folder / CELLS / "cache/0/cell.json", edit)
    model = {"plugin": "cache", "base": "unigram"}
    options: dict[str, Any] = {"documents": "line", "device": "cpu", "quiet": True, "prompts": ["the dog"]}
    outcome = lmcompare.compare(finished / "text.txt", [model], out=folder, **options)
    assert outcome.failures == {}  # its figures are kept, and no study measures it again
    assert not mark.exists()


def test_a_plug_in_is_named_again_and_must_be_the_same(folder: Path, finished: Path) -> None:
    run = lmcompare.load(folder)
    with pytest.raises(LmcompareError, match="is not installed, and code is not run"):
        run.model("Flat")
    moved = folder.parent / "elsewhere" / "plugins.py"
    moved.parent.mkdir()
    shutil.copy(finished / "plugins.py", moved)
    scored = run.model("Flat", plugin=f"{moved}:Flat").score("the cat saw it.")
    assert scored.log_probability < 0
    changed = folder.parent / "changed" / "plugins.py"
    changed.parent.mkdir()
    changed.write_text(moved.read_text().replace("self.tilt - np.log(size)", "self.tilt - 2 * np.log(size)"))
    with pytest.raises(LmcompareError, match="the code of 'Flat' has changed"):
        run.model("Flat", plugin=f"{changed}:Flat")


@pytest.mark.parametrize("fingerprint", ["../../elsewhere", "/tmp", "", "0" * 15, None])
def test_tokens_lie_in_the_folder(folder: Path, fingerprint: str | None) -> None:
    shutil.copytree(next((folder / "tokens").iterdir()), folder.parent / "elsewhere")
    change(folder / CELLS / "unigram/0/cell.json", lambda cell: cell.update(tokens_fingerprint=fingerprint))
    with pytest.raises(LmcompareError, match=r"cell\.json names tokens that no run wrote"):
        lmcompare.load(folder).model("unigram")


@pytest.mark.parametrize("name", ["vocabulary.json", "tokenizer.json"])
def test_wrong_values_are_named_with_the_folder_of_the_tokens(folder: Path, name: str) -> None:
    (tokens,) = (folder / "tokens").iterdir()
    change(tokens / name, lambda table: table.update(counts=["many"], spec=7))
    with pytest.raises(LmcompareError, match=rf"tokens/{tokens.name} holds what no run wrote"):
        lmcompare.load(folder).model("ngram")


@pytest.mark.parametrize("place", ["cells/ngram/0", "cells/ngram/0/model", "tokens/*"])
def test_a_model_whose_files_cannot_be_verified_is_not_used(folder: Path, place: str) -> None:
    next(folder.glob(f"{place}/checksums.json")).unlink()
    with pytest.raises(LmcompareError, match=r"checksums\.json is missing, so its files can't be verified"):
        lmcompare.load(folder).model("ngram")


@pytest.mark.parametrize(
    "name",
    ["model/arrays.safetensors", "model/values.json", "cell.json", "scores.parquet", "train.npz", "vocabulary.json"],
)
def test_a_pickle_is_never_opened(folder: Path, name: str) -> None:
    mark = folder.parent / "mark"
    cell = folder / CELLS / "ngram/0" / name
    path = cell if cell.exists() else next((folder / "tokens").glob(f"*/{name}"))
    path.write_bytes(pickle.dumps(_Evil(mark)))
    for sealed in {path.parent, folder / CELLS / "ngram/0"}:
        reseal(sealed)
    with suppress(LmcompareError):  # some are not read here, and others are damaged
        lmcompare.load(folder).model("ngram")
    with suppress(LmcompareError):
        _ = lmcompare.load(folder).table
    assert not mark.exists()
    pickle.loads(pickle.dumps(_Evil(mark)))
    assert mark.exists()


def test_altered_arrays_are_named_with_their_folder(folder: Path) -> None:
    model = folder / CELLS / "ngram/0/model"
    arrays = load_file(model / "arrays.safetensors")
    for changed, said in [
        ({"words_2": np.full_like(arrays["words_2"], 2**30 + 7)}, r"ngram/0/model .*words_2 has numbers"),
        ({"log10_probs_1": arrays["log10_probs_1"] - 1}, r"ngram/0/model sum to 0\.1\d*, not to 1"),
    ]:
        save_file(arrays | changed, model / "arrays.safetensors")
        reseal(model.parent)
        with pytest.raises(LmcompareError, match=said):
            lmcompare.load(folder).model("ngram")
    save_file(arrays, model / "arrays.safetensors")
    reseal(model.parent)
    assert lmcompare.load(folder).model("ngram").score("A dog.").bits > 0


def test_export_offers_what_works(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lmcompare.load(folder).model("ngram")
    with pytest.raises(LmcompareError, match=r"it can be written as \.arpa.*tokenizer\.json"):
        model.export(tmp_path / "x.bin")

    def refused(self: object, vocabulary: object) -> dict[str, Any]:
        raise LmcompareError("this tokenizer can't")

    monkeypatch.setattr("lmcompare.tokens.word.WordTokenizer.tokenizer_json", refused)
    with pytest.raises(LmcompareError, match=r"it can be written as \.arpa, \.arpa\.gz$"):
        model.export(tmp_path / "x.bin")
