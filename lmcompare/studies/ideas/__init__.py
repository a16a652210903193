"""What did the laboratory find on this text?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class IdeasStudy(Study):
    """What did the laboratory find on this text?"""

    name: ClassVar[str] = "ideas"
    title: ClassVar[str] = "Laboratory"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 10
    questions: ClassVar[Mapping[str, str]] = {
        "ideas": "What is each idea of the transformer worth?",
        "ideas-order": "How far back do models read, and does the order of words matter?",
        "ideas-positions": "Does it matter how positions are told?",
        "ideas-gradient": "How are attention scores learnt?",
        "ideas-attention": "Does attention help a recurrent network?",
    }
    section: ClassVar[str] = "lmcompare.studies.ideas.section"
