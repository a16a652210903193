"""How many bins a tokenizer of values has, if the user gives no number: chosen on the validation series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmcompare import plugins
from lmcompare.corpora import Texts
from lmcompare.harness.progress import Display
from lmcompare.measure.steps import density_nats
from lmcompare.model import Setting
from lmcompare.tokens import build_vocabulary, encode, make_tokenizer, tokenise
from lmcompare.tokens.values import ValueTokenizer

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus

NUMBERS = (8, 12, 16, 24, 32, 48, 64, 96, 128)
ORDERS = (1, 2, 3)  # of the n-gram models that score the numbers of bins


def best_number(tokenizer: ValueTokenizer, corpus: Corpus, show: Display) -> int:
    """Return the number of bins with which an n-gram model gives the validation series the highest density.

    Finer bins say more precisely where a value is, and have fewer examples each. Of ``NUMBERS`` and the n-gram models
    of ``ORDERS`` the best pair is taken. Networks learn from fewer examples for each bin, so for them more bins may
    be better: a sweep over ``tokens.bins`` can find out.
    """
    texts, found = Texts(corpus.train), dict[int, float]()
    for done, number in enumerate(NUMBERS):
        show.share("Choosing the number of bins", done / len(NUMBERS))
        tried = make_tokenizer({**tokenizer.spec, "bins": number})
        assert isinstance(tried, ValueTokenizer)
        tried.fit(texts)
        train, valid = (tokenise(documents, tried) for documents in (corpus.train, corpus.valid))
        vocabulary = build_vocabulary(train, tried)
        encoded = encode(train, tried, vocabulary), encode(valid, tried, vocabulary)
        nats = density_nats(tried, corpus.valid)
        scored = np.isfinite(nats)
        for order in ORDERS:
            model = plugins.build("ngram", {"order": order}).fit(*encoded, Setting(vocabulary=vocabulary))
            cost = float((nats - model.log_probs(encoded[1]))[scored].mean())
            found[number] = min(found.get(number, np.inf), cost)
    show.share("Choosing the number of bins", 1.0)
    return min(found, key=found.__getitem__)
