"""How much of a text that is scored was training text of the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.corpora.alignments import EDGE, FACTOR, OTHER_EDGE, HashArray, aligned, covered
from lmcompare.measure.text_scores import Scored
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import IntArray


class TrainingText:
    """The words of a training text, in which other texts are looked for.

    A word is what is between white space, as a sequence of tokens: the tokens of a run are all that is needed.
    """

    def __init__(self, corpus: TokenizedCorpus) -> None:
        train = corpus.train
        assert train.spans is not None, "a text that was tokenised has spans"
        self._vocabulary = corpus.vocabulary
        self._opens = np.array([token[:1].isspace() for token in corpus.vocabulary.tokens])
        parts = [
            self._words(train.ids[start:end], train.spans[start:end])[0]
            for start, end in zip(train.starts, train.ends, strict=True)
        ]
        self._documents = {part.tobytes() for part in parts}
        self._hashes = np.concatenate([np.append(EDGE, part) for part in [*parts, np.zeros(0, np.uint64)]])

    def _words(self, ids: IntArray, spans: IntArray) -> tuple[HashArray, IntArray]:
        """Return a hash of each word of a document, (W,), and its bytes, (W, 2)."""
        some = spans[:, 1] > spans[:, 0]  # the end of a sentence has no bytes
        ids, spans = np.asarray(ids)[some], np.asarray(spans)[some]
        if not len(ids):
            return np.zeros(0, np.uint64), np.zeros((0, 2), np.int64)
        opens = self._opens[ids] | (spans[:, 0] > np.append(-1, spans[:-1, 1]))
        first = np.flatnonzero(opens | (np.arange(len(ids)) == 0))
        place = np.arange(len(ids)) - np.repeat(first, np.diff(np.append(first, len(ids))))
        mixed = (ids.astype(np.uint64) + np.uint64(2)) * FACTOR
        mixed ^= mixed >> np.uint64(29)
        powers = np.cumprod(np.full(int(place.max()) + 1, FACTOR))
        hashes = np.add.reduceat(mixed * powers[place], first)
        return hashes, np.stack([spans[first, 0], spans[np.append(first[1:], len(ids)) - 1, 1]], axis=1)

    def shares(self, texts: Sequence[Scored]) -> list[float]:
        """Return which share of the bytes of each text is in the training text, word for word or nearly so."""
        read = [
            self._words(self._vocabulary.ids(text.tokens), np.array(text.offsets, np.int64).reshape(-1, 2))
            for text in texts
        ]
        mine = np.concatenate([np.append(OTHER_EDGE, words) for words, _ in [*read, (np.zeros(0, np.uint64), None)]])
        inside = covered(aligned(mine, self._hashes, len(mine)), len(mine))
        at, found = 1, []
        for text, (words, spans) in zip(texts, read, strict=True):
            mask = inside[at : at + len(words)]
            sizes = spans[:, 1] - spans[:, 0]
            gaps = np.append(spans[1:, 0], spans[-1:, 1]) - spans[:, 1]  # white space after each word
            amount = int(sizes[mask].sum() + gaps[:-1][mask[1:] & mask[:-1]].sum()) if len(words) else 0
            whole = len(words) > 0 and words.tobytes() in self._documents
            found.append(1.0 if whole else amount / max(len(text.text.encode()), 1))
            at += len(words) + 1
        return found
