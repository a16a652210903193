"""Do the models make different mistakes?"""

from __future__ import annotations

from typing import Any, ClassVar

from lmcompare.study import Study


class Mixtures(Study):
    """Do the models make different mistakes?"""

    name: ClassVar[str] = "mixtures"
    title: ClassVar[str] = "Mixtures"
    group: ClassVar[str] = "Results"
    order: ClassVar[int] = 80

    def show(self, report: Any) -> Any:
        """Return the section."""
        from lmcompare.studies.mixtures.section import build

        return build(report)
