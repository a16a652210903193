"""How fast ``infinite-gram`` indexes a text, how large the index is, and how fast it scores.

``python benchmarks/infinite_gram.py --words 1000000 10000000`` draws texts of these lengths (``sampled_text.py``) and
prints, for each, the processor time in which the index is made, the bytes per token, the seconds of ``fit`` and of
scoring, and the time to restore a stored model.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from sampled_text import write

from lmcompare.counts.suffixes import Contexts
from lmcompare.model import Setting
from lmcompare.models.infinite_gram import InfiniteGram
from lmcompare.tokens import Encoded, Vocabulary

DOCUMENT = 50  # sentences
HELD_OUT_WORDS = 200_000


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
