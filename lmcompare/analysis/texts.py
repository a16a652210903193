"""Do two runs stand on the same text, so that their figures may be compared? If not, in what do the texts differ?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcompare.analysis.run import Run

SPLITS = ("train", "valid", "test")
ASPECTS = ("text", "changes", "split", "documents and sentences")


def comparable_key(run: Run) -> tuple[str, str]:
    """Return what two runs must share for their bits per byte to be compared: the corpus, and what is charged."""
    parts = [table.entry.get("parts") or {} for table in run.tokens.values()]
    return run.corpus_fingerprint, ",".join(sorted({str(each.get("charged")) for each in parts}))


def differences(run: Run, other: Run) -> list[str]:
    """Return in what a run's figures stand on something else than another's, a sentence each; none where bits per
    byte may be compared.
    """
    if comparable_key(run) == comparable_key(other):
        return []
    if run.corpus_fingerprint == other.corpus_fingerprint:
        return ["The text is the same, but another version of lmcompare charged its bytes in another way."]
    parts, others = run.corpus.get("parts"), other.corpus.get("parts")
    if not (isinstance(parts, Mapping) and isinstance(others, Mapping)):
        return ["Its text is another, or cut or split otherwise: the version that ran it did not note which."]
    differ = {name for name in {**parts, **others} if parts.get(name) != others.get(name)}
    if "read" in differ:
        return [*_another_text(run, other, differ)]
    said = []
    if "changes" in differ:
        said.append(f"The text was changed in another way: {_changes(parts)} here, {_changes(others)} there.")
    if differ & set(SPLITS) and ("changes" not in differ or _sizes(run) != _sizes(other)):
        said += _another_split(run, other, differ)
    if "marks" in differ and not differ & {*SPLITS, "changes"}:
        said.append(
            "What counts as a document or a sentence, or the white space between them, is another thing: "
            f"{_marks(run)} here, {_marks(other)} there."
        )
    return said or ["Its documents have other names: run both on the same files to compare them."]


def tokens_differ(run: Run, fingerprint: str, other: str) -> str:
    """Return in what tokens of one fingerprint differ from those of another, as the end of a sentence."""
    one, two = (run.tokens[fp].entry for fp in (fingerprint, other))
    parts, others = one.get("parts") or {}, two.get("parts") or {}
    if parts.get("tokenizer") and parts.get("tokenizer") == others.get("tokenizer"):
        return f"the vocabulary is another here, of {one.get('types') or 0:,} types for {two.get('types') or 0:,}"
    return "what counts as a token is another thing here"


def _another_text(run: Run, other: Run, differ: set[str]) -> list[str]:
    named = f"“{run.corpus.get('name')}” here, “{other.corpus.get('name')}” there"
    if "test" in differ:
        return [f"The test text is another: {named}."]
    if differ & {"train", "valid"}:
        return [f"The test text is the same, but the models learnt from another: {named}."]
    return [f"The text was another before it was changed or cut: {named}."]


def _another_split(run: Run, other: Run, differ: set[str]) -> list[str]:
    if "test" in differ:
        return [f"The text is split otherwise: test is {_size(run, 'test')} here, {_size(other, 'test')} there."]
    if "train" in differ:
        return [
            "The test text is the same, but the models learnt from another part of the text: "
            f"{_size(run, 'train')} here, {_size(other, 'train')} there."
        ]
    return [f"Choices are made on another text: valid is {_size(run, 'valid')} here, {_size(other, 'valid')} there."]


def aspects(run: Run) -> dict[str, str]:
    """Return what figures on a run's text depend on, in words, by ``ASPECTS``."""
    corpus, parts = run.corpus, run.corpus.get("parts") or {}
    read = f" [{parts['read']}]" if parts.get("read") else ""
    sizes = (f"{which} {size}" for which, size in zip(SPLITS, _sizes(run), strict=True))
    said = (f"{corpus.get('name')}{read}", _changes(parts), "; ".join(sizes), _marks(run))
    return dict(zip(ASPECTS, said, strict=True))


def _sizes(run: Run) -> list[str]:
    return [_size(run, which) for which in SPLITS]


def _changes(parts: Mapping[str, Any]) -> str:
    changes: Sequence[str] = parts.get("changes") or ()
    return ", ".join(changes) or "as it is"


def _size(run: Run, split: str) -> str:
    table = (run.corpus.get("splits") or {}).get(split) or {}
    return f"{table.get('words') or 0:,} words"


def _marks(run: Run) -> str:
    table = (run.corpus.get("splits") or {}).get("test") or {}
    counts = ((noun, int(table.get(f"{noun}s") or 0)) for noun in ("document", "sentence"))
    return " and ".join(f"{n:,} {noun}{'' if n == 1 else 's'}" for noun, n in counts) + " in test"
