"""Whatever arrays a stored model has, using it ends in an answer or in one sentence, and never outside its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lmcompare.checks.probe import MarkovTexts
from lmcompare.model import Budget, Setting
from tests.made import made
from tests.models.altered_states import altered, answer
from tests.models.built_in_cases import BUILT_IN, factory

CASES = 500
WITHOUT_ARRAYS = {"kenlm"}


@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - WITHOUT_ARRAYS))
def test_an_altered_state(name: str) -> None:
    # with checks of all indices, which a process decides when it imports Numba; machine code is kept apart
    variables = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(made("checked-loops", lambda folder: None))}
    found = subprocess.run(
        [sys.executable, "-m", __name__, name],
        env={**os.environ, **variables},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    answers, sentences = map(int, found.stdout.split()[-2:])
    assert answers + sentences == CASES
    assert sentences > CASES / 10


def main(name: str) -> None:
    """Alter the state of one model ``CASES`` times; print how often it answered and how often it refused."""
    texts, make = MarkovTexts(0), factory(name)
    model = make().fit(texts.train, texts.valid, Setting(texts.vocabulary, budget=Budget(steps=6)))
    model.study(texts.train, texts.valid, Setting(texts.vocabulary))
    state, said = model.state(), []
    truthful = name != "stupid-backoff"
    assert answer(make, state, texts.test, truthful=truthful) == ""
    for seed in range(CASES):
        said.append(answer(make, altered(state, np.random.default_rng(seed)), texts.test, truthful=truthful))
    print(said.count(""), CASES - said.count(""))


if __name__ == "__main__":
    main(sys.argv[1])
