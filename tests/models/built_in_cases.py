"""Every built-in model with small hyper-parameters, and the files that some of them need."""

from __future__ import annotations

import functools
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmcompare import plugins
from lmcompare.checks.probe import MarkovTexts
from lmcompare.model import LanguageModel, Setting
from tests.models.neural_cases import tiny_wordnet
from tests.models.pcfg.treebanks import with_trees

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
BUILT_IN: dict[str, str] = PYPROJECT["project"]["entry-points"][plugins.MODELS.group]
OF_EXTRAS = {"hf-causal", "kenlm"}  # they need other packages: tests/full/extras has them

_TRAINED: dict[str, Any] = {"batch": 8, "length": 32}
_NETWORK: dict[str, Any] = {**_TRAINED, "dropout": 0.0}
_SMALL_TRANSFORMER: dict[str, Any] = {**_NETWORK, "width": 16, "heads": 2, "layers": 1, "window": 16}
_RECURRENT: dict[str, Any] = {**_TRAINED, "width": 24, "hidden": 24}
_ATTENTIVE: dict[str, Any] = {**_RECURRENT, "attention": 16, "window": 16}

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
    "distilled": {"base": "transformer", "members": 2, "options": _SMALL_TRANSFORMER},
    "ensemble": {"base": "transformer", "members": 2, "options": _SMALL_TRANSFORMER},
    "retrieval": {"base": "transformer", "neighbours": 16, "options": _SMALL_TRANSFORMER},
    "pointer": {"base": "rnn", "attention": 8, "window": 8, "options": _RECURRENT},
    "pcfg": {},  # has trees of the kit's text
    "word2vec-bow": {**_NETWORK, "width": 16, "hidden": 32, "window": 4, "epochs": 2},
    "wordnet-bow": {**_NETWORK, "features": 64, "hidden": 32, "window": 2},
    "feed-forward": {**_NETWORK, "width": 24, "context": 4, "layers": 1},
    "cnn": {**_NETWORK, "width": 24, "layers": 2},
    "state-space": {**_NETWORK, "width": 16, "heads": 2, "state_size": 8, "layers": 1},
    "linear-attention": {**_NETWORK, "width": 16, "heads": 2, "layers": 1},
    "rnn": _RECURRENT,
    "rnn-attention": _ATTENTIVE,
    "rnn-encoder-decoder": {**_ATTENTIVE, "chunk": 8, "stride": 4},
    "hf-causal": {"train": True, "window": 32, "batch": 16, "learning_rate": 1e-2},  # of a small GPT-2
    "transformer": {**_SMALL_TRANSFORMER, "layers": 2},
}

# What a class owes whatever its hyper-parameters: it is not asked again of another variant of the class
OF_THE_CLASS = {
    *("wrong-hyper-parameter-is-refused", "presets-can-be-built", "fit-returns-the-model", "unfitted-is-an-error"),
    *("same-seed-same-bits", "inputs-not-written-to", "is-a-language-model", "same-in-a-fresh-process"),
}


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
    from tests.models.hf_causal.small import gpt2

    return str(gpt2(Path(tempfile.mkdtemp())))


def factory(name: str) -> Callable[[], LanguageModel]:
    """A function that makes the model; torch is loaded when the first test runs, not when tests are collected."""

    def make() -> LanguageModel:
        if name == "pcfg":
            return with_trees()
        files: dict[str, tuple[str, Callable[[], str]]] = {
            "ngram-file": ("path", file_of_the_kit),
            "kenlm": ("path", file_of_the_kit),
            "hf-causal": ("path", folder_of_gpt2),
            "wordnet-bow": ("wordnet", tiny_wordnet),
        }
        given = {option: found() for option, found in [files[name]]} if name in files else {}
        return plugins.build(plugins.resolve(BUILT_IN[name]), {**SMALL[name], **given})

    make.__name__ = name
    return make
