"""Tests that the docstring of every neural plug-in lists its hyper-parameters with their defaults, one by one."""

from __future__ import annotations

import inspect
import re

import pytest

from lmcompare.model import LanguageModel
from lmcompare.models.hf_causal.plugin import HuggingFaceCausal
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.rnn_attention.plugin import RnnAttention
from lmcompare.models.rnn_encoder_decoder.plugin import RnnEncoderDecoder
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.training.recipe import Recipe


@pytest.mark.parametrize(
    "cls", [HuggingFaceCausal, Rnn, RnnAttention, RnnEncoderDecoder, Transformer, Word2VecBow, Recipe]
)
def test_parameters_are_listed_in_order_with_their_defaults(cls: type) -> None:
    section = inspect.getdoc(cls).partition("Parameters\n----------\n")[2]  # type: ignore[union-attr]
    listed = re.findall(r"^(\w+) : .*, default=(.+)$", section, re.MULTILINE)
    signature = inspect.signature(cls)
    names = cls.parameter_names() if issubclass(cls, LanguageModel) else signature.parameters
    assert [name for name, _ in listed] == list(names)
    for name, default in listed:
        assert eval(default) == signature.parameters[name].default, name
