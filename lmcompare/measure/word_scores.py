"""The bits of every word of the held-out texts in a trained model, for the report, which loads no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.measure.word_bits import WordEnds, WordsInTokens, word_bits, word_ending_types
from lmcompare.model import FloatArray
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array, upto_documents
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import IntArray, OverheadBits

if TYPE_CHECKING:
    import pandas as pd

PART_TOKENS = 1 << 18  # words of a long text are computed in parts of this size


class HeldOutWords:
    """The words of a split of a corpus under one tokenizer, which are looked at in parts of whole documents.

    Parameters
    ----------
    corpus : TokenizedCorpus
    split : {"valid", "test"}
    """

    def __init__(self, corpus: TokenizedCorpus, split: Split) -> None:
        self._corpus, self._split, self._text = corpus, split, corpus.split(split)

    @cached_property
    def ends(self) -> WordEnds:
        """Where the tokens of the split tell that the word before them is over."""
        tokenizer, ids = self._corpus.tokenizer, self._text.ids
        types = word_ending_types(self._text.vocabulary, tokenizer)
        at = np.zeros(len(ids), np.bool_)
        for tokens, _, words in self._parts():
            at[tokens] = words.ends(ids[tokens], types, tokenizer).at
        return WordEnds(at, types)

    def tables(self, log_probs: FloatArray, end_log_probs: FloatArray) -> Iterator[pd.DataFrame]:
        """Yield the rows of ``words.parquet`` in parts, in the order of the words of the corpus.

        Words that one token crosses share its bits equally; ``joined`` says of each but the first that it shares
        them with the word before.

        Parameters
        ----------
        log_probs : (N,) float array
            Nats of the tokens of the split.
        end_log_probs : (N,) float array
            Nats of the end of the word before each token, where ``ends`` says so.
        """
        import pandas as pd

        features = self._corpus.feature_blocks(self._split, ["document", "overhead_bits", "spelling_bits"])
        for (tokens, document, words), charged in zip(self._parts(), self._cut(features), strict=True):
            spelling = charged["spelling_bits"].astype(np.float64)
            between = charged["overhead_bits"].astype(np.float64) - spelling
            overhead = OverheadBits(spelling=spelling, white_space=between, separator=np.zeros(len(between)))
            ends = replace(self.ends, at=self.ends.at[tokens])
            bits = word_bits(words, ends, log_probs[tokens], end_log_probs[tokens], overhead)
            joined = np.ones(len(document), np.bool_)
            joined[words.first] = False
            yield pd.DataFrame(
                {
                    "split": self._split,
                    "document": document,
                    "surprisal_bits": _shared(words, bits.surprisal),
                    "spelling_bits": _shared(words, bits.spelling),
                    "gap_bits": _shared(words, bits.gap[:-1]),
                    "joined": joined,
                }
            )

    def _parts(self) -> Iterator[tuple[slice, IntArray, WordsInTokens]]:
        """Yield for each part the slice of its tokens, the document (W,) of each of its words, and their tokens."""
        words = self._cut(self._corpus.word_blocks(self._split, ("document", "byte_start", "byte_end")))
        begin = 0
        for part, rows in zip(self._text.parts(PART_TOKENS), words, strict=True):
            assert part.spans is not None, "text was encoded"
            document, places = rows["document"].astype(np.int64), np.stack([rows["byte_start"], rows["byte_end"]], 1)
            is_end = places[:, 0] == places[:, 1]  # words have one byte or more
            places[is_end, 1] += 1  # documents follow each other, and the end of each gets a byte of its own
            before = np.append(0, np.cumsum(places[is_end, 1]))
            of_tokens = before[part.document_of(np.arange(len(part)))]
            of_words = before[document - document[0]]
            found = WordsInTokens.of(part.spans + of_tokens[:, None], places + of_words[:, None])
            yield slice(begin, begin + len(part)), document, found
            begin += len(part)

    def _cut(self, blocks: Iterable[dict[str, Array]]) -> Iterator[dict[str, Array]]:
        """Yield the rows of a table of the split, which has ``document``, in the same parts as the text."""
        ends = np.cumsum([part.n_documents for part in self._text.parts(PART_TOKENS)])
        return upto_documents(blocks, ends.tolist())


def _shared(words: WordsInTokens, values: FloatArray) -> FloatArray:
    """(W,) the part of each word in the value of its group, given the values (G,)."""
    size = words.last - words.first + 1
    found: FloatArray = np.repeat(values / size, size).astype(np.float32)
    return found
