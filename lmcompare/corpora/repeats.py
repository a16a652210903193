"""What of the held-out documents stands in train already: passages that a table of counts knows by heart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lmcompare.corpora.pieces import Piece

RUN = 8  # words: longer runs are hardly ever the same by chance
MUCH = 0.5  # the share of a document's runs from which it is listed
LISTED = 5


def repeated_documents(split: Mapping[str, Sequence[Piece]]) -> list[str]:
    """Return a sentence for valid and for test that names the documents whose runs of eight words, half of them or
    more, stand in train as well; none where there is no such document.
    """
    runs = {which: [set(_runs(piece.text)) for piece in split[which]] for which in ("valid", "test")}
    held_out = set().union(*runs["valid"], *runs["test"])
    known = {run for piece in split["train"] for run in _runs(piece.text) if run in held_out}
    notes = []
    for which, documents in runs.items():
        shares = [
            (len(r & known) / len(r), piece.name) for r, piece in zip(documents, split[which], strict=True) if r
        ]
        found = sorted(((share, name) for share, name in shares if share >= MUCH), reverse=True)
        if found:
            named = ", ".join(f"{name} ({100 * share:.0f} %)" for share, name in found[:LISTED])
            more = f" and {len(found) - LISTED:,} more" if len(found) > LISTED else ""
            notes.append(
                f"Documents of {which} of whose runs of {RUN} words half or more stand in train as well: "
                f"{len(found):,} of {len(documents):,} ({named}{more}). Models that learn by heart gain by them."
            )
    return notes


def _runs(text: str) -> Iterator[int]:
    """Yield a hash of every run of words."""
    words = text.split()
    for i in range(len(words) - RUN + 1):
        yield hash(tuple(words[i : i + RUN]))
