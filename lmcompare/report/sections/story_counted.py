"""What the training text has after the last words of the story's sentence: the counts behind a table of phrases."""

from __future__ import annotations

import numpy as np

from lmcompare.render import numbers
from lmcompare.render.tokens import visible
from lmcompare.report.data import ReportData
from lmcompare.report.sections.story_scene import Scene
from lmcompare.tokens import Encoded, IntArray

MOST = 4  # words of the longest context
NAMED = 3  # next words that are named


def followed(data: ReportData, scene: Scene) -> str:
    """Return sentences on the words that follow the end of the sentence's context in the training text.

    They are about the longest end that occurs there, of at most ``MOST`` words, and the end that is a word shorter;
    "" if none occurs.
    """
    said: list[str] = []
    train = data.run.tokens[data.main_tokens].train
    context = train.vocabulary.ids([str(token) for token in scene.found["tokens"][:-1]])
    for length in range(min(MOST, len(context)), 0, -1):
        after = next_of(train, context[-length:])
        if not len(after):
            continue
        ids, counts = np.unique(after, return_counts=True)
        order = np.lexsort((ids, -counts))[:NAMED]
        parts = [f"“{visible(train.vocabulary[int(ids[i])])}” ({numbers.count(int(counts[i]))})" for i in order]
        others = len(after) - int(counts[order].sum())
        if others:
            parts.append(f"other words ({numbers.count(others)})")
        words = " ".join(scene.tokens[-1 - length : -1])
        times = f"{numbers.count(len(after))} times" if len(after) > 1 else "once"
        said.append(f"“{words}” occurs {times} in the training text, followed by {numbers.listed(parts)}.")
        if len(said) == 2:
            break
    return " ".join(said)


def next_of(text: Encoded, context: IntArray) -> IntArray:
    """(n,) the ids that follow a context (k,) in a text, if they are in the same document."""
    size = len(context)
    at = np.arange(size, len(text))
    for back, token in enumerate(context[::-1].tolist(), 1):
        at = at[text.ids[at - back] == token]
    at = at[text.context_starts(at) <= at - size]
    found: IntArray = text.ids[at]
    return found
