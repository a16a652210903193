"""Tests that the docstrings of every neural plug-in list its hyper-parameters with their defaults, one by one."""

from __future__ import annotations

import inspect
import re

import pytest

from lmcompare.model import LanguageModel
from lmcompare.models.hf_causal.plugin import HuggingFaceCausal
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.encoder_decoder import RnnEncoderDecoder
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.training.recipe import Recipe


@pytest.mark.parametrize(
    "cls", [HuggingFaceCausal, Rnn, RnnAttention, RnnEncoderDecoder, Transformer, Word2VecBow, WordNetBow, Recipe]
)
def test_parameters_are_listed_with_their_defaults(cls: type) -> None:
    """Each class lists its own with its defaults; what it inherits is listed by the class that it names."""
    listed: set[str] = set()
    for base in reversed(cls.__mro__):
        section = inspect.cleandoc(vars(base).get("__doc__") or "").partition("Parameters\n----------\n")[2]
        for name, default in re.findall(r"^(\w+) : .*, default=(.+)$", section, re.MULTILINE):
            assert eval(default) == inspect.signature(base).parameters[name].default, (base, name)
            listed.add(name)
    names = cls.parameter_names() if issubclass(cls, LanguageModel) else inspect.signature(cls).parameters
    assert listed == set(names)
