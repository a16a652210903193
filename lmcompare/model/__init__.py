"""The contract between a language model and lmcompare.

A model is one class. It is given token ids and returns natural-log probabilities; everything else has a default that
follows from ``next_log_probs``. A model imports none of the code that runs, checks or shows it.
"""

from lmcompare.model.blocks import (
    check_array,
    check_stepper,
    greatest,
    most_likely,
    next_distributions,
    streamed,
)
from lmcompare.model.language_model import (
    BLOCK_BYTES,
    LanguageModel,
    Stepper,
    described,
    fitted,
    same_vocabulary,
    words_of,
)
from lmcompare.model.parameters import (
    HIGHEST_ORDER,
    SHORT_ORDER,
    SHORT_WINDOW,
    check_reach,
    check_whole,
    is_whole,
)
from lmcompare.model.values import (
    Budget,
    Idea,
    Milestones,
    PageCopy,
    Progress,
    Setting,
    Size,
    Traits,
    check_words,
    checked_size,
)
from lmcompare.state import State
from lmcompare.tokens import FloatArray

__all__ = [
    "BLOCK_BYTES",
    "HIGHEST_ORDER",
    "SHORT_ORDER",
    "SHORT_WINDOW",
    "Budget",
    "FloatArray",
    "Idea",
    "LanguageModel",
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
