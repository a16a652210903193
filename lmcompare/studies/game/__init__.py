"""Shannon's game: does the reader predict a text better than the models?"""

from __future__ import annotations

from typing import ClassVar

from lmcompare.study import Study


class Game(Study):
    """Shannon's game: does the reader predict a text better than the models?"""

    name: ClassVar[str] = "game"
    title: ClassVar[str] = "Beat the models"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 40
    section: ClassVar[str] = "lmcompare.studies.game.section"
    script: ClassVar[str] = "game.js"
    style: ClassVar[str] = "game.css"
