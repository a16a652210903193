"""Short titles of models, which stay apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def short_titles(titles: Sequence[str]) -> list[str]:
    """Return each title up to its first comma, if no other one begins like it."""
    heads = Counter(title.split(", ")[0] for title in dict.fromkeys(titles))
    return [head if heads[head := title.split(", ")[0]] == 1 else title for title in titles]
