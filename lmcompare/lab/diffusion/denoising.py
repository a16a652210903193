"""The making of pictures out of noise, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lmcompare.exhibits import Drawing, Exhibit, fill, unequal
from lmcompare.exhibits.heatmap import WARM
from lmcompare.lab.diffusion.pictures import amounts, not_a_picture
from lmcompare.render import numbers
from lmcompare.render.charts.png import strip
from lmcompare.render.markdown import plain, table


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
        return Drawing(html, _reading(self), _markdown(self))


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


def _reading(exhibit: DenoisingFilm) -> str:
    """Return at which word of each prompt the pixels look most."""
    found = []
    for film in exhibit.films:
        means = _means(film)
        most = int(np.argmax(means))
        found.append(f"“{film.words[most]}” in “{' '.join(film.words)}” ({numbers.percent(means[most], 0)})")
    failed = [f"“{' '.join(film.words)}”" for film in exhibit.films if not film.fits]
    wrong = f" The picture for {numbers.listed(failed)} is a failure." if failed else ""
    return f"Over all steps the pixels look most at {numbers.listed(found)}.{wrong}"


def _markdown(exhibit: DenoisingFilm) -> str:
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
