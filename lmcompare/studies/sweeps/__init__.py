"""Which settings were tried, and which were chosen?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Sweeps(Study):
    """Which settings were tried, and which were chosen?"""

    name: ClassVar[str] = "sweeps"
    title: ClassVar[str] = "Sweeps"
    order: ClassVar[int] = 90
    section: ClassVar[str] = "lmcompare.studies.sweeps.section"
