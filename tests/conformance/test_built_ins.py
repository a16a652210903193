"""Every built-in model keeps the contract: the whole kit, with small hyper-parameters where a model is big."""

from __future__ import annotations

import functools
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from lmcompare import plugins
from lmcompare.checks import CHECKS, Probe, persistence
from lmcompare.checks.texts import MarkovTexts
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.models.ngram.plugin import METHODS, NGram
from lmcompare.processes import ForkServer, call
from lmcompare.testing import parametrize_with_checks
from tests.models.hf_causal.small import gpt2
from tests.models.neural_cases import tiny_wordnet

pytestmark = pytest.mark.slow

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
BUILT_IN: dict[str, str] = PYPROJECT["project"]["entry-points"][plugins.MODELS.group]

SMALL: dict[str, dict[str, Any]] = {
    "unigram": {},
    "ngram": {"order": 4},
    "ngram-tuned": {"order": 4},
    "stupid-backoff": {"order": 4},
    "ngram-file": {},  # its file is made from the kit's own text
    "kenlm": {},  # as that of ngram-file
    "infinite-gram": {},
    "ppm": {"order": 4},
    "class-ngram": {"classes": 12, "order": 3},
    "skip-ngram": {"order": 3},
    "ngram-mixture": {"classes": [4, 12], "order": 3},
    "cache": {"base": "ngram", "options": {"order": 4}},
    "distilled": {
        "base": "transformer",
        "members": 2,
        "options": {"width": 16, "heads": 2, "layers": 1, "window": 16, "batch": 8, "length": 32, "dropout": 0.0},
    },
    "ensemble": {
        "base": "transformer",
        "members": 2,
        "options": {"width": 16, "heads": 2, "layers": 1, "window": 16, "batch": 8, "length": 32, "dropout": 0.0},
    },
    "retrieval": {
        "base": "transformer",
        "neighbours": 16,
        "options": {"width": 16, "heads": 2, "layers": 1, "window": 16, "batch": 8, "length": 32, "dropout": 0.0},
    },
    "pointer": {
        "base": "rnn",
        "attention": 8,
        "window": 8,
        "options": {"width": 24, "hidden": 24, "batch": 8, "length": 32},
    },
    "pcfg": {},  # tests/models/pcfg has trees for the kit's text
    "word2vec-bow": {"width": 16, "hidden": 32, "window": 4, "epochs": 2, "batch": 8, "length": 32, "dropout": 0.0},
    "wordnet-bow": {"features": 64, "hidden": 32, "window": 2, "batch": 8, "length": 32, "dropout": 0.0},
    "feed-forward": {"width": 24, "context": 4, "layers": 1, "batch": 8, "length": 32, "dropout": 0.0},
    "cnn": {"width": 24, "layers": 2, "batch": 8, "length": 32, "dropout": 0.0},
    "state-space": {"width": 16, "heads": 2, "state_size": 8, "layers": 1, "batch": 8, "length": 32, "dropout": 0.0},
    "linear-attention": {"width": 16, "heads": 2, "layers": 1, "batch": 8, "length": 32, "dropout": 0.0},
    "rnn": {"width": 24, "hidden": 24, "batch": 8, "length": 32},
    "rnn-attention": {"width": 24, "hidden": 24, "attention": 16, "window": 16, "batch": 8, "length": 32},
    "rnn-encoder-decoder": {
        "width": 24,
        "hidden": 24,
        "attention": 16,
        "window": 16,
        "chunk": 8,
        "stride": 4,
        "batch": 8,
        "length": 32,
    },
    "hf-causal": {
        "train": True,
        "window": 32,
        "batch": 16,
        "learning_rate": 1e-2,
    },  # with the configuration of a small GPT-2
    "transformer": {"width": 16, "heads": 2, "layers": 2, "window": 16, "batch": 8, "length": 32, "dropout": 0.0},
}

# What a class owes whatever its hyper-parameters: it is not asked again of another variant of the class
OF_THE_CLASS = {
    *("wrong-hyper-parameter-is-refused", "presets-can-be-built", "fit-returns-the-model", "unfitted-is-an-error"),
    *("same-seed-same-bits", "inputs-not-written-to", "is-a-language-model", "same-in-a-fresh-process"),
}
OF_A_VARIANT = [check.name for check in CHECKS if check.name not in OF_THE_CLASS]


