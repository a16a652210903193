"""Whatever bytes a file holds, reading it ends in a value or in one sentence, never in another error."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import lmcompare
from lmcompare import corpora
from lmcompare.errors import LmcompareError
from lmcompare.harness import experiment
from lmcompare.models.word2vec.ready_vectors import ready_vectors
from lmcompare.report.write import rebuild
from lmcompare.tokens import Vocabulary
from tests.damage import CHANGES, HARMS, PLACES, changed, harmed
from tests.made import made
from tests.run_folder import made_run_folder, reseal

pytestmark = pytest.mark.usefixtures("cells_here")

ONE_PLACE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXTS = {
    "text.txt": "The cat sat.\nA dog ran.\n\nIt slept.\n" * 8,
    "table.csv": "text,year\n" + '"The cat, sat.",1961\nA dog ran.,1962\n' * 12,
    "table.tsv": "text\tyear\n" + "The cat sat.\t1961\nA dog ran.\t1962\n" * 12,
    "table.jsonl": '{"text": "The cat sat.", "year": 1961}\n{"text": "A dog ran.", "tags": ["x"]}\n' * 12,
}


@pytest.mark.parametrize("name", TEXTS)
@ONE_PLACE
@given(changes=CHANGES)
def test_corpora(name: str, changes: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(changed(TEXTS[name].encode(), changes))
    with suppress(LmcompareError):
        corpora.load(str(path), corpora.CorpusOptions())


@ONE_PLACE
@given(changes=CHANGES)
def test_experiments(changes: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    table = '[corpus]\nsource = "lee"\n[tokens]\nkind = "word"\n[budget]\nsteps = 5\n[[models]]\nplugin = "ngram"\n'
    path.write_bytes(changed(f'name = "x"\nseeds = [0, 1]\n{table}order = 3\n'.encode(), changes))
    with suppress(LmcompareError):
        experiment.load(path)


@ONE_PLACE
@given(changes=CHANGES)
def test_ready_vectors(changes: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(changed(b"3 2\nthe 0.5 -1\ncat 1e-3 2\ndog 0 0.25\n", changes))
    with suppress(LmcompareError):
        ready_vectors(path, Vocabulary(["<unk>", "</s>", "the", "cat"]), 2)


@pytest.fixture(scope="module")
def finished() -> Path:
    texts = [f"The {a} saw {b} and {c}." for a in "abcd" for b in "efgh" for c in "ijk"]

    def make(folder: Path) -> None:
        lmcompare.compare(texts, ["unigram"], out=folder / "run", device="cpu", quiet=True)

    return made("unigram-run", make) / "run"


def score(folder: Path) -> None:
    lmcompare.load(folder).model("unigram").score("The a saw i.")


def table(folder: Path) -> None:
    _ = lmcompare.load(folder).table


@pytest.mark.parametrize(
    ("name", "read"),
    [
        *((f"cells/unigram/0/{n}", score) for n in ("cell.json", "model/values.json", "model/arrays.safetensors")),
        *((f"cells/unigram/0/{n}", table) for n in ("cell.json", "cost.json", "curve.csv", "scores.parquet")),
        *((f"tokens/*/{n}", score) for n in ("tokenizer.json", "vocabulary.json", "code.json")),
        *((f"tokens/*/{n}", table) for n in ("features.parquet", "documents.parquet")),
        ("manifest.json", table),
    ],
)
@settings(ONE_PLACE, max_examples=40)  # each copies a run folder
@given(changes=CHANGES)
def test_run_folders(
    name: str, read: Callable[[Path], None], changes: list[tuple[int, int, bytes]], finished: Path, tmp_path: Path
) -> None:
    """The seal is made to fit, as if somebody had meant it."""
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(finished, folder)
    (path,) = folder.glob(name)
    path.write_bytes(changed(path.read_bytes(), changes))
    for sealed in {path.parent, folder / "cells/unigram/0", folder}:
        reseal(sealed)
    with suppress(LmcompareError):
        read(folder)


WRITTEN = ("manifest", *(f"cells/*/0/{name}" for name in ("cell", "cost", "studies")))


@settings(max_examples=25, phases=[Phase.generate])  # a report takes a second, and to find a smaller example minutes
@given(name=st.sampled_from(WRITTEN), which=PLACES, harms=HARMS)
def test_reports(name: str, which: int, harms: list[tuple[int, Any]]) -> None:
    """A run folder with other values in its JSON has a report, or is refused in a sentence."""
    models = ("ngram", "transformer", "char-ngram")
    whole = made_run_folder(models=models, seeds=(0,), failed=(), invalid=(), documents=6)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(whole, place, dirs_exist_ok=True))
        paths = sorted(folder.glob(f"{name}.json"))
        path = paths[which % len(paths)]
        path.write_text(json.dumps(harmed(json.loads(path.read_text()), harms)))
        reseal(folder)
        with suppress(LmcompareError):
            page, _ = rebuild(folder)
            assert page.read_text("utf-8").endswith("</html>")
            json.loads((folder / "results.json").read_text("utf-8"))
