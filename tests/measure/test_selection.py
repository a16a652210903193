"""What is shown of the test text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lmcompare.corpora import CorpusOptions, load
from lmcompare.harness.experiment import TokensTable
from lmcompare.harness.prepare import prepare
from lmcompare.measure.selection import LONGEST_EXAMPLE, example_sentences, fresh_documents, shown_positions
from lmcompare.runfolder.tokens import TokenizedCorpus

KNOWN = ["the cat that sat on the mat saw a dog run by", "and the dog ran after a bird that sang in the tree"]
FRESH = ["a green boat went down the river to a town", "where men in red coats sold it for a few coins"]


def prepared(tmp_path: Path, test: list[list[str]]) -> TokenizedCorpus:
    """Each split is a file of documents between blank lines."""
    splits = {"train": [KNOWN, ["one two three four five six seven eight nine ten"]], "valid": [FRESH], "test": test}
    for which, documents in splits.items():
        (tmp_path / f"{which}.txt").write_text("\n\n".join("\n".join(lines) for lines in documents) + "\n")
    corpus = load({which: tmp_path / f"{which}.txt" for which in splits}, CorpusOptions(documents="blank-line"))
    assert [d.repeated for d in corpus.test] == [lines == KNOWN for lines in test]
    assert not any(d.repeated for d in (*corpus.train, *corpus.valid))
    return prepare(corpus, TokensTable(kind="whitespace"), tmp_path / "tokens")


def test_a_document_that_stands_in_train_is_no_example(tmp_path: Path) -> None:
    found = prepared(tmp_path, [KNOWN, FRESH])
    assert fresh_documents(found).tolist() == [False, True]
    assert set(found.test.document_of(shown_positions(found)).tolist()) == {1}
    assert {sentence.document for sentence in example_sentences(found, 4)} == {1}
    again = TokenizedCorpus(found.path)
    np.testing.assert_array_equal(shown_positions(again), shown_positions(found))


def test_where_all_documents_stand_in_train_they_are_shown(tmp_path: Path) -> None:
    found = prepared(tmp_path, [KNOWN])
    assert fresh_documents(found).tolist() == [True]
    assert len(shown_positions(found)) == len(found.test)
    assert len(example_sentences(found, 2)) == 2


def test_of_a_very_long_sentence_the_beginning_is_shown(tmp_path: Path) -> None:
    found = prepared(tmp_path, [[" ".join(f"w{n}" for n in range(5000))]])
    (shown,) = example_sentences(found, 4)
    assert shown.tokens == [f"w{n}" for n in range(LONGEST_EXAMPLE)]
    assert (shown.first, shown.start) == (0, 0)
