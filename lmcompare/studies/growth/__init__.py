"""How much text does each model need, and what would more text bring?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lmcompare.study import Computed, Study


class Growth(Study):
    """The figures of models on growing shares of the training text."""

    name: ClassVar[str] = "growth"
    title: ClassVar[str] = "Text and size"
    order: ClassVar[int] = 70
    questions: ClassVar[Mapping[str, str]] = {"growth": "Would more text help, and which model needs least?"}
    section: ClassVar[str] = "lmcompare.studies.growth.section"

    def compute(self, run: Any) -> Computed:
        """Return the curves, their laws and where they cross, and what ten times the text would bring."""
        from lmcompare.studies.growth.curves import growth_table, tenfold

        return Computed(growth_table(run), advice=tenfold(run))
