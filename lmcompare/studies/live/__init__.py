"""What do the models say to the reader's own text?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Live(Study):
    """What do the models say to the reader's own text?"""

    name: ClassVar[str] = "live"
    title: ClassVar[str] = "Your own text"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 20
    questions: ClassVar[Mapping[str, str]] = {"live": "What do the models say to my own text?"}
    section: ClassVar[str] = "lmcompare.studies.live.section"
