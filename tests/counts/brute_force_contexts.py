"""The contexts of a text by their definition: every passage of every document, each place looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

START = -1


class BruteForce:
    """What followed every context of some documents.

    ``after`` has for each context, a tuple of tokens that may begin with ``START``, the Counter of the tokens after
    it, each for each different token before the context at most ``repeats`` times.
    """

    def __init__(self, documents: Sequence[Sequence[int]], repeats: int) -> None:
        places: dict[tuple[int, ...], Counter[tuple[int, int]]] = defaultdict(Counter)  # (token before, next)
        for number, document in enumerate(documents):
            marked = [START, *document]
            for at in range(1, len(marked)):
                for length in range(at + 1):
                    # nothing stands before a start mark, so that every document counts by itself
                    before = marked[at - length - 1] if length < at else -10 - number
                    places[tuple(marked[at - length : at])][before, marked[at]] += 1
        self.before = {context: {before for before, _ in found} for context, found in places.items()}
        self.after: dict[tuple[int, ...], Counter[int]] = {}
        for context, found in places.items():
            self.after[context] = Counter()
            for (_, word), n in found.items():
                self.after[context][word] += min(n, repeats)

    def branches(self, context: tuple[int, ...]) -> bool:
        """Return whether different tokens precede a context, or nothing can."""
        return not context or len(self.before[context]) > 1

    def levels(self, past: Sequence[int]) -> list[tuple[int, bool, Counter[int]]]:
        """Return of each level before a document's next token the length, whether it is the end, and the counts."""
        marked = (START, *past)
        found = []
        for length in range(len(marked) + 1):
            context = tuple(marked[len(marked) - length :])
            if context not in self.after:
                break
            longer = tuple(marked[len(marked) - length - 1 :])
            is_last = length == len(marked) or longer not in self.after
            ended = context[:1] == (START,)
            if (self.branches(context) and not ended) or is_last:
                final = ended or not self.branches(context)
                found.append((length, final, self.after[self._whole(context)]))
        return found

    def _whole(self, context: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shortest context with the same places that branches, or begins a document."""
        while not self.branches(context) and context[0] != START:
            (before,) = self.before[context]
            if before < START:
                break
            context = (before, *context)
        return context
