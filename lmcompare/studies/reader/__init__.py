"""Which words of the test text surprise the models?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Reader(Study):
    """Which words of the test text surprise the models?"""

    name: ClassVar[str] = "reader"
    title: ClassVar[str] = "Reader"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 30
    questions: ClassVar[Mapping[str, str]] = {"reader": "Which words surprise the models?"}
    section: ClassVar[str] = "lmcompare.studies.reader.section"
    script: ClassVar[str] = "reader.js"
    style: ClassVar[str] = "reader.css"
