"""Discounts and strengths of a context tree, fitted to held-out text.

A word with the count c after a context with the total T has the probability

    p(w | h) = (c − D(c)) / (T + θ) + (θ + Σ_v D(c(v))) / (T + θ) · p(w | h′)

where h′ is the context without its last feature. D has a value for each of the counts 1, 2, 3, and 4 or more, and θ
is one number; all five depend on the length of the context. This is the predictive rule of a Pitman-Yor process with
a discount for each count (Teh 2006); with θ = 0 it is the modified Kneser-Ney of Chen and Goodman (1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.models.common.gates import one_thread
from lmcompare.tokens import IntArray

FloatArray = npt.NDArray[np.float64]

COUNTS = 4  # kinds of count: 1, 2, 3, and 4 or more
STRENGTH = 0.1  # θ if there is no held-out text
SURE = 50.0  # the weight of the rules of thumb, in held-out tokens
STEPS = 40


def rules_of_thumb(counts: Sequence[IntArray]) -> FloatArray:
    """(L + 1, 5) the discounts of the counts 1 … 4 and the strength of each level, from its counts alone.

    D_j is ``j - (j + 1) Y n_{j+1} / n_j`` with ``Y = n_1 / (n_1 + 2 n_2)`` (Chen and Goodman 1999), limited to the
    range from 0.1 j to 0.9 j; if n_j is 0, it is 0.5 j.
    """
    rules = np.full((len(counts), COUNTS + 1), STRENGTH)
    for level, found in enumerate(counts):
        n = np.bincount(np.minimum(found, COUNTS + 2), minlength=COUNTS + 3).astype(float)
        y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
        for j in range(1, COUNTS + 1):
            discount = j - (j + 1) * y * n[j + 1] / n[j] if n[j] and y else 0.5 * j
            rules[level, j - 1] = min(max(discount, 0.1 * j), 0.9 * j)
    return rules


@one_thread()
def fit(statistics: npt.NDArray[np.float32], first: npt.NDArray[np.float32], rules: FloatArray) -> FloatArray:
    """Return the discounts and strengths that maximise the likelihood of N held-out words, regularised to ``rules``.

    Parameters
    ----------
    statistics : array of shape (L + 1, 6, N)
        The counts that ``chains`` gathers.
    first : array of shape (N,)
        The probabilities of the words below the first level.
    rules : FloatArray of shape (L + 1, 5)
        The initial values, from ``rules_of_thumb``.

    Returns
    -------
    FloatArray of shape (L + 1, 5)
        The discounts of the counts 1 … 4 and the strength of each level.
    """
    import torch

    from lmcompare.training.optimisers import eager

    fractions = torch.tensor(rules[:, :COUNTS] / np.arange(1, COUNTS + 1))
    start = torch.cat([torch.logit(fractions), torch.log(torch.tensor(rules[:, COUNTS:]))], 1)
    free = start.clone().requires_grad_()
    seen = torch.tensor(statistics)
    kinds = seen[:, 0].clamp(max=COUNTS).long()
    below = torch.tensor(first)
    optimiser = eager(torch.optim.LBFGS)([free], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        values = _values(free)
        p = below
        for level in range(len(seen)):
            count, total, *having = seen[level]
            discount, strength = values[level, :COUNTS], values[level, COUNTS]
            taken = torch.cat([discount.new_zeros(1), discount])[kinds[level]]
            saved = sum(d * n for d, n in zip(discount, having, strict=True))
            longer = (count - taken + (strength + saved) * p) / (total + strength)
            p = torch.where(total > 0, longer, p)
        away = ((free - start) ** 2).sum()
        value = -p.log().mean() + SURE / len(below) * away / 100
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)
    values: FloatArray = _values(free).detach().double().numpy()
    return values


def _values(free: Any) -> Any:
    """Return discounts between 0 and their counts, and strengths above 0, from unbounded numbers."""
    import torch

    discounts = torch.sigmoid(free[:, :COUNTS]).clamp(1e-3, 1 - 1e-4) * torch.arange(1, COUNTS + 1)
    return torch.cat([discounts, free[:, COUNTS:].clamp(-9, 9).exp()], 1).float()
