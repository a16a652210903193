"""Long texts for timings: words drawn from a trigram model of the embedded corpora, one sentence a line.

The model (modified Kneser-Ney, order 3) is trained on all documents of ``wiki-sample`` and ``lee``, cut at white
space, with words seen once as ``<unk>``. Where it draws ``<unk>``, a word without meaning is written: every fourth
time a new one, else one that was written before, so that the vocabulary keeps growing with the text, as that of real
text does.

``python benchmarks/sampled_text.py 10000000 10m.txt`` writes ten million words; ``--seed`` gives another text.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.corpora import Document, load
from lmcompare.counts.table import BackoffTable
from lmcompare.model import Setting
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary

Array = npt.NDArray[Any]

NEW = 0.25  # how often <unk> becomes a word that was never written
CHUNK = 2_000_000


def source() -> tuple[BackoffTable, Vocabulary]:
    """Return the trigram table and its vocabulary."""
    documents = [d for name in ("wiki-sample", "lee") for split in load_splits(name) for d in split]
    sentences = [d.text[a:b].split() for d in documents for a, b in d.sentences]
    vocabulary = Vocabulary.build(sentences, min_count=2)
    train = Encoded.from_documents([[*vocabulary.ids(s), vocabulary.end] for s in sentences], vocabulary)
    model = NGram(order=3).fit(train, train, Setting(vocabulary))
    return BackoffTable.from_arrays(model.state().arrays), vocabulary


def load_splits(name: str) -> list[tuple[Document, ...]]:
    """Return the three splits of an embedded corpus."""
    corpus = load(name)
    return [corpus.train, corpus.valid, corpus.test]


def write(path: Path, n_words: int, seed: int = 0) -> None:
    """Write about ``n_words`` words to a file, whole sentences only."""
    table, vocabulary = source()
    own = [10.0**level.log10_probs for level in table.levels]
    for k in (1, 2):  # what an n-gram has of its own, beside what the shorter context gives it
        level, grams = table.levels[k], list(table.grams())[k]
        shorter = grams[:, 1] if k == 1 else table.levels[1].find(grams[:, 1], grams[:, 2])
        weight, lower = (
            10.0 ** table.levels[k - 1].log10_backoff(level.contexts),
            10.0 ** table.levels[k - 1].log10_probs[shorter],
        )
        own[k] = own[k] - weight * lower
    own[0][table.start] = 0
    names = np.array([*vocabulary.tokens, "<s>"], object)
    sums = [np.cumsum(np.maximum(p, 0)) for p in own]
    levels = table.levels
    generator = np.random.default_rng(seed)
    written, invented = 0, 0
    with path.open("w", encoding="utf-8") as out:
        while written < n_words:
            ids = _draw(
                min(CHUNK, n_words - written),
                generator.random(8 * CHUNK // 2),
                sums[0],
                sums[1],
                sums[2],
                levels[1].words,
                levels[2].words,
                levels[1].offsets,
                levels[2].offsets,
                table.start,
                vocabulary.end,
            )
            words = names[ids]
            for i in np.flatnonzero(ids == vocabulary.unknown):
                if generator.random() < NEW or not invented:
                    invented += 1
                    words[i] = f"x{invented}"
                else:
                    words[i] = f"x{generator.integers(invented) + 1}"
            words[ids == vocabulary.end] = "\n"
            out.write(" ".join(words).replace(" \n ", "\n").replace(" \n", "\n"))
            written += int((ids != vocabulary.end).sum())


@compiled
def _draw(
    n: int,
    random: Array,
    unigrams: Array,
    bigrams: Array,
    trigrams: Array,
    words2: Array,
    words3: Array,
    offsets2: Array,
    offsets3: Array,
    start: int,
    end: int,
) -> Array:
    """Draw sentences until there are n words: from the trigrams' own probability, or, failing that, the bigrams', or
    the unigrams'.
    """
    ids = np.empty(n + 1000, np.int32)
    made, r = 0, 0
    word, pair = start, -1
    while r + 4 < len(random):
        drawn = -1
        if pair >= 0:
            drawn, node = _own(random[r], trigrams, offsets3, pair)
            r += 1
            if drawn >= 0:
                drawn = words3[node]
        if drawn < 0:
            drawn, node = _own(random[r], bigrams, offsets2, word)
            r += 1
            if drawn >= 0:
                drawn = words2[node]
        if drawn < 0:
            drawn = min(np.searchsorted(unigrams, random[r] * unigrams[-1], side="right"), start - 1)
            r += 1
        ids[made] = drawn
        made += 1
        if drawn == end:
            word, pair = start, -1
            if made >= n:
                break
        elif made >= n + 990:
            ids[made - 1] = end
            break
        else:
            low, high = offsets2[word], offsets2[word + 1]
            node = low + np.searchsorted(words2[low:high], drawn)
            pair = node if node < high and words2[node] == drawn else -1
            word = drawn
    return ids[:made]


@compiled
def _own(u: float, sums: Array, offsets: Array, context: int) -> tuple[int, int]:
    """Return (0, node) where u falls into what the n-grams of a context have of their own, else (-1, 0)."""
    low, high = offsets[context], offsets[context + 1]
    before = sums[low - 1] if low else 0.0
    node = low + np.searchsorted(sums[low:high], before + u, side="right")
    return (0, node) if node < high else (-1, 0)


def main() -> None:
    """Parse the command line and write the text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.file, given.words, given.seed)


if __name__ == "__main__":
    main()
