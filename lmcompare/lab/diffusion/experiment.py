"""How does a text embedding guide image generation? Digits that a prompt describes, out of noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch

from lmcompare.exhibits import Curve, Exhibit, Heatmap, WorkedEquation
from lmcompare.harness.environment import usable_cores
from lmcompare.lab import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, Measured, answer, contrasts, corrected, listing
from lmcompare.lab.diffusion.data import (
    AS_NUMERALS,
    AS_ORDINALS,
    DIGITS,
    GUIDED,
    NEW_NOTS,
    NEW_PAIRS,
    NOT_ONE,
    PLAIN,
    QUESTIONS,
    SINGLES,
    STRENGTHS,
    THREE_FIVE,
    TOLD,
    WITHOUT,
    WORDS,
    Digits,
    Judge,
    Prompt,
    TextVectors,
    context_vectors,
    either,
    nearest,
    negated,
    random_vectors,
    single,
    static_vectors,
    unknown_words,
)
from lmcompare.lab.diffusion.model import (
    SIDE,
    Answer,
    Answers,
    DiffusionModel,
    Recipe,
    answers,
    spread,
    train,
    wilson,
)
from lmcompare.lab.diffusion.pictures import Denoised, DenoisingFilm, PromptedPictures, as_text
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array

WORD2VEC, TRANSFORMER = FAMILIES["word2vec bag"], FAMILIES["transformer"]
CONDITIONS: tuple[Condition, ...] = (WORD2VEC, TRANSFORMER)
RANDOM, STATIC, CONTEXT = "random", "word2vec", "transformer"
KINDS = (RANDOM, STATIC, CONTEXT)
NOISE_SEED = 10_000  # plus that of the training, the seed of the noise: the same noise for all kinds of vectors
TRAINED = 0.85  # the share of the time; the rest is for the questions
SHOWN = STATIC  # the kind of vectors whose pictures are shown
WHOLE, OF_PREVIEW = Recipe(), Recipe(steps=400)
RIGHT, ONES, EACH = 0.9, 0.02, 0.25  # of the prediction
COMPOSED, SMALL = 0.8, 0.05
Tests = Mapping[tuple[str, str, float], Contrast]


class Diffusion(LabExperiment):
    """A small diffusion model of digits with cross-attention to the words of a prompt, and guidance."""

    title = "Pictures from words"
    question = "How does a text embedding guide image generation?"
    prediction = (
        "With guidance of strength 2, at least 90 % of the pictures for a single digit are what the prompt says, and"
        " more than without guidance; of those for “not a one” at most 2 % are ones; and of those for “three or five”"
        " at least 25 % are threes and 25 % fives. For prompts of training, vectors of text are at most 5 percentage"
        " points better than random ones. New pairs with “or” are understood in at least 80 % of the cases. A word"
        " that no prompt of training had, such as “7”, is understood more often with vectors of text than with random"
        " ones."
    )
    measuring = 1.4
    conditions = CONDITIONS

    def measure(self, bench: Bench) -> Findings:
        """Train diffusion models with three kinds of word vectors, and let a classifier judge their pictures."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # so that the figures do not depend on the number of cores
        try:
            found = results_of(bench, WHOLE if bench.decides else OF_PREVIEW)
            tests = against_random(found)
            return Findings(
                verdict=_verdict(found, tests),
                claims=_claims(found, tests),
                tables=(by_strength(found, SHOWN), by_vectors(found, tests), quality(found, SHOWN)),
                exhibits=exhibits(found, SHOWN),
                remarks=_remarks(found),
            )
        finally:
            torch.set_num_threads(threads)


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1]


