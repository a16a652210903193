"""What no neural model can be made of is refused at once, with the name of what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from tests.models.neural_cases import CASES, build

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("cnn", {"kernel": 0}, "1 or more"),
    ("state-space", {"width": 9, "heads": 4}, "multiple of heads"),
    ("state-space", {"width": 6, "heads": 4, "expand": 1}, "multiple of heads"),
    ("linear-attention", {"width": 10, "heads": 4}, "multiple of heads"),
    ("feed-forward", {"style": "deep"}, "residual"),
    ("feed-forward", {"context": 0}, "1 or more"),
    ("feed-forward", {"style": "bengio", "layers": 3}, "is for style"),
    ("rnn", {"cell": "mingru"}, "gru"),
    ("rnn", {"layers": 0}, "1 or more"),
    ("rnn-attention", {"window": 0}, "without attention use rnn"),
    ("rnn-attention", {"cell": "tree"}, "gru, lstm"),
    ("rnn-encoder-decoder", {"cell": "qrnn"}, "gru, lstm, not 'qrnn'"),
    ("rnn-encoder-decoder", {"hidden": 7}, "even"),
    ("rnn-encoder-decoder", {"stride": 17}, "would not be predicted"),
    ("rnn-encoder-decoder", {"stride": 0}, "stride must be"),
    ("rnn-encoder-decoder", {"window": 0}, "window"),
    ("transformer", {"positions": "rotatory"}, "rotary"),
    ("transformer", {"width": 10, "heads": 4}, "heads"),
    ("transformer", {"local": 65, "window": 64}, "local"),
    ("transformer", {"experts": 0}, "experts"),
    ("transformer", {"convolution": -1}, "convolution"),
    *(("word2vec-bow", {name: 0}, name) for name in ("reach", "negative", "epochs", "window", "width")),
    ("word2vec-bow", {"weights": "linear"}, "position"),
    ("pointer", {"base": "ngram"}, "'ngram' can't have a pointer"),
    ("pointer", {"base": "ensemble"}, "has a base itself"),
    ("pointer", {"window": 0}, "window"),
    ("pointer", {"attention": 2.5}, "attention"),
    ("pointer", {"options": {"widht": 3}}, "did you mean 'width'"),
    ("ensemble", {"members": 1}, "members"),
    ("ensemble", {"preset": "slow"}, "'quick' or 'default' or 'full'"),
    ("ensemble", {"base": "cache"}, "base of an ensemble"),
    ("ensemble", {"base": "nothing"}, "unknown model"),
    ("distilled", {"weight": 2}, "weight must be a number from 0 to 1"),
    ("distilled", {"members": 1}, "members"),
    ("distilled", {"base": "ngram"}, "'ngram' can't learn from other models"),
    ("distilled", {"teacher": {"widht": 3}}, "did you mean 'width'"),
    ("distilled", {"teacher": 3}, "teacher must be a table"),
    ("retrieval", {"base": "ngram"}, "'ngram' has no vectors of contexts"),
    ("retrieval", {"neighbours": 0}, "neighbours"),
    ("retrieval", {"base": "ensemble"}, "base of a retrieval model"),
]


@pytest.mark.parametrize(("plugin", "wrong", "said"), REFUSED)
def test_it_is_refused(plugin: str, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        plugins.build(plugin, wrong)


@pytest.mark.parametrize("case", CASES)
def test_every_network_checks_its_dropout_and_its_training(case: str) -> None:
    for wrong in ({"batch": 0}, {"patience": -1}, {"dropout": 1.0}, {"dropout": -0.1}):
        with pytest.raises(LmcompareError, match=next(iter(wrong))):
            build(case, **wrong)
