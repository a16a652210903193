"""What does context do to a word?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Contexts(Study):
    """What does context do to a word?"""

    name: ClassVar[str] = "contexts"
    title: ClassVar[str] = "In context"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 40
    questions: ClassVar[Mapping[str, str]] = {"meaning": "What does context do to a word?"}
    section: ClassVar[str] = "lmcompare.studies.contexts.section"
