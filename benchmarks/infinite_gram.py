"""``infinite-gram`` beside tokengrams: how fast a text is indexed, how large the index is, and how fast it is asked.

``python benchmarks/infinite_gram.py --words 1000000 10000000`` draws texts of these lengths (``sampled_text.py``) and
prints, for each, the processor time in which the index is made, the bytes a token, and the microseconds in which it
says what followed a context (``count_next``). The contexts are the last 1 to 6 tokens before random places of another
drawn text, and the answers are compared. Of the model it prints the seconds of ``fit`` and of scoring, and the time
to take up a stored model. tokengrams is installed by ``pip install tokengrams``; without it only ours is measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from sampled_text import write

from lmcompare.counts.suffixes import Contexts
from lmcompare.model import Setting
from lmcompare.models.infinite_gram.plugin import InfiniteGram
from lmcompare.tokens import Encoded, Vocabulary

DOCUMENT = 50  # sentences
HELD_OUT_WORDS = 200_000
QUERIES = 1_000
LONGEST = 6  # tokens of a context that is asked for


def encoded(path: Path, vocabulary: Vocabulary | None = None) -> Encoded:
    """Return a text of one sentence a line, in documents of ``DOCUMENT`` sentences."""
    sentences = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    vocabulary = vocabulary or Vocabulary.build(sentences, min_count=2)
    ids = [[*vocabulary.ids(s), vocabulary.end] for s in sentences]
    documents = [list(chain(*ids[i : i + DOCUMENT])) for i in range(0, len(ids), DOCUMENT)]
    return Encoded.from_documents(documents, vocabulary)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of processor time that work takes, in all threads, and what it returns."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def peer(contexts: Contexts, queries: list[list[int]], folder: Path) -> tuple[float, float, list[Any]] | None:
    """Return the seconds in which tokengrams makes its index and answers, and its answers; None if it is missing."""
    try:
        from tokengrams import MemmapIndex
    except ImportError:
        return None
    words, types = contexts.arrays["words"], contexts.types
    dtype = np.uint16 if types < 2**16 else np.uint32
    words.astype(dtype).tofile(folder / "text.bin")
    made, index = timed(
        lambda: MemmapIndex.build(str(folder / "text.bin"), str(folder / "text.idx"), vocab=types + 1)
    )
    asked, answers = timed(lambda: [index.count_next(query) for query in queries])
    return made, asked, answers


def measure(n_words: int, folder: Path) -> None:
    """Print what one length of text costs."""
    write(folder / "train.txt", n_words)
    write(folder / "held_out.txt", HELD_OUT_WORDS, seed=1)
    train = encoded(folder / "train.txt")
    held_out = encoded(folder / "held_out.txt", train.vocabulary)
    made, contexts = timed(lambda: Contexts.of(train))
    fitted, model = timed(lambda: InfiniteGram().fit(train, held_out, Setting(train.vocabulary)))
    scored, _ = timed(lambda: model.log_probs(held_out))
    state = model.state()
    restored, _ = timed(lambda: InfiniteGram().restore(state))
    print(
        f"{len(train):,} tokens, {contexts.types:,} types: index {made:.1f} s,"
        f" {model.size().bytes / len(train):.1f} bytes a token; with discounts {fitted:.1f} s; scoring"
        f" {1e6 * scored / len(held_out):.2f} µs a token; restoring {1e3 * restored:.0f} ms"
    )
    generator = np.random.default_rng(0)
    ends = generator.integers(LONGEST, len(held_out), QUERIES)
    lengths = generator.integers(1, LONGEST + 1, QUERIES)
    queries = [held_out.ids[e - n : e].tolist() for e, n in zip(ends, lengths, strict=True)]
    words = contexts.index.words
    asked, places = timed(lambda: [contexts.places_after(np.array(query)) for query in queries])
    counted, ours = timed(lambda: [np.bincount(words[p], minlength=contexts.types) for p in places])
    print(
        f"    what followed a context: {1e6 * asked / QUERIES:.1f} µs,"
        f" {1e6 * (asked + counted) / QUERIES:.1f} with counts"
    )
    found = peer(contexts, queries, folder)
    if found is None:
        print("    tokengrams is not installed")
        return
    their_made, their_asked, theirs = found
    # theirs counts start marks too, which are followed and never predicted
    same = all(np.array_equal(a, b[: contexts.types]) for a, b in zip(ours, theirs, strict=True))
    print(
        f"    tokengrams: index {their_made:.1f} s ({their_made / made:.1f} times ours), counts"
        f" {1e6 * their_asked / QUERIES:.1f} µs ({their_asked / (asked + counted):.1f} times);"
        f" {'equal counts' if same else 'OTHER COUNTS'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, nargs="+", default=[1_000_000])
    given = parser.parse_args()
    InfiniteGram().warm_up()
    for n_words in given.words:
        with tempfile.TemporaryDirectory() as folder:
            measure(n_words, Path(folder))


if __name__ == "__main__":
    main()
