"""Which words were read before, against brute force, and the verdict that figures lead to."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.lab.attention import (
    CHOSEN,
    COPIED,
    LOOKING,
    MEAN,
    _claims,
    _verdict,
    read_before,
)
from lmcompare.lab.contract import Figures, Row
from lmcompare.tokens import Encoded
from tests.lab.laboratory import missed
from tests.training.texts import VOCABULARY


@given(st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=4), st.integers(1, 6))
def test_words_that_were_read_before(documents: list[list[int]], window: int) -> None:
    text = Encoded.from_documents([np.array(d, np.int64) for d in documents], VOCABULARY)
    expected = [ids[i] in ids[max(0, i - window) : i] for ids in documents for i in range(len(ids))]
    assert read_before(text, window).tolist() == expected


def row(name: str, amount: float, p: float = 0.001) -> Row:
    return Row(name, value=amount, low=amount, high=amount, p_holm=p)


def table(amount: float) -> Figures:
    return Figures(title="", rows=(row(COPIED, amount),), unit="bits per word")


PREDICTED = {name: row(name, -0.004) for name in LOOKING} | {COPIED: row(COPIED, -0.02)}


def test_nothing_that_was_found_is_said_first() -> None:
    none = {name: row(name, 0.001, 0.9) for name in LOOKING}
    said = _verdict(none, row(CHOSEN, 0.0, 1.0), table(0.0), table(0.0))
    assert said.startswith("No effect of attention")
    assert "The effects of the mean of the past states" in said
    assert "saved" not in said
    assert "No difference was found between additive attention and the plain mean" in said


def test_gains_and_losses_are_told_apart() -> None:
    found = {**PREDICTED, CHOSEN: row(CHOSEN, -0.004), MEAN: row(MEAN, 0.030)}
    said = _verdict(found, row(CHOSEN, -0.011), table(-0.45), table(0.22))
    assert said.startswith("Attention helps even a recurrent network")
    worse = _verdict({**found, CHOSEN: row(CHOSEN, 0.004)}, row(CHOSEN, -0.011), table(0.0), table(0.0))
    assert worse.startswith("Attention makes a recurrent network worse")
    assert "saved: a pointer to past words (0.020)," in said
    assert "lost: the mean of the past states (0.030)." in said
    assert "better than the plain mean of the past states, by 0.011" in said
    assert "saves 0.45 bits on each word that was read a short time before, and costs 0.22" in said


def test_the_prediction() -> None:
    assert missed(_claims(PREDICTED, table(-0.4))) == []
    assert missed(_claims(PREDICTED, table(0.4))) == [4]
    assert missed(_claims({**PREDICTED, CHOSEN: row(CHOSEN, -0.02)}, table(-0.4))) == [0, 2, 3]
    assert missed(_claims({**PREDICTED, MEAN: row(MEAN, -0.001)}, table(-0.4))) == [2]
