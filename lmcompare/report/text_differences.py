"""How the texts of two runs differ, in words."""

from __future__ import annotations

from lmcompare.analysis.comparability import Kind, TextDifference, sizes_of
from lmcompare.render import numbers
from lmcompare.runfolder.run import Run

ASPECTS = ("text", "changes", "split", "documents and sentences")
SPLIT_OF = {"test split": "test", "training split": "train", "validation split": "valid"}
SENTENCES: dict[Kind, str] = {
    "charging": "The text is the same, but another version of lmcompare charged its bytes in another way.",
    "test text": "The test texts differ: {names}.",
    "training text": "The test text is the same, but the training texts differ: {names}.",
    "validation text": "Only the validation texts differ: {names}.",
    "source text": "The texts differed before they were changed or cut: {names}.",
    "changes": "The text was changed in different ways: {changes}.",
    "test split": "The text is split differently: the test text has {words}.",
    "training split": "The test text is the same, but the training text has {words}.",
    "validation split": "Only the validation texts differ: it has {words}.",
    "boundaries": "The documents, the sentences or the white space between them differ: {documents}.",
    "names": "The documents have different names: run both on the same files to compare them.",
}


def in_words(difference: TextDifference) -> str:
    """Return one sentence on a difference between two texts."""
    runs = difference.run, difference.other
    split = SPLIT_OF.get(difference.kind, "test")
    return SENTENCES[difference.kind].format(
        names=_here_and_there(*_names(*runs)),
        changes=_here_and_there(*map(_changes, runs)),
        words=_here_and_there(*(f"{numbers.count(sizes_of(run)[split])} words" for run in runs)),
        documents=_here_and_there(*map(_documents, runs)),
    )


def aspects(run: Run) -> dict[str, str]:
    """Return what the figures of a run depend on, by ``ASPECTS``."""
    read = f" [{digest}]" if (digest := run.corpus.parts.get("read")) else ""
    splits = "; ".join(f"{split} {numbers.count(size)} words" for split, size in sizes_of(run).items())
    return dict(zip(ASPECTS, (f"{run.corpus.name}{read}", _changes(run), splits, _documents(run)), strict=True))


def _here_and_there(one: str, other: str) -> str:
    return f"{one} here, {other} there"


def _names(*runs: Run) -> list[str]:
    names = [run.corpus.name for run in runs]
    if names[0] == names[1]:  # two folders of the same name: their paths differ
        names = [run.corpus.source or run.corpus.name for run in runs]
    return [f"“\u2068{name}\u2069”" for name in names]  # isolated: a name may be written from right to left


def _changes(run: Run) -> str:
    return ", ".join(run.corpus.parts.get("changes") or ()) or "unchanged"


def _documents(run: Run) -> str:
    test = run.corpus.splits["test"]
    documents, sentences = numbers.plural(test.documents, "document"), numbers.plural(test.sentences, "sentence")
    return f"{documents} and {sentences} in the test text"
