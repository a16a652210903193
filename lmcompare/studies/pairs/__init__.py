"""How often do models give the acceptable sentence of a pair the higher probability?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Pairs(Study):
    """How often do models give the acceptable sentence of a pair the higher probability?"""

    name: ClassVar[str] = "pairs"
    title: ClassVar[str] = "Minimal pairs"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 70
    section: ClassVar[str] = "lmcompare.studies.pairs.section"
