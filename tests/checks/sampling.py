"""The checks of a run, on a text with documents of every length."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from lmcompare.checks.kit import Result
from lmcompare.checks.probe import MarkovTexts
from lmcompare.checks.sampled import Scored, run_sampled_checks
from lmcompare.model import LanguageModel, Setting
from lmcompare.tokens import Encoded

TEXTS = MarkovTexts(0)
LONG = TEXTS.text("truth long", tokens=700).ids
TEST = TEXTS.encoded(*TEXTS.text("truth", documents=9, tokens=120).documents(), LONG, [], TEXTS.valid.ids[:90])


def checked(model: LanguageModel, text: Encoded = TEST, **options: Any) -> dict[str, Result]:
    """Train the model, and return the results of the checks by name."""
    model.fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))
    scores = np.asarray(model.log_probs(text), np.float64)
    results = run_sampled_checks(model, Scored(text, scores, TEXTS.floor(text)), **options)
    json.dumps([asdict(result) for result in results], allow_nan=False)
    return {result.name: result for result in results}


def failing(results: dict[str, Result]) -> set[str]:
    """The names of the checks that failed."""
    return {name for name, result in results.items() if not result.passed}
