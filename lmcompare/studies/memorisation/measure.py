"""Memorisation: how much better a model predicts the training text than text that it has not read."""

from __future__ import annotations

import math

import numpy as np

from lmcompare.measure.scoring import checked_log_probs
from lmcompare.model import LanguageModel
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

FEW = 5  # a word that occurs more often is not barely known, even if no word is rarer
LEAST_KNOWN = 0.5  # the share of words that must be known
TOKENS, PIECE = 8192, 256  # tokens that are read of each split, and the most of each piece


def measured(model: LanguageModel, corpus: TokenizedCorpus) -> dict[str, float | int | None]:
    """Return the mean nats per known token on equal amounts of train and valid.

    Both texts are read in the same way: in pieces spread evenly over the split, each of which starts with a sentence
    and is a document of its own. Unknown words are left out, because valid has more of them, and of train also the
    words that would be unknown if they occurred once less: such words are hard to predict and rarely known in valid.

    Returns
    -------
    dict
        ``train_nats`` and ``valid_nats``, None where they are not finite, and of a text of which most words are
        unknown; ``train_tokens`` and ``valid_tokens``, the numbers of known tokens.
    """
    found: dict[str, float | int | None] = {}
    counts = corpus.vocabulary.counts
    of_words = np.delete(counts, corpus.vocabulary.special)
    least = int(of_words[of_words > 0].min(initial=FEW))  # of a word that is barely known
    for which in ("train", "valid"):
        text = pieces(corpus.split(which), corpus.sentence_starts(which))
        known = ~text.vocabulary.is_unknown(text.ids)
        words = known[text.ids != text.vocabulary.end]  # without ends of sentences, which are always known
        told = words.any() and words.mean() >= LEAST_KNOWN
        if which == "train" and text.vocabulary.unknown is not None and least < FEW:
            known &= (counts[text.ids] > least) | (text.ids == text.vocabulary.end)
        told &= bool(known.any())
        nats = -float(checked_log_probs(model, text)[known].mean()) if told else math.nan
        found[f"{which}_nats"] = nats if math.isfinite(nats) else None
        found[f"{which}_tokens"] = int(known.sum())
    return found


def pieces(text: Encoded, starts: IntArray, tokens: int = TOKENS, piece: int = PIECE) -> Encoded:
    """Return about ``tokens`` tokens of the text: pieces of at most ``piece`` tokens that begin with a sentence, do
    not leave their document, and are spread evenly over the sentences; the whole text if it is no longer.
    """
    if len(text) <= tokens:
        return text
    ends = np.minimum(starts + piece, text.ends[text.document_of(starts)])
    count = min(len(starts), math.ceil(tokens / float((ends - starts).mean())))
    chosen = np.linspace(0, len(starts), count, endpoint=False).astype(np.int64)
    return Encoded.from_documents([text.ids[starts[k] : ends[k]] for k in chosen], text.vocabulary)