def _verdict(found: Results, tests: Tests) -> str:
    plain, guided = (found.share(SHOWN, SINGLES, strength) for strength in (PLAIN, GUIDED))
    ones = _share(found.saying(SHOWN, NOT_ONE, GUIDED, 1))
    threes, fives = (_share(found.saying(SHOWN, THREE_FIVE, GUIDED, digit)) for digit in (3, 5))
    return answer(
        "The words of the prompt are the keys and values of attention. In every step that removes noise, each pixel"
        " looks at them, and guidance enlarges the change that they make.",
        f"With the vectors of {SHOWN}, {numbers.percent(guided, 0)} of the pictures for a single digit are what the"
        f" prompt says with guidance of strength {GUIDED:g}, {numbers.percent(plain, 0)} without guidance, and 10 %"
        f" by chance. Of the pictures for “not a one” {numbers.percent(ones)} are ones; of those for “three or five”"
        f" {numbers.percent(threes, 0)} are threes and {numbers.percent(fives, 0)} fives.",
        _of_vectors(tests),
        _of_new(found),
    )


def _of_vectors(tests: Tests) -> str:
    """Return what vectors of text give over random ones for prompts of training, and for words of no prompt."""
    same = [test for (_, question, _), test in tests.items() if question == SINGLES]
    words = {key: test for key, test in tests.items() if key[1] in (AS_NUMERALS, AS_ORDINALS)}
    gains = [
        f"{kind} {numbers.signed(100 * test.amount, 0)} percentage points (strength {strength:g})"
        for (kind, question, strength), test in tests.items()
        if question == SINGLES and test.found
    ]
    ends = [abs(end) for test in same for end in (test.low, test.high) if end is not None]
    at_most = f" (at most {100 * max(ends):.0f} percentage points by the intervals)" if ends else ""
    none = f"For single digits no difference between random vectors and vectors of text was found{at_most}."
    better = [
        f"{key[1]} with {key[0]} ({numbers.percent(test.figure, 0)})"
        for key, test in words.items()
        if test.found and test.amount > 0
    ]
    more = "Words that no prompt of training had are understood more often than with random vectors: {}."
    return answer(
        listing("For single digits, against random vectors: {}.", gains) or none,
        listing(more, better)
        or "For words that no prompt of training had, such as “7”, no gain of vectors of text over random ones was"
        " found.",
    )


def _of_new(found: Results) -> str:
    """Return how often combinations are understood that were not in training."""
    shares = {question: [found.share(kind, question, GUIDED) for kind in KINDS] for question in (NEW_PAIRS, NEW_NOTS)}
    pairs, nots = ((min(each), max(each)) for each in shares.values())
    chance = QUESTIONS[NEW_NOTS].chance
    fails = (
        f"; “not” with a digit that it was never seen with in only {_range(nots)}, where chance is"
        f" {numbers.percent(chance, 0)}: the model has not learnt what “not” means, but what to draw for each of the"
        " negations that it saw."
        if nots[1] < chance
        else f", and “not” with a digit that it was never seen with in {_range(nots)}"
        f" (by chance {numbers.percent(chance, 0)})."
    )
    return f"Pairs with “or” that were never seen are understood in {_range(pairs)} of the cases{fails}"


def _range(ends: tuple[float, float]) -> str:
    return " to ".join(dict.fromkeys(numbers.percent(end, 0) for end in ends))


def _claims(found: Results, tests: Tests) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    right = {strength: found.right(SHOWN, SINGLES, strength) for strength in (PLAIN, GUIDED)}
    each = [_share(found.saying(SHOWN, THREE_FIVE, GUIDED, digit)) for digit in (3, 5)]
    new = [test for key, test in tests.items() if key[1] in (AS_NUMERALS, AS_ORDINALS)]
    return {
        "At least 90 % of the pictures for a single digit are right, with strength 2.": _share(right[GUIDED])
        >= RIGHT,
        "These are more than without guidance.": wilson(*right[GUIDED])[0] > wilson(*right[PLAIN])[1],
        "Of the pictures for “not a one”, at most 2 % are ones.": (
            _share(found.saying(SHOWN, NOT_ONE, GUIDED, 1)) <= ONES
        ),
        "Of those for “three or five”, at least 25 % are threes and 25 % fives.": min(each) >= EACH,
        "For single digits, the only prompts of training that are compared, vectors of text are at most 5 percentage"
        " points better than random ones.": all(
            test.amount <= SMALL for key, test in tests.items() if key[1] == SINGLES
        ),
        "New pairs with “or” are understood in at least 80 % of the cases.": all(
            found.share(kind, NEW_PAIRS, GUIDED) >= COMPOSED for kind in KINDS
        ),
        "Words of no prompt are understood more often with vectors of text than with random ones.": any(
            test.found and test.amount > 0 for test in new
        ),
    }


