"""What memorisation says of the models of a run: who has read the validation text, and who would need more text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lmcompare.analysis.comparison import compare_models
from lmcompare.render import numbers
from lmcompare.runfolder.run import ModelEntry, Run
from lmcompare.study import MORE_TEXT, Advice, Computed, named

MEMORISED = 0.1  # nats: a smaller gap between training and validation text is not worth mentioning
LEAST_GAP = 0.5  # nats


@dataclass(frozen=True)
class Known:
    """The mean nats per known token of samples of the training and of the validation text."""

    train: float
    valid: float

    @classmethod
    def of(cls, model: ModelEntry) -> Known | None:
        """Return the figures of the first seed; None if they were not measured or are not finite."""
        found = model.first.measured("memorisation") if model.first is not None else None
        train, valid = (found.get(f"{which}_nats") if found else None for which in ("train", "valid"))
        return None if train is None or valid is None else cls(float(train), float(valid))

    @property
    def gap(self) -> float:
        """How much better the training text is predicted."""
        return self.valid - self.train

    @property
    def knows_valid(self) -> bool:
        """Whether validation text is predicted so much better than training text that the model has probably read it.

        The loss on validation text is less than half of that on training text. Of 245 honest models in the tests, it
        was 0.89 of it or more. Losses that are nearly 0 differ by chance.
        """
        return self.valid < self.train / 2 and -self.gap > LEAST_GAP


def computed(run: Run) -> Computed:
    """Return the figures by model, a doubt on each model that knows the validation text, and a hint at more text."""
    known = {model.name: found for model in run.scored if (found := Known.of(model)) is not None}
    return Computed(
        {name: {"train_nats": each.train, "valid_nats": each.valid} for name, each in known.items()},
        {name: _doubt(name, each) for name, each in known.items() if each.knows_valid},
        _advice(memorised(run, known)),
    )


def memorised(run: Run, known: Mapping[str, Known]) -> dict[str, float]:
    """Return the gaps of ranked models that do better on the training text, the largest first.

    Figures per token hold for models of the same tokens: of models with several kinds, those with the kind that most
    have.
    """
    comparison = compare_models(run)
    ranked = [model for model in run.scored if comparison.standing(model.name).group == "ranked"]
    tokens = Counter(model.tokens_fingerprint for model in ranked).most_common(1)
    main = [model.name for model in ranked if model.tokens_fingerprint == tokens[0][0]]
    gaps = {name: known[name].gap for name in main if name in known and known[name].gap > MEMORISED}
    return dict(sorted(gaps.items(), key=lambda pair: -pair[1]))


def _doubt(name: str, found: Known) -> str:
    valid, train = (numbers.perplexity(math.exp(nats)) for nats in (found.valid, found.train))
    return (
        f"{named(name)} predicts the validation text far better than its training text (perplexity {valid} instead of"
        f" {train} on known words). Usually this means that its code has read the validation text."
    )


def _advice(gaps: Mapping[str, float]) -> tuple[Advice, ...]:
    if not gaps:
        return ()
    shares = numbers.perplexity_shares({named(name): gap for name, gap in gaps.items()})
    said = f"On known words, the perplexity of the training text is lower than that of new text by {shares}"
    return (Advice(MORE_TEXT, f"{said}, a hint that more text would help."),)
