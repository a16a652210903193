"""The bits of every word of the held-out texts in a trained model, for the report, which loads no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmcompare.measure.word_bits import WordEnds, WordsInTokens, word_bits, word_ending_types
from lmcompare.model import FloatArray
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import OverheadBits

if TYPE_CHECKING:
    import pandas as pd


class HeldOutWords:
    """The words of a split of a corpus under one tokenizer.

    Parameters
    ----------
    corpus : TokenizedCorpus
    split : {"valid", "test"}
    """

    def __init__(self, corpus: TokenizedCorpus, split: Split) -> None:
        self._corpus, self._split = corpus, split
        table = corpus.words(split, ("document", "byte_start", "byte_end"))
        text = corpus.split(split)
        assert text.spans is not None, "text was encoded"
        self._document = table["document"].to_numpy(np.int64)
        self._is_end = (table["byte_start"] == table["byte_end"]).to_numpy()  # every word has a byte
        # all documents one after the other, with a byte between them as the place of the end of a document
        n_bytes = table["byte_end"].to_numpy(np.int64)[self._is_end]
        before = np.cumsum(n_bytes + 1) - (n_bytes + 1)
        places = table[["byte_start", "byte_end"]].to_numpy(np.int64, copy=True)
        places[self._is_end, 1] += 1
        document = text.document_of(np.arange(len(text)))
        self._words = WordsInTokens.of(
            text.spans + before[document][:, None], places + before[self._document][:, None]
        )
        types = word_ending_types(text.vocabulary, corpus.tokenizer)
        self.ends: WordEnds = self._words.ends(text.ids, types, corpus.tokenizer)

    def table(self, log_probs: FloatArray, end_log_probs: FloatArray) -> pd.DataFrame:
        """Return the rows of ``words.parquet``, in the order of the words of the corpus.

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

        charged = self._corpus.features(self._split, ["overhead_bits", "spelling_bits"])
        spelling = charged["spelling_bits"].to_numpy(np.float64)
        between = charged["overhead_bits"].to_numpy(np.float64) - spelling
        overhead = OverheadBits(spelling=spelling, white_space=between, separator=np.zeros(len(between)))
        words = self._words
        bits = word_bits(words, self.ends, log_probs, end_log_probs, overhead)
        shared = words.last - words.first + 1

        def per_word(values: FloatArray) -> FloatArray:
            found: FloatArray = np.repeat(values / shared, shared).astype(np.float32)
            return found

        joined = np.ones(len(self._document), np.bool_)
        joined[words.first] = False
        return pd.DataFrame(
            {
                "split": self._split,
                "document": self._document,
                "surprisal_bits": per_word(bits.surprisal),
                "spelling_bits": per_word(bits.spelling),
                "gap_bits": per_word(bits.gap[:-1]),
                "joined": joined,
            }
        )
