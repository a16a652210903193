"""What do tokens let a model see of the letters of a word, as in "strawberry"?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Bars
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, Measured, answer, contrasts, listing
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

KINDS = {
    "words": Condition("transformer words", "transformer", tokens="word"),
    "pieces": Condition("transformer pieces", "transformer", tokens="bpe:4000"),
    "characters": Condition("transformer characters", "transformer", tokens="char"),
    "bytes": Condition("transformer bytes", "transformer", tokens="byte"),
}
FEW = 40  # the least number of words
WORDS, LETTERS = 2_000, 26  # that are probed: the most frequent ones
LENGTHS = range(4, 15)  # letters of a word
BERRY, LETTER = "strawberry", "r"
LARGE = 0.1  # of the prediction


class Letters(LabExperiment):
    """A probe that counts the letters of a word, trained on what a model makes of the word."""

    title = "The letters of a word"
    question = "What do words, pieces, characters and bytes as tokens let a model see of “strawberry”?"
    prediction = (
        "From the state of a model over characters or bytes, a linear probe counts letters that it was not trained on"
        " at least 10 percentage points better than from that of a model over words, which knows no letters. Pieces"
        " are between them."
    )
    measuring = 0.05
    conditions = tuple(KINDS.values())

    def lacks(self) -> str:
        """Return that pieces need a library, if it is not installed."""
        if find_spec("tokenizers") is not None:
            return ""
        return "needs the package tokenizers: install it with \"pip install 'lmcompare[bpe]'\""

    def measure(self, bench: Bench) -> Findings:
        """Train a probe on half of the most frequent words for each model, and count the letters of the others."""
        words, letters = probed_words(bench.corpus_of(KINDS["words"]))
        if len(words) < FEW:
            raise LmcompareError(
                f"the training text has {len(words)} words of {LENGTHS.start} to {LENGTHS[-1]} letters that occur"
                f" twice, too few for a probe, which needs {FEW}: give a longer text"
            )
        counts = letter_counts(words, letters)
        asked = asked_letters(counts)
        half = len(words) // 2
        sizes = asked[half:].sum(axis=1)
        chance = _right(np.tile(counts[:half].mean(axis=0), (len(words) - half, 1)), counts[half:], asked[half:])
        found: dict[str, Measured] = {}
        seen: dict[str, float] = {}
        for kind, condition in bench.each(KINDS.items()):
            corpus, right, berry = bench.corpus_of(condition), [], []
            for model in bench.models(condition):
                vectors = word_vectors(model, corpus, [*words, BERRY])
                guessed = probed(vectors[:half], counts[:half], vectors[half:])
                right.append(_right(guessed[:-1], counts[half:], asked[half:]))
                berry.append(float(guessed[-1, letters.index(LETTER)]) if LETTER in letters else 0.0)
            found[kind], seen[kind] = Measured.of(np.stack(right)), float(np.mean(berry))
        against = contrasts(Measured.of(chance[None]), found, sizes)
        table = Figures(
            title="Letters that are counted right, against a guess without a model",
            rows=tuple(replace(each, saying=_cut(bench, KINDS[kind])) for kind, each in against.items()),
            unit="share of letters",
            note=(
                f"{len(words) - half:,} words that the probe was not trained on. For each word it is asked for the"
                " letters that are in it, and for as many that are not. Guessing the mean of each letter is right for"
                f" {numbers.percent(float(chance.sum() / sizes.sum()), 0)}."
            ),
            row_name="Tokens",
            figure_name="share that is right",
        )
        return Findings(
            verdict=_verdict(against, float(chance.sum() / sizes.sum())),
            claims=_claims(against),
            tables=(table,),
            exhibits=(_berry(seen),),
        )


def probed_words(corpus: TokenizedCorpus) -> tuple[list[str], list[str]]:
    """Return the most frequent words of the training text in random order, and the most frequent letters in them."""
    vocabulary = corpus.vocabulary
    order = np.argsort(-vocabulary.counts, kind="stable").tolist()
    fitting = (vocabulary.tokens[i] for i in order)
    words = [w for w in fitting if w.isalpha() and w.islower() and len(w) in LENGTHS and w != BERRY][:WORDS]
    letters = [letter for letter, _ in Counter("".join(words)).most_common(LETTERS)]
    return [words[i] for i in np.random.default_rng(0).permutation(len(words))], letters


def letter_counts(words: Sequence[str], letters: Sequence[str]) -> Array:
    """Return (W, L): how often each letter is in each word."""
    return np.array([[word.count(letter) for letter in letters] for word in words], np.int64).reshape(
        -1, len(letters)
    )


def asked_letters(counts: Array) -> Array:
    """Return (W, L) bool: which letters are asked for: those of the word, and as many that are not in it."""
    random, asked = np.random.default_rng(1), counts > 0
    for row in asked:
        absent = np.flatnonzero(~row)
        row[random.permutation(absent)[: int(row.sum())]] = True
    return np.asarray(asked)


def word_vectors(model: LanguageModel, corpus: TokenizedCorpus, words: Sequence[str]) -> Array:
    """Return (W, d): a model's vector at the last token of each word, which it reads alone."""
    text = Encoded.from_documents([corpus.prompt_ids(word) for word in words], corpus.vocabulary)
    vectors = model.context_vectors(text, text.ends - 1)
    assert vectors is not None
    return np.asarray(vectors, np.float64)


