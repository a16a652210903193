"""What the models of a run answer to the page: scores of a text, its most likely next tokens, and continuations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lmcompare.errors import LmcompareError
from lmcompare.measure.sampling import Sampling
from lmcompare.trained import TrainedModel

LONGEST = 20_000  # characters of a text that is typed
MOST = 500  # tokens of a continuation
NEXT = 10  # next tokens that are shown


class Answers:
    """The trained models by the names that the page has for them, in its order."""

    def __init__(self, models: Mapping[str, TrainedModel]) -> None:
        self.models = dict(models)

    def score(self, text: str) -> dict[str, Any]:
        """Return for each model the tokens of a text with their bits, and the most likely next tokens.

        Raises ``LmcompareError`` for a text that is too long.
        """
        if len(text) > LONGEST:
            raise LmcompareError(f"the text has more than {LONGEST:,} characters: give a shorter one, or a file")
        return {"each": [_scored(model, text) for model in self.models.values()]}

    def measure(self, text: str) -> list[dict[str, Any]]:
        """Return for each model the bits per byte of a text, which may be a long one."""
        rows = []
        for name, model in self.models.items():
            found = model.score(text)
            rows.append(
                {
                    "name": name,
                    "tokens": len(found.tokens),
                    "unknown": sum(found.unknown),
                    "bits_per_byte": _finite(found.bits_per_byte),
                }
            )
        return rows

    def continued(self, name: str, text: str, length: int, sampling: Sampling) -> Iterator[str]:
        """Yield the text of each token with which a model goes on.

        Raises ``LmcompareError`` for a model that is not there, and for a text or a continuation that is too long.
        """
        if name not in self.models:
            raise LmcompareError(f"there is no model '{name}'")
        if len(text) > LONGEST or not 0 < length <= MOST:
            raise LmcompareError(f"a continuation has 1 to {MOST} tokens, after at most {LONGEST:,} characters")
        return self.models[name].by_token(text, length, sampling)


def _finite(value: float) -> float | None:
    """Return a number, or None for what JSON does not have."""
    return value if math.isfinite(value) else None


def _scored(model: TrainedModel, text: str) -> dict[str, Any]:
    found = model.score(text)
    ends = [0, *(end for _, end in found.offsets)]
    spaced = [begin > end for (begin, _), end in zip(found.offsets, ends, strict=False)]
    return {
        "covers": model.covers,
        "tokens": [
            {"text": token, "spaced": gap, "unknown": unknown}
            for token, gap, unknown in zip(found.tokens, spaced, found.unknown, strict=True)
        ],
        "bits": list(map(_finite, found.surprisal_bits)),
        "next": model.next_tokens(text, NEXT),
        "bits_per_byte": _finite(found.bits_per_byte),
    }
