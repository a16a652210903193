"""Coverage-guided fuzzing of the readers: whatever bytes a file holds, reading it ends in a value or in one sentence.

``pip install -e '.[fuzz]'``, then ``python benchmarks/fuzz.py arpa --seconds 60``. It stops at the first other error,
with the traceback, and keeps the bytes in a file ``crash-…``, which ``--again FILE`` reads once more.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris
import numpy as np

os.environ["NUMBA_BOUNDSCHECK"] = "1"  # an index out of range is an error, not another's memory
NUMBA = [  # takes no instrumented code
    *(f"lmcompare.counts.lookup.{name}" for name in ("level", "scoring", "table")),
    *(f"lmcompare.counts.files.{name}" for name in ("arpa_reader", "building")),
    "lmcompare.counts.counting.ngrams",
    "lmcompare.models.mixture.chains",
    "lmcompare.models.mixture.mixtures",
    "lmcompare.models.ngram.smoothing.kneser_ney",
]

with atheris.instrument_imports(include=["lmcompare"], exclude=NUMBA):
    from lmcompare import corpora
    from lmcompare.errors import LmcompareError
    from lmcompare.harness import experiment
    from lmcompare.model import Setting
    from lmcompare.models.ngram import plugin as ngram
    from lmcompare.models.ngram_file import plugin as ngram_file
    from lmcompare.models.word2vec.ready_vectors import ready_vectors
    from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "the", "cat", "dog", "sat"], np.array([1, 3, 4, 2, 2, 3]))
TEXT = Encoded.from_documents([[2, 3, 5, 1, 2, 4, 5, 1], [0, 2, 1]], VOCABULARY)
LINES = "the cat sat\nthe dog sat\n\na cat ran\n" * 4


def read_corpus(path: Path) -> None:
    """Read a text or table as a corpus, by lines."""
    corpora.load(str(path), corpora.CorpusOptions(documents="line" if path.suffix == ".txt" else None))


def read_model(path: Path) -> None:
    """Read a model's file and ask it for distributions."""
    model = ngram_file.NGramFile(str(path)).fit(TEXT, TEXT, Setting(vocabulary=VOCABULARY))
    block = model.next_log_probs(TEXT, np.arange(len(TEXT) + 1))
    assert np.abs(np.exp(block).sum(axis=1) - 1).max() < 1e-4


def written(suffix: str) -> bytes:
    """A model's file, as lmcompare writes it."""
    model = ngram.NGram(order=3).fit(TEXT, TEXT, Setting(vocabulary=VOCABULARY))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        model.file_formats()[suffix](VOCABULARY, path)
        return path.read_bytes()


EXPERIMENT = b'name = "x"\nseeds = [0]\n[corpus]\nsource = "lee"\n[[models]]\nplugin = "ngram"\norder = 3\n'

# By name: the file's suffix, how it is read, and what the mutations begin with
READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[], bytes]]] = {
    "text": (".txt", read_corpus, lambda: LINES.encode()),
    "csv": (".csv", read_corpus, lambda: b'text,year\n"the cat, sat",1961\nthe dog ran,1962\n' * 6),
    "jsonl": (".jsonl", read_corpus, lambda: b'{"text": "the cat sat", "year": 1961}\n' * 6),
    "experiment": (".toml", experiment.load, lambda: EXPERIMENT),
    "vectors": (".txt", lambda path: ready_vectors(path, VOCABULARY, 2), lambda: b"2 2\nthe 0.5 -1\ncat 1e-3 2\n"),
    "arpa": (".arpa", read_model, lambda: written(".arpa")),
    "arpa.gz": (".gz", read_model, lambda: gzip.compress(written(".arpa"), mtime=0)),
    "binary": (".safetensors", read_model, lambda: written(".safetensors")),
}


def main() -> None:
    """Fuzz one reader."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--again", type=Path, help="bytes that were kept: read them and do no more")
    given = parser.parse_args()
    suffix, read, seed = READERS[given.reader]
    folder = Path(tempfile.mkdtemp(prefix="lmcompare-fuzz-"))
    place = folder / f"file{suffix}"

    def one(content: bytes) -> None:
        place.write_bytes(content)
        with suppress(LmcompareError):
            read(place)

    if given.again is not None:
        one(given.again.read_bytes())
        return
    (folder / "seeds").mkdir()
    (folder / "seeds" / "whole").write_bytes(seed())
    atheris.Setup([sys.argv[0], f"-max_total_time={given.seconds}", "-max_len=4096", str(folder / "seeds")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
