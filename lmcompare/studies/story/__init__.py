"""What does each idea from counting to attention add?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Story(Study):
    """What does each idea from counting to attention add?"""

    name: ClassVar[str] = "story"
    title: ClassVar[str] = "From counting to attention"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 10
    questions: ClassVar[Mapping[str, str]] = {
        "story": "From counting to attention: what does each idea add?",
        "scene-heads": "What are query, key and value?",
        "scene-unseen": "What do word vectors know that counts don’t?",
        "scene-far-back": "When do words far back matter?",
        "scene-mask": "What is the mask for?",
    }
    section: ClassVar[str] = "lmcompare.studies.story.section"
    script: ClassVar[str] = "story.js"
    style: ClassVar[str] = "story.css"

    def measure(self, finished: Finished) -> Any:
        """Return on which words guesses depend, and what a model with attention looks at."""
        from lmcompare.studies.story.influences import measured

        return measured(finished)
