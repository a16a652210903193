"""How the texts of two runs differ, in words."""

from __future__ import annotations

from lmcompare.analysis.comparability import TextDifference, parts_of, sizes_of
from lmcompare.report import numbers
from lmcompare.runfolder.run import Run

ASPECTS = ("text", "changes", "split", "documents and sentences")
SPLIT_OF = {"test split": "test", "training split": "train", "validation split": "valid"}


def in_words(difference: TextDifference) -> str:
    """Return one sentence on a difference between two texts."""
    run, other, kind = difference.run, difference.other, difference.kind
    if kind == "charging":
        return "The text is the same, but another version of lmcompare charged its bytes in another way."
    if kind == "test text":
        return f"The test texts differ: {_names(run, other)}."
    if kind == "training text":
        return f"The test text is the same, but the training texts differ: {_names(run, other)}."
    if kind == "validation text":
        return f"Only the validation texts differ: {_names(run, other)}."
    if kind == "source text":
        return f"The texts differed before they were changed or cut: {_names(run, other)}."
    if kind == "changes":
        return f"The text was changed in different ways: {_changes(run)} here, {_changes(other)} there."
    if kind == "boundaries":
        return (
            "The documents, the sentences or the white space between them differ: "
            f"{_documents(run)} here, {_documents(other)} there."
        )
    if kind == "names":
        return "The documents have different names: run both on the same files to compare them."
    here, there = (f"{numbers.count(sizes_of(each)[SPLIT_OF[kind]])} words" for each in (run, other))
    what = {
        "test split": "The text is split differently: the test text has",
        "training split": "The test text is the same, but the training text has",
        "validation split": "Only the validation texts differ: it has",
    }[kind]
    return f"{what} {here} here, {there} there."


def aspects(run: Run) -> dict[str, str]:
    """Return what the figures of a run depend on, by ``ASPECTS``."""
    read = f" [{digest}]" if (digest := parts_of(run).get("read")) else ""
    splits = "; ".join(f"{split} {numbers.count(size)} words" for split, size in sizes_of(run).items())
    return dict(
        zip(ASPECTS, (f"{run.corpus.get('name')}{read}", _changes(run), splits, _documents(run)), strict=True)
    )


def _names(run: Run, other: Run) -> str:
    names = [str(each.corpus.get("name")) for each in (run, other)]
    if names[0] == names[1]:  # two folders of the same name: their paths differ
        names = [str(each.corpus.get("source") or each.corpus.get("name")) for each in (run, other)]
    here, there = (f"“\u2068{name}\u2069”" for name in names)  # isolated: a name may be written from right to left
    return f"{here} here, {there} there"


def _changes(run: Run) -> str:
    return ", ".join(parts_of(run).get("changes") or ()) or "unchanged"


def _documents(run: Run) -> str:
    test = (run.corpus.get("splits") or {}).get("test") or {}
    counts = (numbers.plural(int(test.get(f"{noun}s") or 0), noun) for noun in ("document", "sentence"))
    return f"{' and '.join(counts)} in the test text"
