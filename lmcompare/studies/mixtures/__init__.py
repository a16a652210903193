"""Do the models make different mistakes?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Mixtures(Study):
    """Do the models make different mistakes?"""

    name: ClassVar[str] = "mixtures"
    title: ClassVar[str] = "Mixtures"
    group: ClassVar[str] = "Results"
    order: ClassVar[int] = 80
    questions: ClassVar[Mapping[str, str]] = {"together": "Are several models together better?"}
    section: ClassVar[str] = "lmcompare.studies.mixtures.section"
