"""What any trained model has to agree with: its own distributions, step by step, and itself when it is restored."""

from __future__ import annotations

import json

import numpy as np

from lmcompare.model import LanguageModel, State
from lmcompare.tokens import Encoded


def steps_agree(model: LanguageModel, text: Encoded) -> None:
    """The stepper says of a document what the whole text would, wherever it begins."""
    rows = model.next_log_probs(text, np.arange(len(text) + 1))
    for begin in (0, 1, 4, 6):
        stepper = model.stepper(text.ids[:begin].astype(np.int64), text.vocabulary)
        for i in range(begin, len(text)):
            np.testing.assert_allclose(stepper.log_probs(), rows[i], atol=1e-12)
            stepper.push(int(text.ids[i]))
        np.testing.assert_allclose(stepper.log_probs(), rows[-1], atol=1e-12)


def comes_back(model: LanguageModel, fresh: LanguageModel, text: Encoded) -> None:
    """A fresh model that takes the state, gone through JSON, is the same in figures, notes and exhibits."""
    state = model.state()
    stored = State({k: v.copy() for k, v in state.arrays.items()}, json.loads(json.dumps(dict(state.values))))
    again = fresh.restore(stored)
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))
    assert again.hyperparameters() == model.hyperparameters()
    assert getattr(again, "notes", ()) == getattr(model, "notes", ())
    assert list(again.exhibits(text)) == list(model.exhibits(text))