def _remarks(found: Results) -> tuple[str, ...]:
    words = numbers.listed([f"“{word}”" for word in found.lacking])
    lacking = (f"The text lacks {words}: with {STATIC} and {CONTEXT}, too, a random vector takes the place of each.",)
    digits, whole = found.digits, sum(map(len, (found.digits.diffusion, found.digits.classifier, found.digits.apart)))
    return (
        f"Of the {whole:,} pictures the diffusion model"
        f" learns from {len(digits.diffusion)} and the classifier from {len(digits.classifier)} others. The pictures"
        " are those of scikit-learn, 8 by 8 pixels: the classifier accepts pictures that a person would find strange,"
        " so look at them, too.",
        f"“{RANDOM}” are drawn vectors as wide as those of {STATIC}; {CONTEXT} reads the prompt from left to right,"
        " and its vectors are those of the words in this context. None of them is changed while the diffusion model"
        " is trained, which learns what they mean in pictures.",
        "The prediction was written after single trainings with random vectors had been seen. After runs with these"
        " seeds had shown 2.0, 3.0 and 2.7 % ones for “not a one”, the share of negations in training, the steps and"
        " the number of pictures were raised, so that its 2 % is no independent test.",
        *(lacking if found.lacking else ()),
    )


STRENGTH = {WITHOUT: "without the prompt", PLAIN: "without guidance"}  # the names of two strengths
STRENGTHS_IN_WORDS = "With the strength 0 the prompt has no effect, and with 1 there is no guidance."
COMPARED = ((SINGLES, PLAIN), (SINGLES, GUIDED), (NEW_PAIRS, GUIDED), (NEW_NOTS, GUIDED), (AS_NUMERALS, GUIDED),
            (AS_ORDINALS, GUIDED))  # fmt: skip
PICTURES = 6  # of a prompt
MOMENTS = 10
T = TypeVar("T")
Cells = tuple[tuple[tuple[T, ...], ...], ...]  # strength, prompt, picture
FILMED = {single(7): SINGLES, either(3, 5): THREE_FIVE, negated(1): NOT_ONE, single(0): SINGLES}
DRAWN = (SINGLES, THREE_FIVE, NOT_ONE, NEW_PAIRS)


def named(strength: float) -> str:
    """Return the name of a strength of guidance: "1, without guidance"."""
    return f"{strength:g}, {STRENGTH[strength]}" if strength in STRENGTH else f"{strength:g}"


def by_strength(found: Results, kind: str) -> Figures:
    """Return how often pictures are what the prompt says, by the strength of guidance."""
    rows = [
        _row(f"{SINGLES}, strength {s:g}", found.right(kind, SINGLES, s), QUESTIONS[SINGLES].chance)
        for s in STRENGTHS
    ]
    for name, question, digit in (
        ("“not a one”: ones", NOT_ONE, 1),
        ("“three or five”: threes", THREE_FIVE, 3),
        ("“three or five”: fives", THREE_FIVE, 5),
    ):
        rows += [_row(f"{name}, strength {s:g}", found.saying(kind, question, s, digit), 0.1) for s in TOLD]
    judge = found.judge
    low, high = wilson(judge.right, judge.asked)
    return Figures(
        title="Pictures that are what the prompt says, by the strength of guidance",
        rows=tuple(rows),
        unit="share of pictures",
        note=(
            f"With the vectors of {kind}, over all trainings. {STRENGTHS_IN_WORDS} A support vector machine that"
            f" learnt from other pictures says which digit it is; of {judge.asked} real pictures that neither has"
            f" seen it reads {numbers.percent(judge.right / judge.asked)} correctly ({numbers.percent(low)} to"
            f" {numbers.percent(high)}). The 95 % interval (Wilson 1927) covers the choice of the noise, and not the"
            " variation between trainings."
        ),
        differences=False,
        row_name="Prompt",
        figure_name="by chance",
    )


