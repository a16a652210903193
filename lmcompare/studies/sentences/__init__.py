"""How surprising is each token of a held-out sentence?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Sentences(Study):
    """How surprising is each token of a held-out sentence?"""

    name: ClassVar[str] = "sentences"
    title: ClassVar[str] = "Sentences"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 60
    section: ClassVar[str] = "lmcompare.studies.sentences.section"
