"""Which model is best after equal time or equally many operations?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lmcompare.study import Computed, Study


class Compute(Study):
    """Which model is best after equal time or equally many operations?"""

    name: ClassVar[str] = "compute"
    title: ClassVar[str] = "Equal compute"
    group: ClassVar[str] = "Results"
    order: ClassVar[int] = 60
    questions: ClassVar[Mapping[str, str]] = {"compute": "Which model is best after a minute of training?"}
    section: ClassVar[str] = "lmcompare.studies.compute.section"

    def compute(self, run: Any) -> Computed | None:
        """Return the figures of models while they were trained."""
        from lmcompare.studies.compute.courses import compute_table

        return Computed(compute_table(run))
