"""What is shown of the test text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.harness.reading import prepare
from lmcompare.harness.tables import TokensTable
from lmcompare.measure import scoring
from lmcompare.measure.scoring import (
    LONGEST_EXAMPLE,
    example_sentences,
    fresh_documents,
    measured_part,
    shown_positions,
)
from lmcompare.runfolder.tokens import TokenizedCorpus

KNOWN = ["the cat that sat on the mat saw a dog run by", "and the dog ran after a bird that sang in the tree"]
FRESH = ["a green boat went down the river to a town", "where men in red coats sold it for a few coins"]


def prepared(tmp_path: Path, test: list[list[str]]) -> TokenizedCorpus:
    """Each split is a file of documents between blank lines."""
    splits = {
        "train": [KNOWN, ["one two three four five six seven eight nine ten"]],
        "valid": [["an old king had three daughters"]],
        "test": test,
    }
    for which, documents in splits.items():
        (tmp_path / f"{which}.txt").write_text("\n\n".join("\n".join(lines) for lines in documents) + "\n")
    corpus = load({which: tmp_path / f"{which}.txt" for which in splits}, CorpusOptions(documents="blank-line"))
    assert [d.repeat is not None for d in corpus.test] == [lines == KNOWN for lines in test]
    return prepare(corpus, TokensTable(kind="whitespace"), tmp_path / "tokens")


def test_a_document_that_stands_in_train_is_no_example(tmp_path: Path) -> None:
    found = prepared(tmp_path, [KNOWN, FRESH])
    assert fresh_documents(found).tolist() == [False, True]
    everywhere = measured_part(found, whole=True).at
    assert set(found.test.document_of(shown_positions(found, everywhere)).tolist()) == {1}
    assert {sentence.document for sentence in example_sentences(found, 4)} == {1}
    again = TokenizedCorpus(found.path)
    np.testing.assert_array_equal(shown_positions(again, everywhere), shown_positions(found, everywhere))


def test_where_all_documents_stand_in_train_they_are_shown(tmp_path: Path) -> None:
    found = prepared(tmp_path, [KNOWN])
    assert fresh_documents(found).tolist() == [True]
    assert len(shown_positions(found, measured_part(found, whole=True).at)) == len(found.test)
    assert len(example_sentences(found, 2)) == 2


def test_of_a_very_long_sentence_the_beginning_is_shown(tmp_path: Path) -> None:
    found = prepared(tmp_path, [[" ".join(f"w{n}" for n in range(5000))]])
    (shown,) = example_sentences(found, 4)
    assert shown.tokens == [f"w{n}" for n in range(LONGEST_EXAMPLE)]
    assert (shown.first, shown.start) == (0, 0)


def test_of_a_long_text_documents_drawn_by_a_hash_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = [[f"a b c {n}", "d e", "f g h i"] for n in range(9)]
    found = prepared(tmp_path, test)
    whole = measured_part(found, whole=False)
    np.testing.assert_array_equal(whole.at, np.arange(len(found.test)))
    assert whole.sentences.n_documents == 27
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 10)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(33, 34))
    part = measured_part(TokenizedCorpus(found.path), whole=False)
    np.testing.assert_array_equal(part.text.ids, found.test.ids[part.at])
    # documents of 13 tokens, the last cut after its first two sentences of 5 and 3 tokens, if not 7 tokens fit
    lengths = np.diff(np.append(part.text.starts, len(part.at)))
    assert sorted(lengths.tolist()) == [5, 13, 13]
    starts = found.test.starts.tolist()
    assert all(int(part.at[start]) in starts for start in part.text.starts)
    assert part.sentences.n_documents == 7
    assert all(part.text.ids[end - 1] == found.vocabulary.end for end in part.sentences.ends)
    shown = shown_positions(found, part.at)
    assert set(shown) <= set(part.at.tolist())
    assert len(measured_part(found, whole=True).at) == len(found.test)


def test_of_a_text_of_one_very_long_sentence_the_beginning_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = prepared(tmp_path, [[" ".join(f"w{n}" for n in range(500))]])
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 10)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(33, 34))
    part = measured_part(found, whole=False)
    np.testing.assert_array_equal(part.at, np.arange(33))
    assert (part.text.n_documents, part.sentences.n_documents) == (1, 1)
    assert len(shown_positions(found, part.at)) == 33


def test_the_sample_is_smaller_for_a_larger_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = prepared(tmp_path, [[f"a b c {n}"] for n in range(40)])  # documents of 5 tokens
    types = len(found.vocabulary)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(20, 101))
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 150 * types)
    for drawn, tokens in ((50 * types, 50), (types, 20), (120 * types, 100)):
        monkeypatch.setattr(scoring, "SAMPLE_PROBABILITIES", drawn)
        assert len(measured_part(found, whole=False).at) == tokens
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 200 * types)
    assert len(measured_part(found, whole=False).at) == 200
    monkeypatch.setattr(scoring, "SHOWN_PROBABILITIES", 32 * types)
    assert len(shown_positions(found, np.arange(200))) == 30  # six documents of one passage