def _row(name: str, counted: tuple[int, int], chance: float) -> Row:
    count, asked = counted
    low, high = wilson(count, asked)
    return Row(name, value=count / asked, low=low, high=high, figure=chance)


def against_random(found: Results) -> dict[tuple[str, str, float], Contrast]:
    """Return by kind, question and strength how much more often pictures are right than with random vectors.

    The interval covers the choice of the noise, which is the same for all kinds, and the variation between trainings.
    Holm's correction is for all of them.
    """
    tests: dict[tuple[str, str, float], Contrast] = {}
    for question, strength in COMPARED:
        base = found.amounts(RANDOM, question, strength)
        others = {kind: found.amounts(kind, question, strength) for kind in KINDS if kind != RANDOM}
        for kind, contrast in contrasts(base, others, np.ones(len(QUESTIONS[question].asked))).items():
            tests[kind, question, strength] = contrast
    return corrected(tests)


def by_vectors(found: Results, tests: Mapping[tuple[str, str, float], Contrast]) -> Figures:
    """Return what word vectors of text give over random ones."""
    names = {
        (kind, question, s): f"{question}{'' if s == GUIDED else f', strength {s:g}'}: {kind}"
        for kind, question, s in tests
    }
    bases = {
        question: found.share(RANDOM, question, GUIDED)
        for question in (SINGLES, NEW_PAIRS, NEW_NOTS, AS_NUMERALS, AS_ORDINALS)
    }
    said = numbers.listed([f"{numbers.percent(share, 0)} for {name}" for name, share in bases.items()])
    return Figures(
        title="Vectors of text against random vectors",
        rows=tuple(replace(test, name=names[key]) for key, test in tests.items()),
        unit="share of pictures that are right",
        note=(
            f"With guidance of strength {GUIDED:g}, unless another is named. New combinations are in no prompt of"
            " training, though their words are. Numerals (“a 7”) and ordinal numbers (“a seventh”) are words of no"
            " prompt: only their vectors can say what they mean. With random"
            f" vectors and the strength {GUIDED:g} the share is {said}. By chance it is"
            f" {numbers.percent(QUESTIONS[NEW_PAIRS].chance, 0)} for a pair,"
            f" {numbers.percent(QUESTIONS[NEW_NOTS].chance, 0)} for “not”, and 10 % for a digit. All kinds of vectors"
            " have the same mean and scale, and pictures are made of the same noise."
        ),
        row_name="Prompts and vectors",
        figure_name="share that is right",
    )


def quality(found: Results, kind: str) -> Figures:
    """Return how near pictures are to training pictures, and how much they differ from each other."""
    digits = found.digits
    _, real = nearest(digits.apart.pictures, digits.diffusion.pictures)
    natural = spread(digits.diffusion.pictures, digits.diffusion.labels)
    rows = [_mean("real pictures that were not seen", real, 1.0)]
    for strength in STRENGTHS:
        every = found.of(kind, SINGLES, strength)
        spreads = [spread(each.pictures, [min(p.digits) for p in each.prompts]) for each in every]
        distances = np.concatenate([each.distances for each in every])
        rows.append(_mean(f"strength {named(strength)}", distances, float(np.mean(spreads)) / natural))
    return Figures(
        title="How near the pictures are to the training pictures, and how alike",
        rows=tuple(rows),
        unit="distance to the nearest training picture",
        note=(
            f"Prompts of {SINGLES}, with the vectors of {kind}. A copy has the distance 0. Pictures that are nearer"
            " than real ones to the training pictures are copied or smoothed; those that are farther have faults. The"
            " spread is the root of the mean squared distance from the mean picture of the same prompt, over that of"
            " the real pictures of a digit. The interval is over pictures."
        ),
        differences=False,
        row_name="Pictures",
        figure_name="spread, of that of real pictures",
    )


