"""Which words are similar in the vectors of the models?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class SimilarWords(Study):
    """Which words are similar in the vectors of the models?"""

    name: ClassVar[str] = "similar_words"
    title: ClassVar[str] = "Similar words"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 30
    section: ClassVar[str] = "lmcompare.studies.similar_words.section"
