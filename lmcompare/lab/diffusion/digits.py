"""The pictures of digits, in three parts that have no picture in common, and the classifier that judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from lmcompare.runfolder.parquet import Array

DARKEST, BRIGHTEST = 0.0, 16.0  # pixel values of scikit-learn's digits
APART = 0.2  # the share of all pictures that measures the classifier
SPLIT_SEED = 0  # the same parts in every run


@dataclass(frozen=True)
class Part:
    """Some pictures of the data.

    Parameters
    ----------
    pictures : array of float32, shape (N, P)
        From -1 (black) to 1 (white).
    labels : array of int, shape (N,)
        The digits.
    at : array of int, shape (N,)
        Their indices in the data.
    """

    pictures: Array
    labels: Array
    at: Array

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Digits:
    """The 1,797 pictures of 8 by 8 pixels that scikit-learn brings (Alpaydin and Kaynak 1998).

    Parameters
    ----------
    diffusion : Part
        The pictures that the diffusion model learns from.
    classifier : Part
        As many other pictures, which the classifier learns from.
    apart : Part
        Pictures that neither has seen.
    """

    diffusion: Part
    classifier: Part
    apart: Part

    @classmethod
    def load(cls) -> Self:
        """Return the pictures in their parts, drawn at random and always the same."""
        from sklearn.datasets import load_digits

        data = load_digits()
        pictures = (2 * (data.data - DARKEST) / (BRIGHTEST - DARKEST) - 1).astype(np.float32)
        order = np.random.default_rng(SPLIT_SEED).permutation(len(pictures))
        apart, rest = np.split(order, [round(APART * len(order))])
        halves = np.split(rest, [len(rest) // 2])
        return cls(*(Part(pictures[at], data.target[at].astype(np.int64), at) for at in (*halves, apart)))


class Judge:
    """A classifier that says which digit is in a picture.

    A support vector machine with a Gaussian kernel (Cortes and Vapnik 1995).

    Parameters
    ----------
    digits : Digits
        It learns from the part ``classifier``.

    Attributes
    ----------
    right : int
        How many of the ``asked`` pictures that neither it nor the diffusion model has seen it names rightly.
    asked : int
    """

    def __init__(self, digits: Digits) -> None:
        from sklearn.svm import SVC

        self._machine = SVC(C=10.0, gamma=0.02).fit(digits.classifier.pictures, digits.classifier.labels)
        self.right = int(np.count_nonzero(self(digits.apart.pictures) == digits.apart.labels))
        self.asked = len(digits.apart)

    def __call__(self, pictures: Array) -> Array:
        """Return the digits of pictures (N, P), as (N,)."""
        return np.asarray(self._machine.predict(pictures))


def nearest(pictures: Array, among: Array) -> tuple[Array, Array]:
    """Return for N pictures the index of the nearest of others, and the Euclidean distance to it: (N,) and (N,)."""
    squares = (pictures**2).sum(1)[:, None] - 2 * pictures @ among.T + (among**2).sum(1)
    at = squares.argmin(1)
    distances: Array = np.sqrt(np.maximum(((pictures - among[at]) ** 2).sum(1), 0))
    return at, distances
