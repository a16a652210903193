"""What comes next after a prompt?"""

from __future__ import annotations

from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Prompts(Study):
    """What comes next after a prompt?"""

    name: ClassVar[str] = "prompts"
    title: ClassVar[str] = "Next words"
    group: ClassVar[str] = "Try it"
    order: ClassVar[int] = 50
    options: ClassVar[tuple[str, ...]] = ("prompts", "length", "temperature", "top_k", "top_p")
    section: ClassVar[str] = "lmcompare.studies.prompts.section"
    style: ClassVar[str] = "prompts.css"

    def measure(self, finished: Finished) -> Any:
        """Return the next tokens and a continuation of each prompt."""
        from lmcompare.measure.sampling import prompt_examples

        return prompt_examples(finished.model, finished.corpus, finished.options, finished.seed)
