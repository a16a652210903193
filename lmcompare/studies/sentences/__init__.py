"""How surprising is each token of a held-out sentence?"""

from __future__ import annotations

from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Sentences(Study):
    """How surprising is each token of a held-out sentence?"""

    name: ClassVar[str] = "sentences"
    title: ClassVar[str] = "Sentences"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 60
    options: ClassVar[tuple[str, ...]] = ("sentences",)
    section: ClassVar[str] = "lmcompare.studies.sentences.section"
    style: ClassVar[str] = "sentences.css"

    def measure(self, finished: Finished) -> Any:
        """Return some test sentences with the surprisal of each token."""
        from lmcompare.measure.sampling import sentence_examples

        return sentence_examples(finished.model, finished.corpus, finished.options["sentences"])
