"""How did the loss of each model fall in training?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from lmcompare.study import Study


class Learning(Study):
    """How did the loss of each model fall in training?"""

    name: ClassVar[str] = "learning"
    title: ClassVar[str] = "Learning"
    order: ClassVar[int] = 50
    kinds: ClassVar[Collection[str]] = ("text", "series")
    questions: ClassVar[Mapping[str, str]] = {"learning": "Would more training help?"}
    section: ClassVar[str] = "lmcompare.studies.learning.section"
