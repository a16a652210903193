"""A share of the training text, for curves over the amount of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from lmcompare.corpora.document import Piece
from lmcompare.corpora.sentences import Spans
from lmcompare.corpora.splits import by_hash, cut_by_words


def first_fraction(
    pieces: Sequence[Piece], share: float, key: Callable[[str], str], sentences: Callable[[Piece], Spans]
) -> tuple[list[Piece], str]:
    """Return the training text up to a share of its words, and a sentence for the report.

    The documents are taken by a hash of their text, so that a smaller share is a part of every larger one. The last
    is cut where the sentence ends that reaches the share, and a document of a single sentence as by `cut_by_words`.

    Parameters
    ----------
    pieces : sequence of Piece
        The documents, at least one.
    share : float
        Above 0, and up to 1.
    key : callable
        From a text to the text that is hashed.
    sentences : callable
        Finds the sentences of a document from that document alone: if they depended on the share, a smaller one might
        end after a larger one.
    """
    total = sum(piece.words for piece in pieces)
    taken: set[int] = set()
    cut: dict[int, Piece] = {}
    words = 0
    order = [number for group in by_hash(pieces, key) for number in group]
    for number in order:
        taken.add(number)
        wanted = share * total - words
        if pieces[number].words > wanted:
            cut[number] = _beginning(pieces[number], wanted, sentences)
            words += cut[number].words
        else:
            words += pieces[number].words
        if words >= share * total - 1e-9:
            break
    found = [cut.get(number, pieces[number]) for number in sorted(taken)]
    note = (
        f"The models are trained on {words:,} of the {total:,} words of training text, for a share of"
        f" {100 * share:g} %: documents by a hash of their text, the last up to the end of a sentence."
    )
    return found, note


def _beginning(piece: Piece, words: float, sentences: Callable[[Piece], Spans]) -> Piece:
    """Return a document up to the sentence that reaches a number of words; it is less than those of the document."""
    spans = sentences(piece)
    text, held = piece.text, 0
    for (start, end), (following, _) in pairwise(spans):
        held += len(text[start:end].split())
        if held and held >= words:
            return replace(piece, name=f"{piece.name} (beginning)", text=text[:following])
    return cut_by_words(piece, words) if len(spans) < 2 and words <= piece.words - 1 else piece
