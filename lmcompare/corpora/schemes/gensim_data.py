"""``lee`` and the files of gensim's test data, which its wheel installs; gensim is not imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import Piece, cut
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError


def missing(file: str) -> str:
    """Return why ``file`` of gensim's test data cannot be read, or "" if it can."""
    spec = find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        return "gensim is not installed"
    if data_path(file).is_file():
        return ""
    return f"the installed gensim lacks its test file {file}"


def data_path(file: str) -> Path:
    """Return the path of ``file`` in gensim's test data; gensim must be installed."""
    spec = find_spec("gensim")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places or ["gensim"]))) / "test" / "test_data" / file


def located(file: str, corpus: str) -> Path:
    """Return the path of ``file``, from which the embedded ``corpus`` is read.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    reason = missing(file)
    if reason:
        raise LmcompareError(
            f"the embedded corpus '{corpus}' cannot be read because {reason}; "
            "run pip install 'gensim>=4.3.3', or give a file or folder of your own as the corpus"
        )
    return data_path(file)


LEE_FILE = "lee_background.cor"
# lines with the words of another line, or all but a few of them
COPIES = frozenset(f"lee:{line}" for line in (73, 99, 113, 120, 121, 157, 183, 233, 237, 272, 289))


def read_lee(name: str, options: CorpusOptions) -> Found:
    """Return the news texts in the order of the file, one document a line.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    text = located(LEE_FILE, "lee").read_bytes().decode("utf-8")
    return Found(
        tuple(piece for piece in cut(Piece("lee", text), "line") if piece.name not in COPIES),
        sentences="punkt",
        source="289 short Australian news texts, the Lee background corpus in gensim's test data without copies",
    )


LEE = CorpusScheme(
    "289 news texts of the Australian Broadcasting Corporation of 2001, about 58,000 words",
    read_lee,
    missing=lambda: missing(LEE_FILE),
)
