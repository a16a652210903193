"""Do the models make different mistakes?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Mixtures(Study):
    """Do the models make different mistakes?"""

    name: ClassVar[str] = "mixtures"
    title: ClassVar[str] = "Mixtures"
    group: ClassVar[str] = "Results"
    order: ClassVar[int] = 80
    section: ClassVar[str] = "lmcompare.studies.mixtures.section"
