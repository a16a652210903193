"""Trains word2vec vectors with gensim, the same for the same seed."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import Encoded


def word2vec(
    text: Encoded, *, width: int, skip_gram: bool, reach: int, negative: int, epochs: int, seed: int
) -> npt.NDArray[np.float32]:
    """Return word vectors trained on the sentences of a text, whose words include ``</s>``.

    Skip-gram or CBOW with negative sampling (Mikolov et al. 2013, "Distributed representations of words and phrases
    and their compositionality"). gensim promises the same vectors for the same seed only with one worker and a hash
    that is the same in every process.

    Parameters
    ----------
    text : Encoded
        The training text.
    width : int
        The size of the vectors.
    skip_gram : bool
        Skip-gram if true, CBOW if false.
    reach : int
        How many words on each side of a word are its context.
    negative : int
        Negative samples.
    epochs : int
        Epochs over the text.
    seed : int
        The seed.

    Returns
    -------
    (V, width) array of float32
        Zero for words that do not occur in the text.
    """
    from gensim.models import Word2Vec

    names = [str(i) for i in range(len(text.vocabulary))]
    starts = text.sentence_starts()
    ends = np.append(starts[1:], len(text))
    sentences = [[names[i] for i in text.ids[a:b]] for a, b in zip(starts, ends, strict=True)]
    model = Word2Vec(
        sentences,
        vector_size=width,
        sg=int(skip_gram),
        window=reach,
        negative=negative,
        epochs=epochs,
        min_count=1,
        workers=1,
        seed=seed + 1,  # parts of gensim refuse the seed 0
        hashfxn=_stable_hash,
    )
    vectors = np.zeros((len(names), width), np.float32)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    return vectors


def _stable_hash(name: str) -> int:
    return zlib.crc32(name.encode())
