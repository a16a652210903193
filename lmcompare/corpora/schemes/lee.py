"""``lee``: short news texts from gensim's installed test data."""

from __future__ import annotations

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import Piece, cut
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.schemes.gensim_data import located, missing

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
