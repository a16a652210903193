"""What does each model do inside?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Exhibits(Study):
    """What does each model do inside?"""

    name: ClassVar[str] = "exhibits"
    title: ClassVar[str] = "Inside the models"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 20
    questions: ClassVar[Mapping[str, str]] = {
        "inside": "What does each model do inside?",
        "forward-pass": "How does a network come from a word to the probabilities of the next one?",
        "inside-what-each-head-looks-at": "Where does attention look?",
    }
    options: ClassVar[tuple[str, ...]] = ("sentences",)
    everywhere: ClassVar[bool] = True
    kinds: ClassVar[Collection[str]] = ("text", "series")
    section: ClassVar[str] = "lmcompare.studies.exhibits.section"
    style: ClassVar[str] = "way.css"

    def measure(self, finished: Finished) -> Any:
        """Return the exhibits of the model, as they are stored."""
        from lmcompare.studies.exhibits.measure import exhibits_of

        return exhibits_of(finished)
