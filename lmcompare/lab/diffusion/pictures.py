"""Small pictures that a prompt guided, and their making out of noise: two kinds of exhibit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lmcompare.exhibits import Drawing, Exhibit, fill, unequal
from lmcompare.exhibits.heatmap import WARM
from lmcompare.render import numbers
from lmcompare.render.charts.png import Array, strip
from lmcompare.render.markdown import plain, table

LEVELS = "0123456789abcdefg"  # of a pixel, from black to white

Grid = tuple[tuple[tuple[str, ...], ...], ...]


@dataclass(frozen=True, kw_only=True)
class PromptedPictures(Exhibit):
    """Pictures for R prompts at S strengths of guidance, N for each, beside the training picture nearest to each.

    A picture is a text with a character of ``LEVELS`` for each pixel, row by row, from "0" (black) to "g" (white).

    Parameters
    ----------
    side : int
        The pixels of a row and of a column.
    prompts : tuple of str
    strengths : tuple of str
        The names of the strengths, in rising order.
    pictures : tuple
        Strength, prompt, picture.
    nearest : tuple
        As ``pictures``: the training picture that is nearest to each.
    labels : tuple
        As ``pictures``: what each picture shows, as a classifier sees it.
    fitting : tuple
        As ``pictures``: whether the label is what the prompt says.
    shares : tuple
        Strength, prompt: the share of pictures that show what the prompt says, pictures that are not shown here
        included.
    opened : int, default=0
        The strength that is shown first.
    """

    kind: ClassVar[str] = "pictures"
    most: ClassVar[int] = 50_000
    side: int
    prompts: tuple[str, ...]
    strengths: tuple[str, ...]
    pictures: Grid
    nearest: Grid
    labels: Grid
    fitting: tuple[tuple[tuple[bool, ...], ...], ...]
    shares: tuple[tuple[float, ...], ...]
    opened: int = 0

    def problem(self) -> str:
        """Return which part does not have the shape of the others, or which value is not a picture or a share."""
        if not self.prompts or not self.strengths:
            return "it has no prompts or no strengths"
        parts = {"pictures": self.pictures, "nearest": self.nearest, "labels": self.labels, "fitting": self.fitting}
        if wrong := unequal(strengths=self.strengths, **parts, shares=self.shares):
            return wrong
        for i, strength in enumerate(self.strengths):
            if wrong := unequal(prompts=self.prompts, **{k: v[i] for k, v in parts.items()}, shares=self.shares[i]):
                return f"for '{strength}' {wrong}"
            for r, prompt in enumerate(self.prompts):
                if wrong := unequal(**{name: part[i][r] for name, part in parts.items()}):
                    return f"for '{prompt}' {wrong}"
        if len({len(row) for panel in self.pictures for row in panel}) > 1:
            return "the prompts have different numbers of pictures"
        every = (each for part in (self.pictures, self.nearest) for panel in part for row in panel for each in row)
        if wrong := next(filter(None, (not_a_picture(each, self.side) for each in every)), ""):
            return wrong
        if any(not 0 <= share <= 1 for panel in self.shares for share in panel):
            return "a share is outside 0 … 1"
        if not 0 <= self.opened < len(self.strengths):
            return f"opened is {self.opened}, but there are {len(self.strengths)} strengths"
        return ""

    def draw(self) -> Drawing:
        """Draw the pictures of each strength and prompt, what the classifier says, and the nearest pictures."""
        panels = []
        for i, strength in enumerate(self.strengths):
            rows = [
                {
                    "prompt": prompt,
                    "share": self.shares[i][r],
                    "pictures": strip(amounts(self.pictures[i][r], self.side)),
                    "nearest": strip(amounts(self.nearest[i][r], self.side)),
                    "labels": list(zip(self.labels[i][r], self.fitting[i][r], strict=True)),
                }
                for r, prompt in enumerate(self.prompts)
                if self.pictures[i][r]
            ]
            panels.append({"name": strength, "rows": rows})
        html = fill("pictures", "lmcompare.lab.diffusion", exhibit=self, panels=panels, size=self.side + 2)
        return Drawing(html, _reading_of_pictures(self), _markdown_of_pictures(self))


def not_a_picture(text: str, side: int) -> str:
    """Return why a text is no picture of ``side`` by ``side`` pixels, "" if it is."""
    if len(text) != side * side:
        return f"a picture has {len(text)} pixels, not {side} by {side}"
    if odd := set(text) - set(LEVELS):
        return f"a picture has the pixel '{min(odd)}', which is not one of {LEVELS}"
    return ""


def amounts(pictures: Iterable[str], side: int) -> Array:
    """Return N pictures as amounts from 0 to 1, (N, side, side)."""
    levels = [[LEVELS.index(pixel) for pixel in picture] for picture in pictures]
    return np.array(levels, np.float64).reshape(-1, side, side) / (len(LEVELS) - 1)


def as_text(picture: Array) -> str:
    """Return a picture (P,) from -1 to 1 as a character for each pixel: see ``PromptedPictures``."""
    highest = len(LEVELS) - 1
    levels = np.rint(highest * (np.clip(picture, -1, 1) + 1) / 2).astype(int)
    return "".join(LEVELS[level] for level in levels)


def _reading_of_pictures(exhibit: PromptedPictures) -> str:
    """Return how often the pictures are what the prompts say, at the first strength and at the one shown first."""
    first, shown = (float(np.mean(exhibit.shares[i])) for i in (0, exhibit.opened))
    if exhibit.opened == 0:
        return ""
    return (
        f"On average over these prompts, {numbers.percent(first, 0)} of the pictures are what the prompt says with"
        f" the strength {exhibit.strengths[0]}, and {numbers.percent(shown, 0)} with"
        f" {exhibit.strengths[exhibit.opened]}."
    )


def _markdown_of_pictures(exhibit: PromptedPictures) -> str:
    """Return the share of pictures that are what the prompt says, by prompt and strength."""
    lines = (
        (plain(prompt), *(numbers.percent(panel[r], 0) for panel in exhibit.shares))
        for r, prompt in enumerate(exhibit.prompts)
    )
    return "The share of pictures that are what the prompt says, by the strength of guidance:\n\n" + table(
        ("Prompt", *map(plain, exhibit.strengths)), lines, 1
    )


@dataclass(frozen=True)
class Denoised:
    """The making of one picture, at M moments.

    Parameters
    ----------
    words : tuple of str
        The W words of the prompt.
    pictures : tuple of str
        By moment, the picture with its noise: see ``PromptedPictures``.
    guesses : tuple of str
        By moment, the picture without noise that the network expects.
    attention : tuple
        Moment, word, pixel: the weight of the word where the pixel looks, in percent.
    label : str
        What a classifier says of the last guess.
    fits : bool
        Whether that is what the prompt says.
    share : float
        The share of all pictures for this prompt that are what it says.
    """

    words: tuple[str, ...]
    pictures: tuple[str, ...]
    guesses: tuple[str, ...]
    attention: tuple[tuple[tuple[int, ...], ...], ...]
    label: str
    fits: bool
    share: float


@dataclass(frozen=True, kw_only=True)
class DenoisingFilm(Exhibit):
    """Pictures on their way from noise, and at which word of the prompt each pixel looks at each moment.

    Parameters
    ----------
    side : int
        The pixels of a row and of a column.
    moments : tuple of str
        The name of each moment.
    films : tuple of Denoised
        One for each prompt.
    """

    kind: ClassVar[str] = "denoising"
    most: ClassVar[int] = 100_000
    side: int
    moments: tuple[str, ...]
    films: tuple[Denoised, ...]

    def problem(self) -> str:
        """Return which part does not have the shape of the others, or which value is not a picture or a weight."""
        if not self.moments or not self.films:
            return "it has no moments or no films"
        for film in self.films:
            name, words = f"for '{' '.join(film.words)}'", len(film.words)
            if not words:
                return "a prompt has no words"
            parts = {"pictures": film.pictures, "guesses": film.guesses, "attention": film.attention}
            if wrong := unequal(moments=self.moments, **parts):
                return f"{name} {wrong}"
            every = (*film.pictures, *film.guesses)
            if wrong := next(filter(None, (not_a_picture(each, self.side) for each in every)), ""):
                return f"{name} {wrong}"
            for maps in film.attention:
                if len(maps) != words or any(len(weights) != self.side**2 for weights in maps):
                    return f"{name} attention must be of {words} words by {self.side**2} pixels"
                if any(not 0 <= weight <= 100 for weights in maps for weight in weights):
                    return f"{name} a weight is outside 0 … 100"
        return ""

    def draw(self) -> Drawing:
        """Draw for each prompt a row of pictures, of guesses, and of attention to each word."""
        html = fill(
            "denoising",
            "lmcompare.lab.diffusion",
            exhibit=self,
            last=len(self.moments) - 1,
            sheets=[_sheet(film, self.side) for film in self.films],
            size=self.side + 2,
            data={
                "side": self.side,
                "moments": self.moments,
                "films": [
                    {"words": f.words, "pictures": f.pictures, "guesses": f.guesses, "attention": f.attention}
                    for f in self.films
                ],
            },
        )
        return Drawing(html, _reading_of_film(self), _markdown_of_film(self))


def _sheet(film: Denoised, side: int) -> dict[str, Any]:
    weights = np.array(film.attention, np.float64).reshape(len(film.pictures), len(film.words), side, side) / 100
    rows = [
        ("with its noise", strip(amounts(film.pictures, side)), ""),
        ("what the network expects", strip(amounts(film.guesses, side)), ""),
        *(
            (f"attention to “{word}”", strip(weights[:, w], WARM), f"{numbers.percent(share, 0)} of all")
            for w, (word, share) in enumerate(zip(film.words, _means(film), strict=True))
        ),
    ]
    return {"prompt": " ".join(film.words), "rows": rows, "film": film}


def _means(film: Denoised) -> list[float]:
    """Return the mean attention to each word, over moments and pixels."""
    return [float(mean) / 100 for mean in np.mean(np.array(film.attention, np.float64), axis=(0, 2))]


def _reading_of_film(exhibit: DenoisingFilm) -> str:
    """Return at which word of each prompt the pixels look most."""
    found = []
    for film in exhibit.films:
        means = _means(film)
        most = int(np.argmax(means))
        found.append(f"“{film.words[most]}” in “{' '.join(film.words)}” ({numbers.percent(means[most], 0)})")
    failed = [f"“{' '.join(film.words)}”" for film in exhibit.films if not film.fits]
    wrong = f" The picture for {numbers.listed(failed)} is a failure." if failed else ""
    return f"Over all steps the pixels look most at {numbers.listed(found)}.{wrong}"


def _markdown_of_film(exhibit: DenoisingFilm) -> str:
    """Return the mean attention to each word at the first, the middle and the last moment."""
    shown = sorted({0, len(exhibit.moments) // 2, len(exhibit.moments) - 1})
    lines = []
    for film in exhibit.films:
        weights = np.array(film.attention, np.float64).mean(axis=2) / 100  # (M, W)
        lines += [
            (plain(" ".join(film.words)), plain(word), *(numbers.percent(float(weights[i, w]), 0) for i in shown))
            for w, word in enumerate(film.words)
        ]
    head = ("Prompt", "Word", *(plain(exhibit.moments[i]) for i in shown))
    return f"The attention of all pixels to each word:\n\n{table(head, lines, 2)}"