def probed(vectors: Array, counts: Array, others: Array) -> Array:
    """Return (n, L): the letters that a linear probe, trained on some words, sees in the vectors of others.

    Ridge regression (Hoerl and Kennard 1970) from standardised vectors to the number of each letter, with a penalty
    that is chosen by cross-validation on the words of the training.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-1, 5, 13)))
    return np.asarray(probe.fit(vectors, counts).predict(others))


def _right(guessed: Array, counts: Array, asked: Array) -> Array:
    """Return (n,): how many of the letters that are asked for are counted right in each word."""
    return np.asarray(((np.rint(guessed) == counts) & asked).sum(axis=1).astype(np.float64))


def _cut(bench: Bench, condition: Condition) -> str:
    cut = bench.run.manifest.tokens[bench.entry(condition).tokens_fingerprint].strawberry
    return f"“{BERRY}” is {' · '.join(cut)}"


def _verdict(found: dict[str, Contrast], chance: float) -> str:
    order = sorted(found, key=lambda kind: -found[kind].level)
    best, worst = found[order[0]], order[-1]
    blind = [kind for kind, each in found.items() if not each.found]
    sees = f"A model sees the letters of a word best with {order[0]} as tokens, and least with {worst}."
    shares = [f"{kind} {numbers.percent(found[kind].figure, 0)}" for kind in order]
    return answer(
        listing("With {} as tokens, it was not found that a model sees letters.", blind),
        sees if best.found and best.amount > 0 else "",
        f"Letters that a probe counts right: {numbers.listed(shares)}; a guess without a model"
        f" {numbers.percent(chance, 0)}.",
        "A token is a number: what is in it, a model can only learn from how the token is used.",
    )


def _claims(found: dict[str, Contrast]) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    word, piece = found["words"].level, found["pieces"].level
    finest = min(found["characters"].level, found["bytes"].level)
    return {
        "From characters and bytes, letters are counted at least 10 percentage points better than from words.": (
            finest - word >= LARGE
        ),
        "Pieces are between them.": word <= piece <= finest,
    }


def _berry(seen: dict[str, float]) -> Bars:
    return Bars(
        title=f"How many “{LETTER}” the probe sees in “{BERRY}”",
        note="There are three. The mean of all trainings; the probe was not trained on this word.",
        labels=("in truth", *seen),
        values=(float(BERRY.count(LETTER)), *seen.values()),
        unit="letters",
    )
