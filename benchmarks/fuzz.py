"""Coverage-guided fuzzing: whatever comes in from outside ends in a value or in one sentence.

A reader gets the bytes of a file; a property of the tests gets values that hypothesis makes of the bytes: what the
process of a cell sends, exhibits and damaged ones, hyper-parameters of ``--set``, damaged run folders.

``pip install -e '.[fuzz,test]'``, then ``python benchmarks/fuzz.py arpa --seconds 60``. It stops at the first other
error, with the traceback, and keeps the bytes in a file ``crash-…``, which ``--again FILE`` reads once more.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris
import numpy as np
from hypothesis import settings

os.environ["NUMBA_BOUNDSCHECK"] = "1"  # an index out of range is an error, not another's memory
HOME = Path(__file__).parents[1]
NUMBA = [  # takes no instrumented code
    ".".join(path.relative_to(HOME).with_suffix("").parts)
    for path in (HOME / "lmcompare").rglob("*.py")
    if "compiled import" in (text := path.read_text(encoding="utf-8")) or "import numba" in text
]

sys.path.append(str(HOME))
settings.register_profile("fuzz", deadline=None)  # of properties that have none of their own
settings.load_profile("fuzz")

with atheris.instrument_imports(include=["lmcompare"], exclude=NUMBA):
    from lmcompare import corpora
    from lmcompare.errors import LmcompareError
    from lmcompare.harness import experiment
    from lmcompare.model import Setting
    from lmcompare.models import ngram_file
    from lmcompare.models.ngram import plugin as ngram
    from lmcompare.models.word2vec.ready_vectors import ready_vectors
    from lmcompare.tokens import Encoded, Vocabulary
    from tests.full.fuzz import test_hostile_bytes
    from tests.harness import test_overlay, test_progress
    from tests.report import test_kinds

MOST_BYTES = 4096  # of a file, or of what hypothesis makes values of
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
}

PROPERTIES: dict[str, Callable[[], None]] = {
    "channel": test_progress.test_whatever_a_cell_sends_is_shown_or_refused,
    "exhibits": test_kinds.test_what_is_accepted_is_stored_and_drawn,
    "stored-exhibits": test_kinds.test_damage_is_drawn_or_replaced_with_a_sentence,
    "set": test_overlay.test_any_hyper_parameter_is_set_or_refused_in_a_sentence,
    "reports": test_hostile_bytes.test_reports,
}


def prepared(name: str, folder: Path) -> tuple[Callable[[bytes], object], list[bytes]]:
    """Return what is done with some bytes, and what the mutations begin with."""
    if name in PROPERTIES:
        one: Callable[[bytes], object] = PROPERTIES[name].hypothesis.fuzz_one_input  # type: ignore[attr-defined]
        return one, [random.Random(seed).randbytes(MOST_BYTES) for seed in range(32)]  # many values take many bytes
    suffix, read, seed = READERS[name]
    place = folder / f"file{suffix}"

    def of_file(content: bytes) -> None:
        place.write_bytes(content)
        with suppress(LmcompareError):
            read(place)

    return of_file, [seed()]


def main() -> None:
    """Fuzz one reader or one property."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=[*READERS, *PROPERTIES])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--again", type=Path, help="bytes that were kept: read them and do no more")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lmcompare-fuzz-"))
    one, seeds = prepared(given.what, folder)
    if given.again is not None:
        one(given.again.read_bytes())
        return
    (folder / "seeds").mkdir()
    for i, seed in enumerate(seeds):
        (folder / "seeds" / str(i)).write_bytes(seed)
    limits = [f"-max_total_time={given.seconds}", f"-max_len={MOST_BYTES}", "-len_control=0", "-timeout=60"]
    atheris.Setup([sys.argv[0], *limits, str(folder / "seeds")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
