"""What only a new process shows: what is imported, and that learning does not depend on the seed of hashes."""

from __future__ import annotations

import os
import subprocess
import sys


def printed(code: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_catalogue_of_corpora_imports_no_library() -> None:
    heavy = "{'datasets', 'gensim', 'nltk', 'numpy', 'torch', 'pandas', 'scipy'}"
    code = f"import sys; from lmcompare.corpora import catalogue; catalogue(); print({heavy} & set(sys.modules))"
    assert printed(code) == "set()\n"


def test_a_module_does_not_hide_the_function_of_its_package() -> None:
    assert printed("from lmcompare import corpora; corpora.documents_of(['a']); print(callable(corpora.load))") == (
        "True\n"
    )


PIECES = """
from lmcompare.tokens import build_vocabulary, make_tokenizer, tokens_fingerprint
from lmcompare.corpora import documents_of
texts = [f"{a} {b} {a}{b} zig zag zug\\n" for a in "abcdefgh" for b in ("one", "two", "three", "four")]
t = make_tokenizer({"kind": "bpe", "pieces": 400}).fit(texts)
print(tokens_fingerprint("c", t, build_vocabulary(documents_of(texts), t)))
"""


def test_training_gives_the_same_pieces_in_every_process() -> None:
    prints = {
        printed(PIECES, PYTHONHASHSEED=seed, RAYON_NUM_THREADS=threads, TOKENIZERS_PARALLELISM="true")
        for seed, threads in (("0", "1"), ("1", "2"), ("2", "4"))
    }
    assert len(prints) == 1
