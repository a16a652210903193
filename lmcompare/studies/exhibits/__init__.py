"""What does each model do inside?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Exhibits(Study):
    """What does each model do inside?"""

    name: ClassVar[str] = "exhibits"
    title: ClassVar[str] = "Inside the models"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 20
    questions: ClassVar[Mapping[str, str]] = {
        "inside": "What does each model do inside?",
        "forward-pass": "How does a network come from a word to the probabilities of the next one?",
        "inside-what-each-head-looks-at": "Where does attention look?",
    }
    section: ClassVar[str] = "lmcompare.studies.exhibits.section"
