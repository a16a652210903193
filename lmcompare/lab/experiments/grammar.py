"""A parser as a language model, beside a trigram and a transformer, on a text with trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from nltk import Tree

from lmcompare.analysis.metrics import LN2
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import Bench, Sample
from lmcompare.lab.contrasts import Contrast, answer, contrasts, listing
from lmcompare.models.pcfg.grammar import Key, keys_of, matched, read_trees
from lmcompare.models.pcfg.plugin import Pcfg, expected_map, tree_map
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import Encoded, IntArray

TOKENS = {"kind": "whitespace", "min_count": 2}  # the words of the treebank, as its trees have them
CLASSES = 500  # word classes of the bigram that the parser is mixed with
PARSER, BIGRAM, TRIGRAM, TRANSFORMER = "parser", "class bigram", "trigram", "transformer"
ALONE = "parser alone"
MODELS = {
    TRIGRAM: Condition("trigram of the treebank", "ngram", {"order": 3}, TOKENS),
    PARSER: Condition("pcfg of the treebank", "pcfg", {"classes": CLASSES}, TOKENS),
    BIGRAM: Condition("class bigram of the treebank", "class-ngram", {"classes": CLASSES, "order": 2}, TOKENS),
    TRANSFORMER: Condition("transformer of the treebank", "transformer", {}, TOKENS),
}
LITTLE = 0.01  # the weight of the bigram in "parser alone", so that no word is impossible
ENDED = {"no phrase ended": (0, 0), "1 word": (1, 1), "2 to 4 words": (2, 4), "5 words or more": (5, 10**9)}
LONG = list(ENDED)[-1]
SHOWN, WORDS = range(8, 16), 8  # the lengths of a shown sentence, and how many expected words are shown


class Grammar(LabExperiment):
    """What trees are worth to a language model, and where a parser is better than counts of words."""

    title = "A parser as a language model"
    question = "What does a grammar know of the next word, beside counts and a transformer?"
    prediction = (
        "The trees are worth something: the parser needs at least 0.1 bits per word less than the class bigram that"
        " it is mixed with. On the whole it stays behind the trigram, but it is better where a phrase of five words"
        " or more has just ended, because the trigram then sees only the inside of that phrase. The transformer, on"
        " so little text, needs more bits per word than the trigram."
    )
    corpus = "nltk:treebank"
    conditions = tuple(MODELS.values())

    def measure(self, bench: Bench) -> Findings:
        """Compare surprisals per word, also by the phrase that ended before the word."""
        whole = bench.whole
        nats = {name: bench.log_probs(condition) for name, condition in MODELS.items()}
        parser = bench.model(MODELS[PARSER])
        assert isinstance(parser, Pcfg)
        by_grammar, by_bigram, weight = parser.parts(whole.text)
        share = (weight > 0) * (1 - LITTLE)
        alone = [np.log(share * by_grammar + (1 - share) * by_bigram)] * len(nats[PARSER])
        needs = {name: whole.surprisals(found) for name, found in {**nats, ALONE: alone}.items()}
        others = contrasts(needs[TRIGRAM], {name: needs[name] for name in needs if name != TRIGRAM}, whole.counts)
        trees = contrasts(needs[BIGRAM], {"the trees": needs[PARSER]}, whole.counts)["the trees"]
        ended = phrases_ended(whole.text, matched(read_trees(None), whole.text))
        if not (ended >= 0).any():
            raise LmcompareError(
                "no sentence of the test text has a tree: fetch the corpus again with 'python -m nltk.downloader"
                " treebank'"
            )
        places = self._by_phrase(whole, nats, ended)
        return Findings(
            verdict=_verdict(others, trees, places),
            claims=_claims(others, trees, places),
            tables=(_table(others, trees, needs[TRIGRAM].figure(whole.counts)), places),
            exhibits=tuple(_exhibits(bench, parser, whole.text, nats)),
        )

    @staticmethod
    def _by_phrase(whole: Sample, nats: Mapping[str, list[Array]], ended: IntArray) -> Figures:
        """Return the bits of the parser less those of the trigram, by the longest phrase that ended before."""
        parts = {name: (ended >= least) & (ended <= most) for name, (least, most) in ENDED.items()}
        rows = whole.by_part({name: nats[name] for name in (TRIGRAM, PARSER)}, parts, TRIGRAM)
        words = ", ".join(f"{name} {part.sum():,}" for name, part in parts.items() if part.any())
        return Figures(
            title="The parser against the trigram, by the phrase that ended just before the word",
            rows=tuple(replace(row, name=name) for (name, _), row in rows.items()),
            unit="bits per word",
            note=(
                "By the trees that people drew for the test text, which no model has seen: the longest phrase that"
                " ends just before the word. Negative figures are better for the parser. Words, with the ends of"
                f" sentences left out: {words}."
            ),
            row_name="Phrase that ended",
            figure_name="bits per word of the parser",
        )


def phrases_ended(text: Encoded, trees: Mapping[Key, Sequence[Tree]]) -> IntArray:
    """Return (N,) how many words the longest phrase has that ends just before each word; -1 where there is no tree.

    The end of a sentence also has -1.
    """
    found = np.full(len(text), -1, np.int64)
    for start, key in keys_of(text):
        for tree in trees.get(key, ())[:1]:
            lengths = ended_before(tree)
            found[start : start + len(lengths)] = lengths
    return found


def ended_before(tree: Tree) -> list[int]:
    """Return how many words the longest phrase has that ends just before each word of a tree."""
    lengths = [0] * len(tree.leaves())

    def walk(node: Tree, first: int) -> int:
        """Return where a node that begins at a word ends."""
        if not isinstance(node[0], Tree):
            return first + 1
        end = first
        for child in node:
            end = walk(child, end)
        if end < len(lengths):
            lengths[end] = max(lengths[end], end - first)
        return end

    walk(tree, 0)
    return lengths


def _table(found: Mapping[str, Contrast], trees: Contrast, trigram: float) -> Figures:
    return Figures(
        title="Bits per word against the trigram",
        rows=tuple(found.values()),
        unit="bits per word",
        note=(
            "Mean surprisal of the same words: how many bits a model needs for each, the ends of sentences included."
            f" The trigram needs {numbers.decimals(trigram, 2)}. Words that the training text has once or never are"
            " one and the same unknown word. The parser is mixed with the class bigram, with weights that were"
            f" fitted to the validation text; its trees add {numbers.decimals(-trees.amount, 2)} bits per word"
            " to it. “Parser alone” leaves the bigram a hundredth, so that every word stays possible."
        ),
        row_name="Model",
        figure_name="bits per word",
    )


def _verdict(found: Mapping[str, Contrast], trees: Contrast, places: Figures) -> str:
    parser = found[PARSER]
    figures = {TRIGRAM: parser.baseline, **{name: each.level for name, each in found.items()}}
    best = min(figures, key=lambda name: figures[name])
    none = {
        "between the parser and its class bigram": trees,
        "between the parser and the trigram on the whole test text": parser,
    }
    more = parser.amount < 0
    how = "more than counting triples of words" if more else "but counting triples of words helps more"
    better = [
        f"“{row.name}” ({numbers.decimals(-row.amount, 2)})" for row in places.rows if row.found and row.amount < 0
    ]
    return answer(
        f"Trees help to predict the next word, {how}." if trees.found and trees.amount < 0 and parser.found else "",
        listing("No difference was found {}.", [where for where, each in none.items() if not each.found]),
        f"Trees add {numbers.decimals(-trees.amount, 2)} bits per word to a class bigram." if trees.found else "",
        f"The parser needs {numbers.decimals(figures[PARSER], 2)} bits per word, the trigram"
        f" {numbers.decimals(figures[TRIGRAM], 2)}.",
        listing("It is better after phrases of these kinds, by the bits in brackets: {}.", better)
        or "No kind of place was found where it is better.",
        f"The {best} needs least, {numbers.decimals(figures[best], 2)}.",
    )


def _claims(found: Mapping[str, Contrast], trees: Contrast, places: Figures) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    after = {row.name: row for row in places.rows}
    behind = {name: found[name].found and found[name].amount > 0 for name in (PARSER, TRANSFORMER)}
    return {
        "The parser needs at least 0.1 bits per word less than its class bigram.": (
            trees.found and trees.amount <= -0.1
        ),
        "On the whole, the parser is behind the trigram.": behind[PARSER],
        "After a phrase of five words or more, it is better than the trigram.": (
            LONG in after and after[LONG].found and after[LONG].amount < 0
        ),
        "The transformer is behind the trigram.": behind[TRANSFORMER],
    }


def _exhibits(bench: Bench, parser: Pcfg, text: Encoded, nats: Mapping[str, list[Array]]) -> Iterator[Exhibit]:
    """Yield the tree, the surprisals and the expectations for the sentence in which the parser gains most."""
    bits = {name: -found[0] / LN2 for name, found in nats.items()}
    starts = text.sentence_starts()
    ends = np.append(starts[1:], len(text))
    unknown = np.add.reduceat(text.vocabulary.is_unknown(text.ids).astype(np.int64), starts)
    fits = np.isin(ends - starts - 1, SHOWN) & (unknown == 0) & (text.ids[ends - 1] == text.vocabulary.end)
    if not fits.any():
        return
    gains = np.add.reduceat(bits[TRIGRAM] - bits[PARSER], starts)
    best = int(np.argmax(np.where(fits, gains, -np.inf)))
    first, last = int(starts[best]), int(ends[best]) - 1
    words = text.ids[first:last]
    tokens = [text.vocabulary[int(word)] for word in words]
    if (tree := parser.best_tree(words)) is not None:
        yield tree_map(tree, tokens, f"The parser's tree of “{' '.join(tokens)}”")
    models = (PARSER, TRIGRAM, TRANSFORMER)
    yield Heatmap(
        title=f"Surprisal in bits in “{' '.join(tokens)}”",
        note=(
            "Of the test sentences of 8 to 15 known words, this is the one in which the parser gains most over the"
            " trigram. A word that a model expects has little surprisal."
        ),
        rows=models,
        columns=tuple(tokens),
        panels=("bits",),
        values=(tuple(tuple(bits[name][first:last].tolist()) for name in models),),
        row_axis="model",
        column_axis="word",
    )
    yield _next_words(bench, text, first, first + int(np.argmax((bits[TRIGRAM] - bits[PARSER])[first:last])))
    yield expected_map(parser, Encoded.from_documents([words], text.vocabulary), tokens)


def _next_words(bench: Bench, text: Encoded, first: int, at: int) -> Heatmap:
    """Return the most likely next words of three models at a position, and the one that came."""
    models = (PARSER, TRIGRAM, TRANSFORMER)
    chances = np.exp([bench.model(MODELS[name]).next_log_probs(text, np.array([at]))[0] for name in models])
    best = np.argsort(-chances, axis=1, kind="stable")[:, :WORDS].T  # the models take turns
    shown = list(dict.fromkeys([int(text.ids[at]), *best.ravel().tolist()]))[: 2 * WORDS]
    before = " ".join(text.vocabulary[int(i)] for i in text.ids[first:at]) or "the beginning of the sentence"
    return Heatmap(
        title=f"What each model expects after “{before}”",
        note="Probabilities of the next word: first the word that came, then the most likely words of each model.",
        rows=tuple(text.vocabulary[word] for word in shown),
        columns=models,
        panels=("probability",),
        values=(tuple(tuple(chances[:, word].tolist()) for word in shown),),
        row_axis="next word",
        column_axis="model",
    )
