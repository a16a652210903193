"""Do two runs stand on the same text, so that their figures may be compared? If not, in what do the texts differ?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcompare.runfolder.run import Run

SPLITS = ("train", "valid", "test")
ASPECTS = ("text", "changes", "split", "documents and sentences")


def differences(run: Run, other: Run) -> list[str]:
    """Return in what a run's figures stand on something else than another's, a sentence each; none where bits per
    byte may be compared.
    """
    if run.corpus_fingerprint == other.corpus_fingerprint:
        return _charged_otherwise(run, other)
    parts, others = run.corpus.get("parts"), other.corpus.get("parts")
    if not (isinstance(parts, Mapping) and isinstance(others, Mapping)):
        return ["Its text is another, or cut or split otherwise: the version that ran it did not note which."]
    differ = {name for name in {**parts, **others} if parts.get(name) != others.get(name)}
    if "read" in differ:
        return _another_text(run, other, differ)
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


def _charged_otherwise(run: Run, other: Run) -> list[str]:
    """Say whether bytes of the same text were charged in another way: not where some tokens are the same, whose
    fingerprint holds it.
    """
    if set(run.tokens) & set(other.tokens):
        return []
    ways, others = (
        {table.entry.get("parts", {}).get("charged") for table in each.tokens.values()} for each in (run, other)
    )
    if ways == others and None not in ways:
        return []
    if None in ways | others:
        return ["The text is the same, but an older version that did not note how it charges bytes ran one of them."]
    return ["The text is the same, but another version of lmcompare charged its bytes in another way."]


def tokens_differ(run: Run, fingerprint: str, other: str) -> str:
    """Return in what tokens of one fingerprint differ from those of another, as the end of a sentence."""
    one, two = (run.tokens[fp].entry for fp in (fingerprint, other))
    parts, others = one.get("parts") or {}, two.get("parts") or {}
    if parts.get("tokenizer") and parts.get("tokenizer") == others.get("tokenizer"):
        return f"the vocabulary is another here, of {one.get('types') or 0:,} types for {two.get('types') or 0:,}"
    return "what counts as a token is another thing here"


def _another_text(run: Run, other: Run, differ: set[str]) -> list[str]:
    names = [str(each.corpus.get("name")) for each in (run, other)]
    if names[0] == names[1]:  # of files, the folder's: where they lie says more
        names = [str(each.corpus.get("source") or each.corpus.get("name")) for each in (run, other)]
    here, there = (f"“\u2068{name}\u2069”" for name in names)  # isolated: a name may be written from right to left
    named = f"{here} here, {there} there"
    if "test" in differ:
        return [f"The test text is another: {named}."]
    if "train" in differ:
        return [f"The test text is the same, but the models learnt from another: {named}."]
    if "valid" in differ:
        return [f"Choices are made on another text: {named}."]
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
