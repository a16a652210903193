"""A parser finds what is far away in words and near in the tree, and nothing where both models see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nltk import Tree

from lmcompare.analysis.contrasts import Contrast
from lmcompare.analysis.findings import read_findings
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Heatmap, from_json
from lmcompare.harness import changes
from lmcompare.harness.progress import Display
from lmcompare.lab.contract import Figures
from lmcompare.lab.folder import path_of
from lmcompare.lab.grammar import PARSER, TRANSFORMER, _verdict, ended_before, phrases_ended
from lmcompare.lab.run import run_lab
from lmcompare.models.pcfg.trees import matched
from lmcompare.tokens import Encoded, Vocabulary
from tests.lab.treebank import small_treebank

MAT = "(S (NP (D the) (N cat)) (VP (V sat) (PP (P on) (NP (D the) (N mat)))) (. .))"


def test_the_longest_phrase_that_ended_before_each_word() -> None:
    assert ended_before(Tree.fromstring(MAT)) == [0, 0, 2, 0, 0, 0, 4]
    assert ended_before(Tree.fromstring("(S (NP (N cats)) (VP (V run)))")) == [0, 1]
    assert ended_before(Tree.fromstring("(S (X (N a)))")) == [0]


def test_words_of_sentences_without_a_tree_have_none() -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "cat", "sat", "on", "mat", ".", "dog"])
    sentences = ("the cat sat on the mat .", "the dog sat .")
    ids = [np.append(vocabulary.ids(each.split()), vocabulary.end) for each in sentences]
    text = Encoded.from_documents(ids, vocabulary)
    found = phrases_ended(text, matched([Tree.fromstring(MAT)], text))
    assert found.tolist() == [0, 0, 2, 0, 0, 0, 4, -1, *[-1] * 5]


def test_the_answer_says_first_whether_trees_help_and_whether_counts_help_more() -> None:
    def contrast(difference: float, p: float) -> Contrast:
        return Contrast("", 7.0 + difference, difference, difference - 0.1, difference + 0.1, p, p)

    def said(parser: float, trees: float, p: float = 0.001) -> str:
        found = {PARSER: contrast(parser, p), TRANSFORMER: contrast(1.0, p)}
        return _verdict(found, contrast(trees, p), Figures(title="", rows=(), unit="bits per word"))

    assert said(0.5, -0.2).startswith(
        "Trees help to predict the next word, but counting triples of words helps more."
    )
    assert "Trees add 0.20 bits per word" in said(0.5, -0.2)
    assert said(-0.5, -0.2).startswith("Trees help to predict the next word, more than counting triples of words.")
    assert said(0.5, 0.2).startswith("Trees add −0.20 bits per word")
    assert said(0.5, -0.2, p=0.4).startswith("No difference was found between the parser and its class bigram and")


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here", "measured_here")
def test_agreement_with_a_far_noun_is_found_and_nothing_in_a_phrase(tmp_path: Path) -> None:
    plan, _ = changes.started(None, "quick")
    plan = plan.replace("here", budget={"steps": 2}, examples={"sentences": 1, "prompts": (), "length": 1})
    with pytest.raises(LmcompareError, match=r"lmcompare lab grammar --corpus nltk:treebank"):
        run_lab(["grammar"], changes.with_corpus(plan, "any.txt", {}), tmp_path / "lab", Display(), alone=True)
    plan = changes.with_corpus(plan, "nltk:treebank", {})
    with small_treebank(tmp_path / "nltk_data"):
        outcome = run_lab(["grammar"], plan, tmp_path / "lab", Display(), alone=True)
    assert outcome.failures == {}
    found = read_findings(path_of(tmp_path / "lab", "grammar"))
    assert found is not None
    models, places = found.tables
    assert {row.name for row in models.rows} == {"parser", "class bigram", "transformer", "parser alone"}
    far = {row.name: row for row in places.rows}
    # After a long phrase the verb agrees with its first noun, which only the parser can know: a bit of surprisal
    assert far["5 words or more"].found
    assert far["5 words or more"].amount < -0.3
    assert abs(far["no phrase ended"].amount) < 0.1
    tree, surprisals, expected, tags = map(from_json, found.exhibits)
    assert isinstance(tree, Heatmap)
    assert isinstance(expected, Heatmap)
    assert isinstance(surprisals, Heatmap)
    assert isinstance(tags, Heatmap)
    assert tree.rows[0][:1] == "S"
    assert surprisals.columns == tags.columns[:-1]
    assert expected.columns == ("parser", "trigram", "transformer")
    assert len(set(expected.rows)) == len(expected.rows)
