"""Which words are similar in the vectors of the models?"""

from __future__ import annotations

from typing import Any, ClassVar

from lmcompare.study import Study


class SimilarWords(Study):
    """Which words are similar in the vectors of the models?"""

    name: ClassVar[str] = "similar_words"
    title: ClassVar[str] = "Similar words"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 30

    def show(self, report: Any) -> Any:
        """Return the section."""
        from lmcompare.studies.similar_words.section import build

        return build(report)
