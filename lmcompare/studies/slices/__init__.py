"""On which kinds of tokens, words and documents is each model good?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Slices(Study):
    """On which kinds of tokens, words and documents is each model good?"""

    name: ClassVar[str] = "slices"
    title: ClassVar[str] = "By kind"
    order: ClassVar[int] = 40
    questions: ClassVar[Mapping[str, str]] = {"wins": "Where does each model win?"}
    section: ClassVar[str] = "lmcompare.studies.slices.section"
    script: ClassVar[str] = "gains.js"
    style: ClassVar[str] = "gains.css"
