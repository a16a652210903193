"""Do models predict the text that they were trained on better than new text?"""

from __future__ import annotations

from typing import Any, ClassVar

from lmcompare.study import Computed, Finished, Study


class Memorisation(Study):
    """How much better a model predicts the training text than text that it has not read."""

    name: ClassVar[str] = "memorisation"

    def measure(self, finished: Finished) -> dict[str, float | int | None] | None:
        """Return the mean nats per known token on samples of train and valid; None for a model that adapts."""
        from lmcompare.studies.memorisation.measure import measured

        return None if finished.model.traits.adaptive else measured(finished.model, finished.corpus)

    def compute(self, run: Any) -> Computed:
        """Return the figures, a doubt on models that know the validation text, and whether more text would help."""
        from lmcompare.studies.memorisation.figures import computed

        return computed(run)