def _mean(name: str, values: Array, figure: float) -> Row:
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Row(name, value=mean, low=mean - half, high=mean + half, figure=figure)


def exhibits(found: Results, kind: str) -> tuple[Exhibit, ...]:
    """Return all exhibits; pictures are those of the first training with vectors of one kind."""
    return (
        _gallery(found, kind),
        _film(found, kind),
        _right_by_strength(found),
        _equation(found, kind),
        _similar(found),
    )


def _gallery(found: Results, kind: str) -> PromptedPictures:
    prompts = [(name, prompt) for name in DRAWN for prompt in QUESTIONS[name].prompts]
    seen = found.digits.diffusion.pictures

    def cells(values: Callable[[Answer], Array], written: Callable[[Any], T]) -> Cells[T]:
        """Return by strength and prompt what is written of the pictures that are shown."""
        answers = [[(found.of(kind, name, s)[0], prompt) for name, prompt in prompts] for s in STRENGTHS]
        return tuple(
            tuple(tuple(map(written, _of_prompt(a, p, values(a))[:PICTURES])) for a, p in row) for row in answers
        )

    return PromptedPictures(
        title="Pictures by prompt and strength of guidance",
        note=(
            f"{STRENGTHS_IN_WORDS} The same noise is used for all"
            " strengths, so that one sees what the prompt changes. Below each picture is what the classifier sees"
            " in it, crossed out where the prompt says something else. The pairs with “or” below “not a one” were in"
            " no prompt of training."
        ),
        side=SIDE,
        prompts=tuple(str(prompt) for _, prompt in prompts),
        strengths=tuple(map(named, STRENGTHS)),
        pictures=cells(lambda answer: answer.pictures, as_text),
        nearest=cells(lambda answer: seen[answer.nearest], as_text),
        labels=cells(lambda answer: answer.says, str),
        fitting=cells(lambda answer: answer.right, bool),
        shares=tuple(
            tuple(_share_right(found.of(kind, name, s), prompt) for name, prompt in prompts) for s in STRENGTHS
        ),
        opened=STRENGTHS.index(GUIDED),
    )


def _of_prompt(answer: Answer, prompt: Prompt, values: Array) -> Array:
    """Return the values of the pictures of one prompt."""
    return values[[each == prompt for each in answer.prompts]]


def _share_right(answers: Sequence[Answer], prompt: Prompt) -> float:
    """Return the share of the pictures of one prompt that are what it says, over all trainings."""
    return float(np.concatenate([_of_prompt(each, prompt, each.right) for each in answers]).mean())


def _film(found: Results, kind: str) -> DenoisingFilm:
    made = found.shown[kind].film(tuple(FILMED), GUIDED, NOISE_SEED)
    says = found.judge(made.pictures)
    steps = len(made.at)
    moments = np.linspace(0, steps - 1, MOMENTS).round().astype(int)
    films = []
    for row, (prompt, question) in enumerate(FILMED.items()):
        weights = made.attention[moments, row, :, : len(prompt.words)].transpose(0, 2, 1)  # (M, W, P)
        films.append(
            Denoised(
                words=prompt.words,
                pictures=tuple(as_text(made.noised[moment, row]) for moment in moments),
                guesses=tuple(as_text(made.guesses[moment, row]) for moment in moments),
                attention=tuple(
                    tuple(tuple(int(w) for w in np.rint(100 * pixels)) for pixels in each) for each in weights
                ),
                label=str(int(says[row])),
                fits=int(says[row]) in prompt.digits,
                share=_share_right(found.of(kind, question, GUIDED), prompt),
            )
        )
    return DenoisingFilm(
        title="From noise to a digit: at which word each pixel looks, step by step",
        note=(
            "Each pixel has a query, and its attention to the words of the prompt sums to 100 %. The network reads"
            " the words together before it looks, so that what a pixel reads at “one” in “not a one” is not what it"
            f" reads in “a one”. The mean of all heads; strength of guidance {GUIDED:g}."
        ),
        side=SIDE,
        moments=tuple(f"step {moment + 1} of {steps}" for moment in moments),
        films=tuple(films),
    )


