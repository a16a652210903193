"""The making of pictures out of noise, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit, unequal
from lmcompare.exhibits.pictures import not_a_picture


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
