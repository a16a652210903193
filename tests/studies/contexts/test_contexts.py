"""One word in several contexts: where it is found, and what is between its vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.errors import PluginError
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text.reading import prepare
from lmcompare.model import FloatArray
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.studies.contexts.measure import (
    CONTEXTS,
    FEWEST,
    RARE,
    SHOWN_WORDS,
    chosen_words,
    cosine_distances,
    word_tables,
)
from lmcompare.tokens import Encoded, IntArray
from tests.checks.honest import Honest

TRAIN = ["the river bank was green", "a bank lent them money", "we sat by the bank of the river all day"] * RARE
RIVERS = ["they walked along the river bank", "bank of the river"]
MONEY = ["in town the bank lent money to the poor", "but no bank gave any"]
PROMPTS = ["the river bank", "no such word", "a line\nthe central bank of it\nbank"]


def prepared(
    folder: Path,
    test: list[list[str]],
    train: list[str] = TRAIN,
    kind: str = "whitespace",
    valid: list[str] = RIVERS,
) -> TokenizedCorpus:
    splits = {"train": [[line] for line in train], "valid": [valid], "test": test}
    for which, documents in splits.items():
        (folder / f"{which}.txt").write_text("\n\n".join("\n".join(lines) for lines in documents) + "\n")
    corpus = load({which: folder / f"{which}.txt" for which in splits}, CorpusOptions(documents="blank-line"))
    return prepare(corpus, TokensTable(kind=kind), folder / "tokens")


class Vectors(Honest):
    """Has one vector a word, and at each place the sum of those of the document so far if ``sums``."""

    def __init__(self, sums: bool = False) -> None:
        super().__init__()
        self.sums = sums
        self.asked = 0

    def word_vectors(self) -> FloatArray:
        return np.random.default_rng(0).normal(size=(200, 5))

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        self.asked += len(text)
        if not self.sums:
            return super().context_vectors(text, at)
        table = self.word_vectors()
        return np.stack([table[text.ids[s : a + 1]].sum(0) for s, a in zip(text.context_starts(at), at, strict=True)])


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    valid = ["many boats went by in spring"]  # text that is in two splits is not shown
    return prepared(tmp_path_factory.mktemp("contexts"), [RIVERS, MONEY], valid=valid)


def test_distances_worked_by_hand() -> None:
    found = cosine_distances(np.array([[1.0, 0], [0, 2], [3, 3], [1, 0], [-1, 0], [0, 0], [0, 0]]))
    half = 1 - np.sqrt(0.5)
    assert found[0].round(12).tolist() == [0, 1, round(half, 12), 0, 2, 1, 1]
    assert found[5, 6] == 0.0
    huge = cosine_distances(np.array([[1e200, 1e200], [1e-200, 0.0], [1e-200, 1e-200]]))
    assert huge[0] == pytest.approx([0.0, half, 0.0], abs=1e-12)
    np.testing.assert_array_equal(found, found.T)
    assert not found.diagonal().any()


def test_a_word_is_found_in_prompts_and_in_test(text: TokenizedCorpus) -> None:
    (word,) = chosen_words(text, PROMPTS, ["bank"])
    said = [(c.before, c.word, c.after, c.document, c.position) for c in word.contexts]
    assert said[:2] == [("the river", " bank", "", None, None), ("the central", " bank", " of it", None, None)]
    # one place in each document before the second of any, and those with less than three words before them last
    assert set(said[2:4]) == {
        ("they walked along the river", " bank", "", 0, 5),
        ("in town the", " bank", " lent money to the poor", 1, 3),
    }
    assert set(said[4:]) == {("", "bank", " of the river", 0, 7), ("but no", " bank", " gave any", 1, 12)}
    bank = text.vocabulary.id("bank")
    for context in word.contexts:
        assert context.ids[-1] == bank
        if context.document is not None:
            np.testing.assert_array_equal(
                context.ids, list(text.test.documents())[context.document][: (context.position or 0) + 1]
            )
    assert word.contexts[1].ids.tolist() == text.prompt_ids("a line\nthe central bank").tolist()


def test_words_asked_for_are_there_even_if_nowhere(tmp_path: Path) -> None:
    text = prepared(tmp_path, [RIVERS])
    words = chosen_words(text, [], ["zebra", "bank", "zebra", "</s>", "<unk>"])
    assert [(w.word, len(w.contexts)) for w in words] == [("zebra", 0), ("bank", 2), ("</s>", 0), ("<unk>", 0)]
    tables = word_tables(Vectors(), text, words)
    assert tables[0] == {"word": "zebra", "contexts": [], "distances": []}


def test_words_are_chosen_from_the_text_where_none_are_asked_for(tmp_path: Path) -> None:
    rare = [f"here stands a word{'abcdefgh'[k]} in it" for k in range(8)]
    common = [f"filler{'abcdefghijklmnopqrstuvwxyz'[i % 26]}{'abcdefghij'[i // 26]}" for i in range(230)]
    train = [*(rare * RARE), *[" ".join(common)] * (2 * RARE)]
    train = [line.replace("worda", "wordA") for line in train]
    documents = [[line, *TRAIN[:1]] for line in ("wordb wordc wordd", "wordd wordc wordb", "wordc wordb")]
    documents += [["wordb and then wordc", "wordz"], ["wordb wordb wordb"] * 9]
    text = prepared(tmp_path, documents, [line for line in train if line])
    words = chosen_words(text, [], None)
    assert [w.word for w in words] == ["wordb", "wordc"]  # wordd occurs in two documents only
    assert len(words) <= SHOWN_WORDS
    assert all(FEWEST <= len(w.contexts) <= CONTEXTS for w in words)
    assert len(words[0].contexts) == CONTEXTS
    assert {c.document for c in words[0].contexts[:5]} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("second", [None, np.ones((1, 2))])
def test_another_answer_the_second_time_is_one_sentence(text: TokenizedCorpus, second: FloatArray | None) -> None:
    class Fickle(Vectors):
        def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
            self.asked += 1
            return np.ones((len(at), 3)) if self.asked == 1 else second and second.repeat(len(at), 0)

    if second is not None:
        Fickle.context_vectors = lambda self, text, at: np.ones((len(at), 3 if len(at) == 6 else 2))  # type: ignore[method-assign]
    with pytest.raises(PluginError, match="another width, or none, for another text"):
        word_tables(Fickle(), text, chosen_words(text, PROMPTS, ["bank"]))


def test_a_blank_is_a_word_and_nothing_is_none(tmp_path: Path) -> None:
    text = prepared(tmp_path, [RIVERS, MONEY], kind="char")
    blank, nothing = chosen_words(text, ["a b"], [" ", ""])
    assert len(blank.contexts) == CONTEXTS
    assert len(nothing.contexts) == 0
    assert chosen_words(text, PROMPTS, None) == []  # no word is a token of characters


def test_the_places_are_the_same_under_other_tokens(tmp_path: Path) -> None:
    for name in ("all", "few"):
        (tmp_path / name).mkdir()
    documents = [[f"line {k} of the bank", "another bank and the bank"] for k in range(9)]
    whole = prepared(tmp_path / "all", documents)
    few = prepared(tmp_path / "few", documents, TRAIN[:1] * 3)  # fewer types
    (one,), (other,) = (chosen_words(text, [], ["bank"]) for text in (whole, few))
    assert len(whole.vocabulary) != len(few.vocabulary)
    assert [(c.document, c.byte) for c in one.contexts] == [(c.document, c.byte) for c in other.contexts]


def test_one_vector_a_word_is_no_distance_and_sums_have_one(text: TokenizedCorpus) -> None:
    words = chosen_words(text, PROMPTS, ["bank", "river"])
    still, moving = word_tables(Vectors(), text, words), word_tables(Vectors(sums=True), text, words)
    assert [t["contexts"] for t in still] == [t["contexts"] for t in moving]
    assert not np.any(still[0]["distances"])
    assert not np.any(still[1]["distances"])
    # by brute force: the model's vectors at these places, less their mean over all of test, which is short
    model = Vectors(sums=True)
    mean = model.context_vectors(text.test, np.arange(len(text.test))).mean(0)  # type: ignore[union-attr]
    for word, table in zip(words, moving, strict=True):
        rows = [model.word_vectors()[c.ids].sum(0) - mean for c in word.contexts]
        for i, a in enumerate(rows):
            for j, b in enumerate(rows):
                cosine = a @ b / np.sqrt(a @ a * (b @ b))
                assert table["distances"][i][j] == pytest.approx(1 - cosine, abs=6e-5)


def test_a_document_is_read_once(text: TokenizedCorpus) -> None:
    model = Vectors()
    word_tables(model, text, chosen_words(text, [], ["bank", "river"]))
    # up to its last word that is asked for; and once for the mean
    assert model.asked == 11 + 13 + len(text.test)


def test_a_model_without_vectors_has_no_distances(text: TokenizedCorpus) -> None:
    class Without(Vectors):
        def context_vectors(self, text: Encoded, at: IntArray) -> None:
            return None

    (table,) = word_tables(Without(), text, chosen_words(text, PROMPTS, ["bank"]))
    assert table["distances"] is None
    assert len(table["contexts"]) == 6


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.ones(6), r"the shape \(6,\) for 6 positions"),
        (np.ones((2, 3)), r"the shape \(2, 3\) for 6 positions"),
        (np.ones((6, 0)), r"the shape \(6, 0\)"),
        (np.full((6, 3), np.nan), "numbers that are not finite"),
        ([[1.0]] * 6, "list: return"),
        (np.ones((6, 3), complex), "complex128: return"),
        (np.ones((6, 3), object), "object: return"),
    ],
)
def test_a_wrong_answer_is_one_sentence(text: TokenizedCorpus, answer: object, said: str) -> None:
    class Wrong(Vectors):
        def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
            return answer  # type: ignore[return-value]

    with pytest.raises(PluginError, match=rf"Wrong.context_vectors returned {said}"):
        word_tables(Wrong(), text, chosen_words(text, PROMPTS, ["bank"]))