@pytest.fixture(scope="module", autouse=True)
def forked() -> Iterator[None]:
    """The kit's fresh processes are forked from one that has imported PyTorch: to start each would take seconds."""
    if sys.platform != "linux":  # nothing is forked there
        yield
        return
    servers: list[ForkServer] = []

    def fork(*arguments: Any, variables: Mapping[str, str], **options: Any) -> Any:
        if not servers:
            plugin = "lmcompare.models.rnn.plugin:Rnn"
            servers.append(ForkServer("lmcompare.plugins:resolve", plugin, variables=variables))
        return call(*arguments, **options, server=servers[0])

    with patch.object(persistence, "call", fork):
        yield
    for server in servers:
        server.close()


@functools.cache
def file_of_the_kit() -> str:
    """An ARPA file that an n-gram model of the kit's text was written to."""
    texts = MarkovTexts(0)
    model = plugins.build(plugins.resolve(BUILT_IN["ngram"]), SMALL["ngram"])
    model.fit(texts.train, texts.valid, Setting(texts.vocabulary))
    path = Path(tempfile.mkdtemp()) / "kit.arpa"
    model.file_formats()[".arpa"](texts.vocabulary, path)
    return str(path)


@functools.cache
def folder_of_gpt2() -> str:
    """A small GPT-2 with its tokenizer."""
    return str(gpt2(Path(tempfile.mkdtemp())))


def factory(name: str) -> Callable[[], LanguageModel]:
    """A function that makes the model; torch is loaded when the first test runs, not when tests are collected."""

    def make() -> LanguageModel:
        paths = {"ngram-file": file_of_the_kit, "kenlm": file_of_the_kit, "hf-causal": folder_of_gpt2}
        given = {"path": paths[name]()} if name in paths else {}
        if name == "wordnet-bow":
            given = {"wordnet": tiny_wordnet()}
        return plugins.build(plugins.resolve(BUILT_IN[name]), {**SMALL[name], **given})

    make.__name__ = name
    return make


@parametrize_with_checks([factory(name) for name in SMALL], budget=Budget(epochs=8))
def test_built_in_keeps_the_contract(model: Callable[[], LanguageModel], check: Callable[[object], None]) -> None:
    check(model)


def smoothed(name: str) -> Callable[[], LanguageModel]:
    """A function that makes the n-gram model with this smoothing; add-k, which never backs off, as a bigram model."""

    def make() -> LanguageModel:
        return NGram(2 if name == "add-k" else 4, smoothing=name)

    make.__name__ = f"ngram-{name}"
    return make


@parametrize_with_checks([smoothed(name) for name in METHODS if name != "kneser-ney"], only=OF_A_VARIANT)
def test_every_smoothing_keeps_the_contract(
    model: Callable[[], LanguageModel], check: Callable[[object], None]
) -> None:
    check(model)


def carrying() -> LanguageModel:
    """A cache that is carried from document to document."""
    return plugins.build(plugins.resolve(BUILT_IN["cache"]), {**SMALL["cache"], "carry": True})


@parametrize_with_checks([carrying], only=OF_A_VARIANT)
def test_a_model_that_learns_from_what_it_reads_keeps_the_contract(
    model: Callable[[], LanguageModel], check: Callable[[object], None]
) -> None:
    check(model)


def test_no_built_in_is_left_out() -> None:
    assert set(SMALL) == set(BUILT_IN)
    assert {check.name for check in CHECKS} > OF_THE_CLASS


@pytest.mark.parametrize("name", BUILT_IN)
def test_presets_of_built_ins_can_be_built(name: str) -> None:
    cls = plugins.resolve(BUILT_IN[name])
    for preset in plugins.PRESETS:
        assert plugins.build(cls, {}, preset).hyperparameters().keys() == set(cls.parameter_names())


def test_probe_trains_what_the_kit_judges_once() -> None:
    plugin, trained = plugins.resolve(BUILT_IN["ngram"]), []
    fit = plugin.fit

    def counted(self: LanguageModel, *texts: Any) -> LanguageModel:
        trained.append(1)
        return fit(self, *texts)

    with patch.object(plugin, "fit", counted):
        probe = Probe(lambda: plugins.build(plugin, {}))
        assert probe.fitted is probe.fitted
    assert len(trained) == 1
