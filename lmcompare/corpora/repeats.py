"""What of the held-out documents stands in train already: passages that a table of counts knows by heart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lmcompare.corpora.pieces import Piece

RUN = 8  # words: longer runs are hardly ever the same by chance
MUCH = 0.5  # the share of a document's runs from which it is listed
LISTED = 5


def repeated_shares(split: Mapping[str, Sequence[Piece]]) -> dict[str, list[float]]:
    """Return for each document the share of its different runs of eight words that stand in train as well, if it is
    held out; 0 for one that is shorter, and for those of train.
    """
    runs = {which: [set(_runs(piece.text)) for piece in split[which]] for which in ("valid", "test")}
    held_out = set().union(*runs["valid"], *runs["test"])
    known = {run for piece in split["train"] for run in _runs(piece.text) if run in held_out}
    shares = {which: [len(r & known) / max(len(r), 1) for r in documents] for which, documents in runs.items()}
    return {"train": [0.0] * len(split["train"]), **shares}


def repeats_noted(split: Mapping[str, Sequence[Piece]], shares: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a sentence for each split that names the documents whose share is a half or more; none where there is no
    such document.
    """
    notes = []
    for which, of_documents in shares.items():
        named = zip(of_documents, (piece.name for piece in split[which]), strict=True)
        found = sorted(((share, name) for share, name in named if share >= MUCH), reverse=True)
        if found:
            some = ", ".join(f"{name} ({100 * share:.0f} %)" for share, name in found[:LISTED])
            more = f" and {len(found) - LISTED:,} more" if len(found) > LISTED else ""
            notes.append(
                f"Documents of {which} of whose runs of {RUN} words half or more stand in train as well: "
                f"{len(found):,} of {len(of_documents):,} ({some}{more}). Models that learn by heart gain by them."
            )
    return notes


def _runs(text: str) -> Iterator[int]:
    """Yield a hash of every run of words."""
    words = text.split()
    for i in range(len(words) - RUN + 1):
        yield hash(tuple(words[i : i + RUN]))
