"""Word vectors by gensim's word2vec, the same for the same seed."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import Encoded


def word2vec(
    text: Encoded, *, width: int, skip_gram: bool, reach: int, negative: int, epochs: int, seed: int
) -> npt.NDArray[np.float32]:
    """Return (V, width) vectors trained on the sentences of the text, ``</s>`` among their words.

    Skip-gram or CBOW with negative sampling (Mikolov et al. 2013, "Distributed representations of words and phrases
    and their compositionality"). One worker and a hash that does not change from process to process: gensim promises
    the same vectors for the same seed only with both. A word that does not stand in the text has the zero vector.
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
        seed=seed + 1,  # gensim refuses a generator seeded with 0 in some of its parts
        hashfxn=_stable_hash,
    )
    vectors = np.zeros((len(names), width), np.float32)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    return vectors


def _stable_hash(name: str) -> int:
    return zlib.crc32(name.encode())
