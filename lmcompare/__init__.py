"""Language models of every generation on the same text: how well, at what cost, and why.

The public names are imported when they are first used, so that ``import lmcompare`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lmcompare.api import Comparison, compare, load
    from lmcompare.corpora import Corpus, CorpusOptions, Document
    from lmcompare.errors import LmcompareError
    from lmcompare.model import Idea, LanguageModel, Progress, Setting, Size, State, Stepper, Traits
    from lmcompare.tokens import Encoded, Vocabulary
    from lmcompare.trained import TrainedModel

_HOMES = {
    "lmcompare.api": ("Comparison", "compare", "load"),
    "lmcompare.corpora": ("Corpus", "CorpusOptions", "Document"),
    "lmcompare.errors": ("LmcompareError",),
    "lmcompare.model": ("Idea", "LanguageModel", "Progress", "Setting", "Size", "State", "Stepper", "Traits"),
    "lmcompare.tokens": ("Encoded", "Vocabulary"),
    "lmcompare.trained": ("TrainedModel",),
}
_MODULES = ("checks", "corpora", "errors", "exhibits", "model", "plugins", "testing", "tokens")

__all__ = ["Comparison", "Corpus", "CorpusOptions", "Document", "Encoded", "Idea", "LanguageModel", "LmcompareError"]
__all__ += [
    "Progress",
    "Setting",
    "Size",
    "State",
    "Stepper",
    "TrainedModel",
    "Traits",
    "Vocabulary",
    "compare",
    "load",
]


def _imported(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"lmcompare.{name}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'lmcompare' has no attribute '{name}'")


__getattr__, __dir__ = _imported, lambda: sorted({*__all__, *_MODULES})
