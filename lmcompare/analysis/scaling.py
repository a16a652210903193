"""Distances as points in the plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.runfolder.parquet import Array


def classical_scaling(distances: Sequence[Sequence[float]] | Array) -> tuple[Array, float]:
    """Return (n, 2) points whose distances come near those given (n, n), and the share of their spread that is kept.

    Torgerson (1952): the two leading eigenvectors of the doubly centred squares. Signs are chosen so that the
    coordinate farthest from 0 is positive; where all distances are 0 the share is 1.
    """
    squares = np.asarray(distances, np.float64) ** 2
    n = len(squares)
    if not n:
        return np.zeros((0, 2)), 1.0
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-centring @ squares @ centring / 2)
    spread = float(values.clip(0).sum())
    points = np.zeros((n, 2))
    if spread < 1e-12:
        return points, 1.0
    leading = np.argsort(-values, kind="stable")[:2]
    for column, index in enumerate(leading[: min(2, n)]):
        points[:, column] = vectors[:, index] * np.sqrt(max(values[index], 0.0))
    farthest = points[np.abs(points).argmax(0), np.arange(2)]
    points *= np.where(farthest < 0, -1.0, 1.0)
    return points, float(values[leading].clip(0).sum() / spread)