def _right_by_strength(found: Results) -> Curve:
    lines = {f"{kind}, single digits": [found.share(kind, SINGLES, s) for s in STRENGTHS] for kind in KINDS}
    lines |= {f"{kind}, new pairs": [found.share(kind, NEW_PAIRS, s) for s in STRENGTHS] for kind in KINDS}
    return Curve(
        title="Pictures that fit their prompts, by the strength of guidance",
        note=(
            "The share of pictures that are what the prompt says, by the strength of guidance. New pairs are"
            " combinations with “or” that were in no prompt of training. By chance it is 10 % for a digit, and 20 %"
            " for a pair."
        ),
        names=tuple(lines),
        x=tuple(STRENGTHS for _ in lines),
        y=tuple(map(tuple, lines.values())),
        x_axis="strength of guidance",
        y_axis="share of pictures that are right",
    )


def _equation(found: Results, kind: str) -> WorkedEquation:
    """Return guidance in one pixel of one step, the one in which the prompt changes most."""
    model = found.shown[kind]
    prompt = next(iter(FILMED))
    with_, without = (model.film([prompt], strength, NOISE_SEED) for strength in (1.0, 0.0))
    one, other = with_.guesses[0, 0], without.guesses[0, 0]  # made of the same noise
    inside = (np.abs(one) < 1) & (np.abs(other) < 1)  # where nothing was cut
    pixel = int(np.argmax(np.where(inside, np.abs(one - other), -1.0)))
    given, none = float(one[pixel]), float(other[pixel])
    row, column = divmod(pixel, SIDE)
    lines: Sequence[tuple[str, float]] = (
        ("without a prompt the network expects, from black (-1) to white (1)", none),
        (f"with “{prompt}” it expects", given),
        ("the difference that the prompt makes", given - none),
        (f"with the strength {GUIDED:g}, before it is cut to -1 … 1", none + GUIDED * (given - none)),
    )
    return WorkedEquation(
        title="Guidance enlarges the difference that the prompt makes",
        note=(
            f"The pixel in row {row + 1} and column {column + 1}, in the first step, where the picture is all noise."
            " The network computes a mixture of noise and picture; here is what it says of the picture."
        ),
        equation=r"\hat{x} = x_{\varnothing} + s \, (x_{c} - x_{\varnothing})",
        saying=(
            "Classifier-free guidance (Ho and Salimans 2022): the network is asked with the prompt c and without it,"
            " and the difference counts s times. With s = 0 the prompt has no effect, with s = 1 the network's own"
            " answer is taken, and with more than 1 the picture becomes more typical of the prompt."
        ),
        lines=tuple(lines),
    )


def _similar(found: Results) -> Heatmap:
    words = (*DIGITS, *WORDS[:4])
    panels = {kind: _cosines(found.shown[kind].vectors, words) for kind in (STATIC, CONTEXT)}
    return Heatmap(
        title="What the vectors say of the words: cosines",
        note=(
            "The cosine of the vectors as the network gets them, with the mean subtracted; each word is read alone."
            " Random vectors have cosines near 0."
        ),
        rows=words,
        columns=words,
        panels=tuple(panels),
        values=tuple(tuple(tuple(map(float, row)) for row in panel) for panel in panels.values()),
    )


def _cosines(vectors: TextVectors, words: Sequence[str]) -> Array:
    """Return the cosines of words that are each read alone, (W, W)."""
    alone, _ = vectors.of([Prompt((word,), frozenset(), "word") for word in words])
    units = alone[:, 0] / np.maximum(np.linalg.norm(alone[:, 0], axis=1, keepdims=True), 1e-12)
    return np.asarray(units @ units.T)


