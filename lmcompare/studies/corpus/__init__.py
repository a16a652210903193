"""What is the text, and how was it split?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Corpus(Study):
    """What is the text, and how was it split?"""

    name: ClassVar[str] = "corpus"
    title: ClassVar[str] = "Corpus"
    group: ClassVar[str] = "Trust"
    order: ClassVar[int] = 10
    section: ClassVar[str] = "lmcompare.studies.corpus.section"
