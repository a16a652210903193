"""What comes next after a prompt?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Prompts(Study):
    """What comes next after a prompt?"""

    name: ClassVar[str] = "prompts"
    title: ClassVar[str] = "Next words"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 50
    section: ClassVar[str] = "lmcompare.studies.prompts.section"
