"""The exhibits of the experiment on diffusion: pictures by prompt and strength, their making, curves and vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.exhibits import (
    Curve,
    Exhibit,
    Heatmap,
    WorkedEquation,
)
from lmcompare.lab.diffusion.denoiser import SIDE
from lmcompare.lab.diffusion.denoising import Denoised, DenoisingFilm
from lmcompare.lab.diffusion.measured import CONTEXT, KINDS, NOISE_SEED, STATIC, Everything
from lmcompare.lab.diffusion.pictures import LEVELS, PromptedPictures
from lmcompare.lab.diffusion.prompts import DIGITS, WORDS, Prompt, either, negated, single
from lmcompare.lab.diffusion.questions import (
    GUIDED,
    NEW_PAIRS,
    NOT_ONE,
    QUESTIONS,
    SINGLES,
    STRENGTHS,
    THREE_FIVE,
    Answer,
)
from lmcompare.lab.diffusion.tables import STRENGTHS_IN_WORDS, named
from lmcompare.lab.diffusion.text_vectors import Array, TextVectors

PICTURES = 6  # of a prompt
MOMENTS = 10
FILMED = {single(7): SINGLES, either(3, 5): THREE_FIVE, negated(1): NOT_ONE, single(0): SINGLES}
SHOWN = (SINGLES, THREE_FIVE, NOT_ONE, NEW_PAIRS)


def exhibits(found: Everything, kind: str) -> tuple[Exhibit, ...]:
    """Return all exhibits; pictures are those of the first training with vectors of one kind."""
    return (
        _gallery(found, kind),
        _film(found, kind),
        _right_by_strength(found),
        _equation(found, kind),
        _similar(found),
    )


def as_text(picture: Array) -> str:
    """Return a picture (P,) from -1 to 1 as a character for each pixel: see ``PromptedPictures``."""
    highest = len(LEVELS) - 1
    levels = np.rint(highest * (np.clip(picture, -1, 1) + 1) / 2).astype(int)
    return "".join(LEVELS[level] for level in levels)


def _gallery(found: Everything, kind: str) -> PromptedPictures:
    prompts = [(name, prompt) for name in SHOWN for prompt in QUESTIONS[name].prompts]
    panels = []
    for strength in STRENGTHS:
        rows = []
        for name, prompt in prompts:
            every = found.of(kind, name, strength)
            rows.append((every[0], prompt, _share_right(every, prompt)))
        panels.append(rows)
    seen = found.digits.diffusion.pictures

    def texts(of: Array) -> tuple[str, ...]:
        return tuple(as_text(picture) for picture in of[:PICTURES])

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
        pictures=tuple(tuple(texts(_of_prompt(a, p, a.pictures)) for a, p, _ in rows) for rows in panels),
        nearest=tuple(tuple(texts(seen[_of_prompt(a, p, a.nearest)]) for a, p, _ in rows) for rows in panels),
        labels=tuple(
            tuple(tuple(str(said) for said in _of_prompt(a, p, a.says)[:PICTURES]) for a, p, _ in rows)
            for rows in panels
        ),
        fitting=tuple(
            tuple(tuple(bool(fits) for fits in _of_prompt(a, p, a.right)[:PICTURES]) for a, p, _ in rows)
            for rows in panels
        ),
        shares=tuple(tuple(share for _, _, share in rows) for rows in panels),
        opened=STRENGTHS.index(GUIDED),
    )


def _of_prompt(answer: Answer, prompt: Prompt, values: Array) -> Array:
    """Return the values of the pictures of one prompt."""
    return values[[each == prompt for each in answer.prompts]]


def _share_right(answers: Sequence[Answer], prompt: Prompt) -> float:
    """Return the share of the pictures of one prompt that are what it says, over all trainings."""
    return float(np.concatenate([_of_prompt(each, prompt, each.right) for each in answers]).mean())


def _film(found: Everything, kind: str) -> DenoisingFilm:
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


def _right_by_strength(found: Everything) -> Curve:
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


def _equation(found: Everything, kind: str) -> WorkedEquation:
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


def _similar(found: Everything) -> Heatmap:
    words = tuple(word for word in (*DIGITS, *WORDS[:4]))
    kinds = (STATIC, CONTEXT)
    panels = [_cosines(found.shown[kind].vectors, words) for kind in kinds]
    return Heatmap(
        title="What the vectors say of the words: cosines",
        note=(
            "The cosine of the vectors as the network gets them, with the mean subtracted; each word is read alone."
            " Random vectors have cosines near 0."
        ),
        rows=words,
        columns=words,
        panels=kinds,
        values=tuple(tuple(tuple(map(float, row)) for row in panel) for panel in panels),
    )


def _cosines(vectors: TextVectors, words: Sequence[str]) -> Array:
    """Return the cosines of words that are each read alone, (W, W)."""
    alone, _ = vectors.of([Prompt((word,), frozenset(), "word") for word in words])
    units = alone[:, 0] / np.maximum(np.linalg.norm(alone[:, 0], axis=1, keepdims=True), 1e-12)
    cosines: Array = units @ units.T
    return cosines
