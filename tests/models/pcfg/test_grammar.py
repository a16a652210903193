"""Trees are read as written; rules and words of tags are counted as by hand; the matrices are sums of all chains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nltk import Tree

from lmcompare.errors import LmcompareError
from lmcompare.models.pcfg.grammar import LEAST, RARE, ROOT, classes_of, emissions, matched, read_grammar, read_trees
from lmcompare.tokens import Encoded, Vocabulary

MAT = "(S (NP-SBJ-1 (DT the) (NN cat)) (VP (VBD sat) (NP (-NONE- *-1))) (. .))"


def write(folder: Path, *trees: str) -> Path:
    path = folder / "trees.mrg"
    path.write_text("\n\n".join(trees), encoding="utf-8")
    return path


def encoded(vocabulary: Vocabulary, *sentences: str, spans: bool = True) -> Encoded:
    """Sentences of one document; words are one blank apart."""
    ids, ranges, at = [], [], 0
    for sentence in sentences:
        for word in sentence.split():
            ranges.append((at, at + len(word.encode())))
            at = ranges[-1][1] + 1
        ranges.append((at, at))
        ids += [*vocabulary.ids(sentence.split()).tolist(), vocabulary.end]
    return Encoded(np.array(ids), np.array([0]), vocabulary, np.array(ranges) if spans else None)


def leaves(vocabulary: Vocabulary, text: Encoded, path: Path) -> list[str]:
    found = matched(read_trees(path), text)
    return sorted(" ".join(vocabulary[i] for i in tree.leaves()) for those in found.values() for tree in those)


def test_functions_and_empty_elements_are_left_out(tmp_path: Path) -> None:
    (first, second) = read_trees(write(tmp_path, f"( {MAT} )", "(NP=2 (-LRB- -LRB-) all (NN cats))"))
    assert first.pformat(margin=500) == "(S (NP (DT the) (NN cat)) (VP (VBD sat)) (. .))"
    assert second.pformat(margin=500) == "(NP (-LRB- -LRB-) (NP word all) (NN cats))"


@pytest.mark.parametrize(
    ("text", "said"), [("(S (NP the", "no trees in brackets"), ("a b", "no trees in brackets"), ("", "no trees")]
)
def test_what_is_no_tree_is_said(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=said):
        read_trees(write(tmp_path, text))


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LmcompareError, match="can't be read"):
        read_trees(tmp_path / "none.mrg")
    monkeypatch.setattr("nltk.data.path", [str(tmp_path)])
    with pytest.raises(LmcompareError, match=r"python -m nltk\.downloader treebank"):
        read_trees(None)


def test_trees_of_other_sentences_are_not_taken(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "cat", "dog", "sat", "."])
    path = write(tmp_path, MAT, MAT.replace("cat", "dog"), MAT.replace("cat", "horse"))
    text = encoded(vocabulary, "the cat sat .", "the cat sat . .", "the cat")
    assert leaves(vocabulary, text, path) == ["the cat sat ."]


def test_capitals_may_have_been_made_small(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "cat", "sat", "."])
    path = write(tmp_path, MAT.replace("the", "The"))
    assert leaves(vocabulary, encoded(vocabulary, "the cat sat ."), path) == ["the cat sat ."]


@pytest.mark.parametrize("spans", [True, False])
def test_an_unknown_word_does_not_stand_for_that_of_a_held_out_sentence(spans: bool, tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "sat", "."])
    path = write(tmp_path, MAT, MAT.replace("cat", "dog"), MAT.replace("cat", "horse"))
    text = encoded(vocabulary, "the horse sat .", spans=spans)  # the other two are held out
    assert leaves(vocabulary, text, path) == (["the <unk> sat ."] if spans else [])
    assert leaves(vocabulary, encoded(vocabulary, "the cat sat .", spans=spans), path) == []
    both = encoded(vocabulary, "the cat sat .", "the dog sat .")
    assert leaves(vocabulary, both, path) == ["the <unk> sat ."] * 2


def test_sentences_of_unknown_words_have_no_tree(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "."])
    path = write(tmp_path, MAT, "(FRAG (NN cat))")
    assert leaves(vocabulary, encoded(vocabulary, "the cat sat .", "cat"), path) == []


def numbered(text: str) -> Tree:
    return Tree.fromstring(text, read_leaf=int)


def rules_of(trees: list[str], horizontal: int, vertical: int) -> dict[tuple[str, ...], float]:
    grammar, _ = read_grammar([numbered(text) for text in trees], horizontal, vertical)
    named = [tuple(grammar.symbols[k] for k in rule) for rule in (*grammar.binary.tolist(), *grammar.unary.tolist())]
    return dict(zip(named, [*grammar.binary_chance, *grammar.unary_chance], strict=True))


TREES = ["(S (NP (D 0) (N 1)) (VP (V 2)))", "(S (NP (D 0) (A 3) (A 3) (N 1)) (VP (V 2) (NP (N 4))))"]


def test_rules_are_shares_of_their_parents() -> None:
    found = rules_of(TREES, 1, 1)
    third, half = pytest.approx(1 / 3), pytest.approx(0.5)
    assert found == {
        (ROOT, "S"): 1.0,
        ("S", "NP", "VP"): 1.0,
        ("NP", "(D", "(N"): third,
        ("NP", "(D", "NP … after (D"): third,
        ("NP", "(N"): third,
        ("NP … after (D", "(A", "NP … after (A"): 1.0,
        ("NP … after (A", "(A", "(N"): 1.0,
        ("VP", "(V"): half,
        ("VP", "(V", "NP"): half,
    }


def test_phrases_are_told_apart_by_those_above_them() -> None:
    found = rules_of(TREES, 2, 2)
    assert found["NP under VP", "(N"] == 1.0
    assert found["NP under S", "(D", "(N"] == 0.5
    assert found["NP under S … after (D", "(A", "NP under S … after (D (A"] == 1.0


@pytest.mark.parametrize("vertical", [1, 2])
def test_labels_that_look_like_symbols_are_labels(vertical: int) -> None:
    def mass(tree: str) -> list[float]:
        grammar, _ = read_grammar([numbered(tree)], 2, vertical)
        return sorted([*grammar.binary_chance, *grammar.unary_chance])

    odd = "(:N (ROOT (:D (D 0)) (N 1)) (N^S (:D (D 0)) (N 1)))"
    assert mass(odd) == mass("(A (B (C (D 0)) (N 1)) (E (C (D 0)) (N 1)))")


def test_tags_have_their_words() -> None:
    grammar, counts = read_grammar([numbered(text) for text in TREES], 1, 1)
    assert {(grammar.symbols[tag], word): n for (tag, word), n in counts.items()} == {
        ("(D", 0): 2,
        ("(N", 1): 2,
        ("(N", 4): 1,
        ("(V", 2): 2,
        ("(A", 3): 2,
    }


def test_matrices_are_sums_over_chains() -> None:
    circle = ["(S (A (B (A (x 0)))) (y 1))", "(S (A (x 0)) (S (y 1)))", "(S (S (y 1)) (y 1))"]
    grammar, _ = read_grammar([numbered(text) for text in circle], 2, 1)
    N = len(grammar)
    unary, first = np.zeros((N, N)), np.zeros((N, N))
    for (parent, child), p in zip(grammar.unary, grammar.unary_chance, strict=True):
        unary[parent, child] += p
    first += unary
    for (parent, child, _), p in zip(grammar.binary, grammar.binary_chance, strict=True):
        first[parent, child] += p
    corners, symbols = grammar.corners
    for found, step in ((grammar.unary_closure.toarray(), unary), (corners, first)):
        total = np.sum([np.linalg.matrix_power(step, k) for k in range(200)], axis=0)
        np.testing.assert_allclose(found, total[np.ix_(symbols, symbols)] if found is corners else total, atol=1e-12)
    others = np.setdiff1d(np.arange(N), symbols)
    np.testing.assert_array_equal(first[:, others], 0.0)


def test_classes_of_rare_words() -> None:
    finest = {"1,000.50": "a number", "B12": "with a digit", "--": "a mark", "UN": "in capitals", "sing": "small"}
    finest |= {"Running": "with a capital -ing", "well-known": "small, with a hyphen", "quickly": "small -ly"}
    assert {word: classes_of(word)[0] for word in finest} == finest
    assert all(classes_of(word)[-1] == "any" for word in finest)


def test_rare_words_share_by_their_classes() -> None:
    rare = [f"{c}unning" for c in "bcdfghjklmn"]
    vocabulary = Vocabulary(["<unk>", "</s>", "the", *rare, "stunning", "chair"])
    seen = np.array([0, 9, 20, *[1] * len(rare), 3, 0])
    assert len(rare) > LEAST
    counts = {(0, 2): 20, **{(1, 3 + k): 1 for k in range(len(rare))}}
    table = emissions(counts, 2, vocabulary, seen).toarray()
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(table[0], np.eye(len(vocabulary))[2])
    assert table[1, 2] == table[1, 1] == 0.0
    # The tag has 11 tokens of 11 rare words, so that half is shared in its one class, by the counts plus one
    share = 0.5 / (11 * 2 + 4)
    assert table[1, 3] == pytest.approx(0.5 / 11 + 2 * share)
    assert table[1, -2] == pytest.approx(4 * share)
    assert table[1, -1] == 0.0  # of another class, which no rare word of the tag has
    assert RARE > 1
