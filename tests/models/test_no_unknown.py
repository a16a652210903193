"""Every model over a vocabulary without an unknown token, in which ``</s>`` is neither the first nor the second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare import plugins
from lmcompare.checks.texts import MarkovTexts
from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Setting
from lmcompare.tokens import Vocabulary
from tests.conformance.test_built_ins import SMALL
from tests.models.neural_cases import tiny_wordnet
from tests.models.pcfg.treebanks import brackets

NAMES = [f"t{index}" for index in range(25)]
TEXTS = MarkovTexts(0, Vocabulary([*NAMES[:17], "</s>", *NAMES[17:]]))
OF_FILES = ("ngram-file", "kenlm")
OTHERS = {*OF_FILES, "hf-causal"}  # files need <unk>; the last one is tested by itself


@pytest.mark.parametrize("name", sorted(SMALL.keys() - OTHERS))
def test_ways_to_ask_agree(name: str, tmp_path: Path) -> None:
    (tmp_path / "trees.mrg").write_text(brackets(TEXTS.train), encoding="utf-8")
    files = {"pcfg": {"trees": str(tmp_path / "trees.mrg")}, "wordnet-bow": {"wordnet": tiny_wordnet()}}
    given = {**SMALL[name], **files.get(name, {})}
    model = plugins.build(name, given)
    setting = Setting(TEXTS.vocabulary, budget=Budget(steps=4))
    model.fit(TEXTS.train, TEXTS.valid, setting).study(TEXTS.train, TEXTS.valid, setting)
    text = TEXTS.contexts("asked")
    rows = model.next_log_probs(text, np.arange(len(text)))
    if model.traits.normalised:
        np.testing.assert_allclose(np.exp(rows.astype(np.float64)).sum(axis=1), 1, atol=1e-5)
    own = rows[np.arange(len(text)), text.ids]
    np.testing.assert_allclose(model.log_probs(text), own, atol=1e-5)
    if not model.traits.adaptive:
        prefix = text.ids[:40]
        assert TEXTS.vocabulary.end in prefix
        stepper = model.stepper(prefix[:5], TEXTS.vocabulary)
        for token in prefix[5:].tolist():
            stepper.push(token)
        np.testing.assert_allclose(stepper.log_probs(), rows[40], atol=1e-5)
    restored = plugins.build(name, given).restore(model.state())
    np.testing.assert_allclose(restored.log_probs(text), own, atol=1e-5)
    assert not any("<unk>" in note for note in model.notes)
    list(model.exhibits(text.split_sentences()))


@pytest.mark.parametrize("name", OF_FILES)
def test_a_file_of_ngrams_needs_an_unknown_word(name: str) -> None:
    with pytest.raises(LmcompareError, match="have none"):
        plugins.build(name, {"path": "any"}).fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))


@pytest.mark.parametrize("suffix", [".arpa", ".safetensors"])
def test_nothing_is_exported_that_can_not_be_read(suffix: str, tmp_path: Path) -> None:
    model = plugins.build("ngram", {"order": 2}).fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))
    with pytest.raises(LmcompareError, match="export a model of words"):
        model.file_formats()[suffix](TEXTS.vocabulary, tmp_path / f"a{suffix}")
