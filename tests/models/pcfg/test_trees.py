"""Trees are read as they are written, and only those of the sentences of a text are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.models.pcfg.grammar import matched, read_trees
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
