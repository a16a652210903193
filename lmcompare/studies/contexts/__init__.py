"""What does context do to a word?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Contexts(Study):
    """What does context do to a word?"""

    name: ClassVar[str] = "contexts"
    title: ClassVar[str] = "In context"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 40
    questions: ClassVar[Mapping[str, str]] = {"meaning": "What does context do to a word?"}
    options: ClassVar[tuple[str, ...]] = ("prompts", "words")
    section: ClassVar[str] = "lmcompare.studies.contexts.section"
    style: ClassVar[str] = "contexts.css"
    terms: ClassVar[str] = "terms.toml"

    def measure(self, finished: Finished) -> Any:
        """Return the contexts of words with the distances between their vectors, and the test of word senses."""
        from lmcompare.studies.contexts.measure import chosen_words, sense_table, word_tables

        model, corpus = finished.model, finished.corpus
        words = chosen_words(corpus, finished.options["prompts"], finished.options["words"])
        return {"words": word_tables(model, corpus, words), "senses": sense_table(model, corpus)}