@dataclass(frozen=True)
class Results:
    """What was measured.

    Parameters
    ----------
    digits : Digits
    judge : Judge
    found : mapping
        By kind of vectors, the answers of each training.
    shown : mapping of str to DiffusionModel
        By kind, the model of the first training.
    lacking : tuple of str
        The words of the prompts that the text lacks.
    """

    digits: Digits
    judge: Judge
    found: Mapping[str, Sequence[Answers]]
    shown: Mapping[str, DiffusionModel]
    lacking: tuple[str, ...]

    def of(self, kind: str, question: str, strength: float) -> list[Answer]:
        """Return the answers of each training with vectors of a kind."""
        return [each[question, strength] for each in self.found[kind]]

    def right(self, kind: str, question: str, strength: float) -> tuple[int, int]:
        """Return how many pictures are what their prompt says, and how many there are, over all trainings."""
        every = self.of(kind, question, strength)
        return int(sum(each.right.sum() for each in every)), sum(len(each.right) for each in every)

    def share(self, kind: str, question: str, strength: float) -> float:
        """Return the share of pictures that are what their prompt says."""
        right, asked = self.right(kind, question, strength)
        return right / asked

    def saying(self, kind: str, question: str, strength: float, digit: int) -> tuple[int, int]:
        """Return how many pictures the classifier reads as a digit, and how many there are, over all trainings."""
        says = np.concatenate([each.says for each in self.of(kind, question, strength)])
        return int(np.count_nonzero(says == digit)), len(says)

    def amounts(self, kind: str, question: str, strength: float) -> Measured:
        """Return for each training which pictures are what their prompt says, on the same noise for all kinds."""
        return Measured.of(np.stack([each.right for each in self.of(kind, question, strength)]).astype(np.float64))


def vectors_of(bench: Bench, kind: str, seed: int, width: int) -> TextVectors:
    """Return the word vectors of a kind, of the training with a seed."""
    if kind == RANDOM:
        return random_vectors(width, seed)
    condition, made = (WORD2VEC, static_vectors) if kind == STATIC else (TRANSFORMER, context_vectors)
    return made(bench.model(condition, seed), bench.corpus_of(condition), seed)


def results_of(bench: Bench, recipe: Recipe) -> Results:
    """Train a diffusion model for each kind of vectors and each training of the text models, and ask it.

    As many are trained at the same time as there are cores, each with one thread: the figures do not depend on the
    number of cores.
    """
    digits = Digits.load()
    judge = Judge(digits)
    seeds = bench.entry(WORD2VEC).seeds
    width = vectors_of(bench, STATIC, seeds[0], 0).width
    trainings = [(seed, kind, vectors_of(bench, kind, seed, width)) for seed in seeds for kind in KINDS]
    done, telling = [0.0] * len(trainings), Lock()

    def train_and_ask(number: int) -> tuple[DiffusionModel, Answers]:
        def told(share: float) -> None:
            with telling:
                done[number] = share
                bench.share(sum(done) / len(done))

        torch.set_num_threads(1)  # for this thread only
        seed, _, vectors = trainings[number]
        model = train(digits.diffusion, vectors, seed, recipe, lambda share: told(TRAINED * share))
        asked = answers(model, digits, judge, NOISE_SEED + seed, lambda share: told(TRAINED + (1 - TRAINED) * share))
        return model, asked

    found: dict[str, list[Answers]] = {kind: [] for kind in KINDS}
    shown: dict[str, DiffusionModel] = {}
    with ThreadPoolExecutor(usable_cores()) as pool:
        for (_, kind, _), (model, asked) in zip(trainings, pool.map(train_and_ask, range(len(done))), strict=True):
            found[kind].append(asked)
            shown.setdefault(kind, model)
    lacking = unknown_words(bench.corpus_of(WORD2VEC), WORDS)
    return Results(digits, judge, found, shown, tuple(lacking))
