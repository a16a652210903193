"""Whether figures of two runs can be compared: they must be measured on the same text and charged alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmcompare.runfolder.run import Run

SPLITS = ("train", "valid", "test")
Kind = Literal[
    "charging",  # the same text, but its bytes were charged by other rules
    "test text",
    "training text",
    "validation text",
    "source text",  # the text differs only where it was cut or changed afterwards
    "changes",  # such as lower case
    "test split",
    "training split",
    "validation split",
    "boundaries",  # documents, sentences or the white space between them
    "names",  # of documents
]
BY_SPLIT: tuple[tuple[str, Kind, Kind], ...] = (
    ("test", "test text", "test split"),
    ("train", "training text", "training split"),
    ("valid", "validation text", "validation split"),
)


@dataclass(frozen=True)
class TextDifference:
    """One way in which the text of a run differs from that of another run."""

    kind: Kind
    run: Run
    other: Run


def differences(run: Run, other: Run) -> list[TextDifference]:
    """Return how the text of a run differs from another's; empty if their bits per byte can be compared."""
    return [TextDifference(kind, run, other) for kind in _kinds(run, other)]


def same_tokenizer(run: Run, fingerprint: str, other: str) -> bool:
    """Return whether two tokenized texts of a run differ in their vocabularies only."""
    one, two = (run.manifest.tokens[fp].parts["tokenizer"] for fp in (fingerprint, other))
    return one == two


def sizes_of(run: Run) -> dict[str, int]:
    """Return the number of words of each split."""
    return {split: run.corpus.splits[split].words for split in SPLITS}


def _kinds(run: Run, other: Run) -> list[Kind]:
    if run.corpus_fingerprint == other.corpus_fingerprint:
        return ["charging"] if _charged_differently(run, other) else []
    parts, others = run.corpus.parts, other.corpus.parts
    differ = {name for name in {**parts, **others} if parts.get(name) != others.get(name)}
    if "read" in differ:
        return [next((text for split, text, _ in BY_SPLIT if split in differ), "source text")]
    found: list[Kind] = []
    if "changes" in differ:
        found.append("changes")
    if differ & set(SPLITS) and ("changes" not in differ or sizes_of(run) != sizes_of(other)):
        found.append(next(kind for split, _, kind in BY_SPLIT if split in differ))
    if "marks" in differ and not differ & {*SPLITS, "changes"}:
        found.append("boundaries")
    return found or ["names"]


def _charged_differently(run: Run, other: Run) -> bool:
    """Tokens with the same fingerprint are charged alike; other tokens may be."""
    if set(run.tokens) & set(other.tokens):
        return False
    ways, others = ({entry.parts["charged"] for entry in each.manifest.tokens.values()} for each in (run, other))
    return ways != others
