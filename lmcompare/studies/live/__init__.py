"""What do the models say to the reader's own text?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Live(Study):
    """What do the models say to the reader's own text?"""

    name: ClassVar[str] = "live"
    title: ClassVar[str] = "Your own text"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 20
    questions: ClassVar[Mapping[str, str]] = {"live": "What do the models say to my own text?"}
    options: ClassVar[tuple[str, ...]] = ("whole",)
    section: ClassVar[str] = "lmcompare.studies.live.section"
    script: ClassVar[str] = "live.js"
    style: ClassVar[str] = "live.css"

    def measure(self, finished: Finished) -> Any:
        """Return what the page computes the model from, or the reason why it can't."""
        from lmcompare.studies.live.copy import page_copy

        return page_copy(finished)
