"""The contract between a language model and lmcompare.

A model is one class. It is given token ids and returns natural-log probabilities; everything else has a default that
follows from ``next_log_probs``. A model imports none of the code that runs, checks or shows it.
"""

from lmcompare.errors import LmcompareError
from lmcompare.model.language_model import LanguageModel, fitted
from lmcompare.model.protocols import (
    BLOCK_BYTES,
    Stepper,
    check_array,
    check_stepper,
    described,
    greatest,
    most_likely,
    next_distributions,
    same_vocabulary,
    streamed,
    words_of,
)
from lmcompare.model.values import (
    HIGHEST_ORDER,
    SHORT_ORDER,
    SHORT_WINDOW,
    Budget,
    Idea,
    Milestones,
    PageCopy,
    Progress,
    Setting,
    Size,
    Traits,
    check_reach,
    check_whole,
    check_words,
    checked_size,
    is_whole,
)
from lmcompare.state import ArraySpec, State
from lmcompare.tokens import FloatArray

__all__ = [
    "BLOCK_BYTES",
    "HIGHEST_ORDER",
    "SHORT_ORDER",
    "SHORT_WINDOW",
    "ArraySpec",
    "Budget",
    "FloatArray",
    "Idea",
    "LanguageModel",
    "LmcompareError",
    "Milestones",
    "PageCopy",
    "Progress",
    "Setting",
    "Size",
    "State",
    "Stepper",
    "Traits",
    "check_array",
    "check_reach",
    "check_stepper",
    "check_whole",
    "check_words",
    "checked_size",
    "described",
    "fitted",
    "greatest",
    "is_whole",
    "most_likely",
    "next_distributions",
    "same_vocabulary",
    "streamed",
    "words_of",
]
