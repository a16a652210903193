"""Every built-in model, trained for a few steps, keeps the contract, and the checks of a run find nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lmcompare import plugins
from lmcompare.checks import CHECKS, Check, Probe
from lmcompare.checks.kit import run_one
from lmcompare.checks.probe import MarkovTexts
from lmcompare.checks.sampled import Scored, run_sampled_checks
from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.tokens import Vocabulary
from tests.models.altered_states import altered, answer
from tests.models.built_in_cases import BUILT_IN, OF_EXTRAS, SMALL, factory
from tests.models.pcfg.treebanks import WithTrees, brackets

# Others train the model anew or for long; tests/full/conformance asks the whole kit.
TRAINING = {
    *("fit-returns-the-model", "same-seed-same-bits", "inputs-not-written-to", "same-in-a-fresh-process"),
    "comes-near-the-entropy",
}
KIT = [check for check in CHECKS if check.name not in TRAINING]

# A vocabulary without an unknown token, in which </s> is neither the first nor the second
NAMES = [f"t{index}" for index in range(25)]
KNOWN = MarkovTexts(0, Vocabulary([*NAMES[:17], "</s>", *NAMES[17:]]))
WAYS = ("sums-to-one", "log-probs-agree", "stepper-agrees", "save-and-load", "exhibits-are-well-formed")
NETWORKS_ALIKE = {  # as rnn in this
    *(
        "cnn",
        "state-space",
        "linear-attention",
        "rnn-attention",
        "rnn-encoder-decoder",
        "feed-forward",
        "transformer",
    ),
    *("distilled", "ensemble", "retrieval", "pointer"),
}


class Once(Probe):
    """A probe whose one training returns the model itself and leaves its hyper-parameters as they were."""

    def train(self, seed: int, budget: Budget) -> LanguageModel:
        model, texts, setting = self.make(), self.texts, self.setting(seed, budget)
        before = repr(model.hyperparameters())
        model.check_text(texts.train)
        assert model.fit(texts.train, texts.valid, setting) is model
        model.study(texts.train, texts.valid, setting)
        assert repr(model.hyperparameters()) == before
        return model


def holds(probe: Probe, checks: Sequence[Check[Probe]]) -> LanguageModel:
    for check in checks:
        result = run_one(check, probe)
        assert result.ok, f"{check.name}: {result.reason}"
    return probe.fitted


def test_no_built_in_is_left_out() -> None:
    assert set(SMALL) == set(BUILT_IN)
    assert {check.name for check in CHECKS} > TRAINING


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - OF_EXTRAS))
def test_a_built_in_keeps_the_contract(name: str) -> None:
    probe = Once(factory(name), budget=Budget(steps=6))
    model, texts = holds(probe, KIT), probe.texts
    test, sentences, valid = texts.test, texts.test.split_sentences(), texts.valid
    scores = [np.asarray(model.log_probs(text), np.float64) for text in (test, sentences, valid)]
    given = test, scores[0], texts.floor(test), sentences, scores[1], valid, scores[2]
    results = run_sampled_checks(model, Scored(*given, lambda: probe.make().restore(model.state())))
    assert len(results) >= 5
    again = probe.make().restore(model.state())
    assert list(again.exhibits(sentences)) == list(model.exhibits(sentences))
    assert again.size() == model.size()
    assert not [(result.name, result.reason) for result in results if not result.passed]
    for seed in range(10):  # tests/full/fuzz alters more
        answer(probe.make, altered(model.state(), np.random.default_rng(seed)), test, truthful=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - OF_EXTRAS - NETWORKS_ALIKE - {"ngram-file"}))
def test_a_built_in_needs_no_unknown_token(name: str, tmp_path: Path) -> None:
    make = factory(name)
    if name == "pcfg":
        (tmp_path / "trees.mrg").write_text(brackets(KNOWN.train), encoding="utf-8")
        make = partial(WithTrees, str(tmp_path / "trees.mrg"))
    probe = Probe(make, budget=Budget(steps=4))
    probe.__dict__["texts"] = KNOWN
    model = holds(probe, [check for check in CHECKS if check.name in WAYS])
    assert not any("<unk>" in note for note in model.notes)


@pytest.mark.parametrize("name", ["ngram-file", "kenlm"])
def test_a_file_of_ngrams_needs_an_unknown_word(name: str) -> None:
    with pytest.raises(LmcompareError, match="have none"):
        plugins.build(name, {"path": "any"}).fit(KNOWN.train, KNOWN.valid, Setting(KNOWN.vocabulary))


@pytest.mark.slow
def test_nothing_is_exported_that_can_not_be_read(tmp_path: Path) -> None:
    model = plugins.build("ngram", {"order": 2}).fit(KNOWN.train, KNOWN.valid, Setting(KNOWN.vocabulary))
    with pytest.raises(LmcompareError, match="export a model of words"):
        model.file_formats()[".arpa"](KNOWN.vocabulary, tmp_path / "a.arpa")


@pytest.mark.parametrize("name", BUILT_IN)
def test_presets_of_built_ins_can_be_built(name: str) -> None:
    cls = plugins.resolve(BUILT_IN[name])
    for preset in plugins.PRESETS:
        assert plugins.build(cls, {}, preset).hyperparameters().keys() == set(cls.parameter_names())
