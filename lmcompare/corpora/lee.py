"""``lee``: three hundred short news texts out of gensim's installed test data."""

from __future__ import annotations

from lmcompare.corpora.gensim_data import located
from lmcompare.corpora.pieces import Piece, cut

LEE_FILE = "lee_background.cor"


def read_lee() -> list[Piece]:
    """Return the news texts in the order of the file, a line each, with their line ends.

    Raises:
        LmcompareError: this gensim installation lacks the file.
    """
    text = located(LEE_FILE, "lee").read_bytes().decode("utf-8")
    return cut(Piece("lee", text), "line")
