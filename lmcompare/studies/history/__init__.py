"""How did the models of a hundred years improve?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class History(Study):
    """How did the models of a hundred years improve?"""

    name: ClassVar[str] = "history"
    title: ClassVar[str] = "History"
    order: ClassVar[int] = 30
    section: ClassVar[str] = "lmcompare.studies.history.section"
