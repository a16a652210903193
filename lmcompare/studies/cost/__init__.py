"""What does each model cost, and which is best within a budget?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lmcompare.study import Study


class Cost(Study):
    """What does each model cost, and which is best within a budget?"""

    name: ClassVar[str] = "cost"
    title: ClassVar[str] = "Cost"
    order: ClassVar[int] = 20
    questions: ClassVar[Mapping[str, str]] = {"cost": "Which model should I take for my budget?"}
    section: ClassVar[str] = "lmcompare.studies.cost.section"
    script: ClassVar[str] = "choice.js"
    style: ClassVar[str] = "choice.css"
