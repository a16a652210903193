"""The exhibits of a grammar: the equation with numbers, the best tree of a sentence, and the expected next tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from nltk import Tree

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import LONGEST
from lmcompare.tokens import Encoded

if TYPE_CHECKING:
    from lmcompare.models.pcfg.plugin import Pcfg

SENTENCES = 2
TAGS = 10  # tags in the map of expected tags
NAMES = {  # the names of the categories of the Penn Treebank (Marcus et al. 1993; Santorini 1990)
    "S": "sentence",
    "SBAR": "clause",
    "SINV": "inverted sentence",
    "SQ": "question",
    "SBARQ": "question with a wh-word",
    "NP": "noun phrase",
    "VP": "verb phrase",
    "PP": "prepositional phrase",
    "ADJP": "adjective phrase",
    "ADVP": "adverb phrase",
    "QP": "quantity",
    "PRN": "insertion",
    "PRT": "particle",
    "WHNP": "wh-noun phrase",
    "NN": "noun",
    "NNS": "plural noun",
    "NNP": "name",
    "NNPS": "plural name",
    "DT": "article",
    "IN": "preposition",
    "JJ": "adjective",
    "JJR": "comparative",
    "RB": "adverb",
    "CC": "and, or",
    "CD": "number",
    "PRP": "pronoun",
    "PRP$": "possessive",
    "POS": "’s",
    "MD": "modal verb",
    "TO": "to",
    "VB": "infinitive",
    "VBD": "verb, past",
    "VBZ": "verb, -s",
    "VBP": "verb, present",
    "VBN": "past participle",
    "VBG": "verb, -ing",
    "WDT": "which, that",
    "WP": "who, what",
    "WRB": "when, how",
}
END = "the end"


def named(category: str) -> str:
    """Return the name of a category in words, if it has one."""
    return NAMES.get(category, category)


def exhibits(model: Pcfg, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits of a trained grammar for the example sentences in ``text``."""
    if text.n_documents and text.ends[0] > 0:
        yield _worked(model, text)
    short = [ids[:-1] for ids in text.documents() if 4 <= len(ids) <= LONGEST and ids[-1] == text.vocabulary.end]
    for words in short[:SENTENCES]:
        tokens = [text.vocabulary[int(word)] for word in words]
        if (tree := model.best_tree(words)) is not None:
            yield tree_map(tree, tokens, f"The best tree of “{' '.join(tokens)}”")
        yield expected_map(model, Encoded.from_documents([words], text.vocabulary), tokens)


def tree_map(tree: Tree, tokens: Sequence[str], title: str) -> Heatmap:
    """Return a tree, whose leaves are the positions of words, as a map: each row is a phrase, filled at its words."""
    labels: list[str] = []
    rows: list[tuple[float | None, ...]] = []
    tags = [""] * len(tokens)

    def add(node: Tree, depth: int) -> None:
        if isinstance(node[0], int):
            tags[node[0]] = node.label()
            return
        inside = node.leaves()
        labels.append(f"{'·' * depth}{node.label()}")
        rows.append(tuple(float(len(inside)) if k in inside else None for k in range(len(tokens))))
        for child in node:
            add(child, depth + 1)

    add(tree, 0)
    used = [name for name in dict.fromkeys(label.lstrip("·") for label in labels) if name in NAMES]
    return Heatmap(
        title=title,
        note=(
            "The most probable tree that the grammar has for the sentence. Each row is a phrase: it is filled in the"
            " columns of its words, and the number says how many words it has. A phrase is a part of the nearest"
            f" phrase above it with fewer dots. {', '.join(f'{name}: {NAMES[name]}' for name in used)}."
        ),
        rows=tuple(labels),
        columns=tuple(f"{token} {tag}" for token, tag in zip(tokens, tags, strict=True)),
        panels=("phrases",),
        values=(tuple(rows),),
        row_axis="phrase",
        column_axis="word with its tag",
    )


def expected_map(model: Pcfg, sentence: Encoded, tokens: Sequence[str]) -> Heatmap:
    """Return which tags the grammar expects before each word of a sentence, given the words before it."""
    expected = model.expected(sentence, np.arange(len(sentence) + 1))
    names = [*map(named, model.tag_names()), END]
    top = np.argsort(-expected.max(axis=0), kind="stable")[:TAGS]
    top = top[np.argsort(-expected[:, top].argmax(axis=0), kind="stable")[::-1]]
    return Heatmap(
        title=f"What the parser expects next in “{' '.join(tokens)}”",
        note=(
            "Each column is a place in the sentence, and has the probability of each kind of word there, given the"
            " words to the left of it. These are predictions of the grammar alone, without the class bigram."
        ),
        rows=tuple(names[k] for k in top),
        columns=(*tokens, "(end)"),
        panels=("probability",),
        values=(tuple(tuple(float(p) for p in expected[:, k]) for k in top),),
        row_axis="kind of word",
        column_axis="place before this word",
    )


def _worked(model: Pcfg, text: Encoded) -> WorkedEquation:
    """Return the equation with the numbers of the fourth word of the first sentence, or of its last one."""
    at = min(3, int(text.ends[0]) - 1)
    token = text.vocabulary[int(text.ids[at])]
    grammar, bigram, weight = (float(found[at]) for found in model.parts(text.select([0])))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{token}' after the {at} words before it in the first sentence.",
        equation=latex_lines(
            r"P(w \mid w_1 \dots w_k) &= \lambda\,P_G(w \mid w_1 \dots w_k) + (1 - \lambda)\,P_B(w \mid w_k)",
            r"P_G(w \mid w_1 \dots w_k) &= \frac{P_G(w_1 \dots w_k\,w\,\dots)}{P_G(w_1 \dots w_k \dots)}"
            r" = \sum_t P_G(t \mid w_1 \dots w_k)\,P_G(w \mid t)",
        ),
        saying=(
            "The grammar G gives each sentence the sum of the probabilities of its trees. It gives the beginning of a"
            " sentence the sum over all sentences that begin in this way. So each tag t has a probability of being"
            " the tag of the next word, and each word has a probability given its tag. The class bigram B has the"
            " rest of the weight."
        ),
        lines=(
            ("λ: the weight of the grammar", weight),
            (f"P_G({token}): by the grammar", grammar),
            (f"P_B({token}): by the class bigram", bigram),
            (f"P({token})", weight * grammar + (1 - weight) * bigram),
        ),
    )
