"""What do word vectors give over counts, where the word never followed its context in the training text?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lmcompare.analysis.metrics import LN2
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import Bench, Sample
from lmcompare.lab.contrasts import Contrast, Measured, answer, apart, contrasts, listing
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.model import BLOCK_BYTES, LanguageModel
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import Encoded, IntArray

COUNTS, VECTORS = "5-gram", "word2vec bag"
MODELS = {"unigram": Condition("unigram", "unigram"), **FAMILIES}
SHARES = (0.25, 0.5, 1.0)  # of the training text
POSITIONS, OF_PREVIEW = 2_000, 400


def _counts(share: float) -> Condition:
    """Return the n-gram model on a share of the training text."""
    if share == 1:
        return FAMILIES[COUNTS]
    return Condition(f"ngram on {share:g} of the text", "lmcompare.lab.changes:PartNGram", {"share": share})


def _vectors(share: float) -> Condition:
    """Return the bag on a share of the training text, as large as the n-gram model on it."""
    return Condition(f"word2vec-bow on {share:g} of the text", "lmcompare.lab.changes:PartBag", {"share": share})


class Unseen(LabExperiment):
    """Models at positions whose last word never preceded the next one in the training text."""

    title = "What was never seen"
    question = "What do word vectors give over counts, where a word never followed its context before?"
    prediction = (
        "Where the pair of words never occurred, the bag of word vectors needs at least 0.2 bits per word less than"
        " the 5-gram, even if both must choose among words that never followed. On the whole test text counts are"
        " better, with a quarter, with half and with all of the training text."
    )
    measuring = 0.03
    conditions = (*MODELS.values(), *(_counts(share) for share in SHARES if share < 1), *map(_vectors, SHARES))

    def measure(self, bench: Bench) -> Findings:
        """Compare distributions over the words that never followed, and the whole text with less training text."""
        seen = pairs_of(bench.corpus.train)
        sample = _unseen(bench, seen)
        if not len(sample):
            raise LmcompareError(
                "too few words of the test text come after a word that they never followed in the training text: give"
                " a longer text"
            )
        raw: dict[str, Measured] = {}
        among: dict[str, Measured] = {}
        for name, condition in bench.each(MODELS.items()):
            raw[name], among[name] = _measured(bench, condition, sample, seen)
        others = [name for name in MODELS if name != COUNTS]
        fair, as_scored = (
            contrasts(each[COUNTS], {name: each[name] for name in others}, sample.counts) for each in (among, raw)
        )
        amounts = _by_amount(bench)
        return Findings(
            verdict=_verdict(fair, among[COUNTS], sample, amounts),
            claims=_claims(fair[VECTORS], amounts),
            tables=(_table(fair, among[COUNTS], sample, FAIR), _table(as_scored, raw[COUNTS], sample, RAW), amounts),
            exhibits=tuple(_similar_contexts(bench)),
        )


def pairs_of(text: Encoded) -> IntArray:
    """Return in rising order the pairs of words that follow each other within a document, each once.

    A pair is the first word times the size V of the vocabulary, plus the second word.
    """
    inside = np.ones(len(text), np.bool_)
    inside[text.starts[text.starts < len(text)]] = False
    at = np.flatnonzero(inside)
    return np.unique(text.ids[at - 1].astype(np.int64) * len(text.vocabulary) + text.ids[at])


def followers(pairs: IntArray, word: int, types: int) -> IntArray:
    """Return the words that followed a word of a vocabulary of this size, in rising order."""
    first, after = np.searchsorted(pairs, [word * types, (word + 1) * types])
    return pairs[first:after] - word * types


def _unseen(bench: Bench, seen: IntArray) -> Sample:
    """Return positions whose word is known and never followed the word before it."""
    text, unknown = bench.corpus.test, bench.corpus.vocabulary.unknown
    ids = text.ids.astype(np.int64)
    fits = ~np.isin(np.append(-1, ids[:-1] * len(text.vocabulary) + ids[1:]), seen)
    fits[text.starts[text.starts < len(ids)]] = False
    if unknown is not None:
        fits &= ids != unknown
    return bench.whole.chosen(np.flatnonzero(fits), POSITIONS if bench.decides else OF_PREVIEW)


def _measured(bench: Bench, condition: Condition, sample: Sample, seen: IntArray) -> tuple[Measured, Measured]:
    """Return the bits of the words as they are scored, and among the words that never followed."""
    raw, among = [], []
    for model in bench.models(condition):
        nats, mass = _asked(model, sample, seen)
        raw.append(-nats / LN2)
        among.append(-(nats - np.log1p(-np.minimum(mass, 1 - 1e-12))) / LN2)
    return sample.amounts(raw), sample.amounts(among)


def _asked(model: LanguageModel, sample: Sample, seen: IntArray) -> tuple[Array, Array]:
    """Return (n,) the log-probability of each word in nats, and the probability of all that did follow."""
    text, nats, mass = sample.text, np.empty(len(sample)), np.empty(len(sample))
    types = len(text.vocabulary)
    rows = max(1, BLOCK_BYTES // (4 * types))
    for first in range(0, len(sample), rows):
        at = sample.at[first : first + rows]
        for i, distribution in enumerate(model.next_log_probs(text, at), first):
            position = int(sample.at[i])
            nats[i] = distribution[text.ids[position]]
            mass[i] = np.exp(
                distribution[followers(seen, int(text.ids[position - 1]), types)].astype(np.float64)
            ).sum()
    return nats, mass


FAIR = (
    "Among words that never followed: bits per word against the 5-gram",
    "Each model is asked which of the words that never followed the last word comes now: its distribution over these"
    " is scaled to a sum of one. So it does not help a model to give them all more probability.",
)
RAW = (
    "As they are scored: bits per word against the 5-gram",
    "The same positions. They were chosen by what came, which favours a model that spreads its probability: it loses"
    " elsewhere what it gains here.",
)


def _table(found: Mapping[str, Contrast], counts: Measured, sample: Sample, said: tuple[str, str]) -> Figures:
    return Figures(
        title=said[0],
        rows=tuple(found.values()),
        unit="bits per word",
        note=f"{len(sample):,} positions. {said[1]} The 5-gram needs {_needs(counts, sample)} bits per word.",
        row_name="Model",
        figure_name="bits per word in all",
    )


def _by_amount(bench: Bench) -> Figures:
    """Return the bits per byte of vectors less those of counts, with parts of the training text and all of it."""
    pairs = {share: (bench.bits(_counts(share)), bench.bits(_vectors(share))) for share in SHARES}
    tests = {f"{100 * share:g} % of the text": (*pair, bench.unit_bytes) for share, pair in pairs.items()}
    return Figures(
        title="The bag of word vectors against a 5-gram with as many parameters, by amount of text",
        rows=tuple(apart(tests).values()),
        unit="bits per byte",
        note=(
            "The whole test text; negative figures are better for vectors. Both have the same part of the training"
            " text and about the same number of parameters: the bag is as wide as this allows. It is trained for the"
            " same number of steps each time."
        ),
        row_name="Training text",
        figure_name="bits per byte of the bag, in all",
    )


def _verdict(fair: Mapping[str, Contrast], counts: Measured, sample: Sample, amounts: Figures) -> str:
    others = {name: each for name, each in fair.items() if name != "unigram"}
    found = [f"the {name} {numbers.decimals(each.figure, 2)}" for name, each in others.items() if each.found]
    same = [f"the {name}" for name, each in others.items() if not each.found]
    better = [f"the {name}" for name, each in others.items() if each.found and each.amount < 0]
    never = "Where the next word never followed the last one in training,"
    gains = [row.name for row in amounts.rows if row.found and row.amount < 0]
    return answer(
        listing(f"{never} no difference from counts was found for {{}}.", same),
        listing(f"{never} {{}} [predicts|predict] it better than counts do.", better),
        "If all models choose only among words that never followed the last one, the 5-gram needs"
        f" {_needs(counts, sample)} bits per word{listing(', {}', found)}.",
        "On the whole test text, the bag of vectors gains over counts"
        f" {listing('with {}', gains) or 'at no amount of text that was tried'}.",
    )


def _needs(found: Measured, sample: Sample) -> str:
    return numbers.decimals(found.figure(sample.counts), 2)


def _claims(fair: Contrast, amounts: Figures) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    return {
        "On unseen pairs, the bag needs at least 0.2 bits per word less than the 5-gram.": (
            fair.found and fair.amount <= -0.2
        ),
        "On the whole test text, counts are better at each amount of training text.": all(
            row.found and row.amount > 0 for row in amounts.rows
        ),
    }


def _similar_contexts(bench: Bench) -> list[Exhibit]:
    """Return the exhibits of the bag on contexts that are similar to one that was never seen."""
    return [each for each in bench.exhibits(FAMILIES[VECTORS]) if "context" in each.title]
