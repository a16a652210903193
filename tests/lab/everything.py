"""All built-in experiments on a made-up text, with networks that hardly learn anything."""

from __future__ import annotations

from pathlib import Path

import nltk.data
import numpy as np
import pytest

from lmcompare.analysis.findings import StoredFindings, read_findings
from lmcompare.harness.progress import Display
from lmcompare.lab import experiment_names
from lmcompare.lab.diffusion.model import Recipe
from lmcompare.lab.findings import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import run_lab
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.encoder_decoder import RnnEncoderDecoder
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from tests.lab.running import plan
from tests.models.wordnet_bow.tiny import Synset, write_wordnet


def drawn_words(random: np.random.Generator, types: int) -> list[str]:
    return ["".join(random.choice(list("abcdefghilmnoprstu"), random.integers(1, 9))) for _ in range(types)]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of the quick preset have a quarter of their widths."""
    for plugin in (Transformer, Rnn, RnnAttention, RnnEncoderDecoder):
        widths = {name: 64 for name in ("width", "hidden") if name in plugin.parameter_names()}
        presets = {**plugin.presets, "quick": {**plugin.presets["quick"], **widths}}
        monkeypatch.setattr(plugin, "presets", presets)


@pytest.fixture
def little_is_asked(monkeypatch: pytest.MonkeyPatch, few_pictures: None) -> None:
    """The diffusion models are trained for a few steps, too; models are asked at few positions, and not checked."""
    monkeypatch.setattr("lmcompare.lab.run.estimate", lambda jobs: None)
    monkeypatch.setattr("lmcompare.harness.cells.cell.run_sampled_checks", lambda *_, **__: [])
    monkeypatch.setattr("lmcompare.lab.diffusion.experiment.OF_PREVIEW", Recipe(steps=2, sampling_steps=3))
    monkeypatch.setattr("lmcompare.lab.experiments.mask.POSITIONS", 60)
    monkeypatch.setattr("lmcompare.lab.experiments.order.OF_PREVIEW", 60)
    monkeypatch.setattr("lmcompare.lab.experiments.unseen.OF_PREVIEW", 60)
    monkeypatch.setattr("lmcompare.lab.neurons.two_words.OF_PREVIEW", 40)


@pytest.fixture
def wordnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A WordNet that has two of three of the drawn words is where NLTK looks for it."""
    words = sorted(set(drawn_words(np.random.default_rng(0), 300)))
    kinds = (Synset("food", ("food",), "noun.food"), Synset("animal", ("animal",), "noun.animal"))
    have = [Synset(w, (w,), kinds[k % 3].supersense, (kinds[k % 3].key,)) for k, w in enumerate(words) if k % 3 < 2]
    write_wordnet(tmp_path / "nltk_data" / "corpora" / "wordnet", [*kinds, *have])
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])


def write_text(path: Path, types: int = 300, documents: int = 45, words: int = 48) -> None:
    random = np.random.default_rng(0)
    names = drawn_words(random, types)
    share = 1 / np.arange(1, types + 1)
    texts = []
    for _ in range(documents):
        drawn = random.choice(types, words, p=share / share.sum())
        lines = [" ".join(names[i] for i in part) + " ." for part in np.split(drawn, range(11, words, 11))]
        texts.append("\n".join(lines))
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")


ELSEWHERE = {"grammar"}  # experiments that need a corpus of their own, which their own tests have


def run_all(folder: Path, **text: int) -> tuple[dict[str, str], dict[str, StoredFindings], str]:
    write_text(folder / "text.txt", **text)
    outcome = run_lab(experiment_names(), plan(folder / "text.txt", budget={"steps": 2}), folder / "lab", Display())
    assert set(outcome.left_out) == ELSEWHERE
    found = {name: read_findings(path_of(folder / "lab", name)) for name in outcome.measured}
    page = write_page(folder / "lab", outcome.left_out).read_text(encoding="utf-8")
    return outcome.failures, {name: each for name, each in found.items() if each is not None}, page
