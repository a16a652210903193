"""How far a model reads is read off what it loses, and what the order gives off tested differences."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from lmcompare.analysis.contrasts import Contrast
from lmcompare.lab.bench import rows_of
from lmcompare.lab.contract import Figures, Row
from lmcompare.lab.order import KEPT, _claims, _verdict, named, reach, seen_by
from lmcompare.lab.shuffling import TREATMENTS
from lmcompare.model import LanguageModel
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow

NOTHING = Contrast("", 1.0, 0.0, 0.0, 0.0, 1.0, 1.0)
Found = dict[tuple[str, int], Contrast]
END = 1


def contrast(bits: float, width: float = 0.005, p: float = 0.0001) -> Contrast:
    return replace(NOTHING, difference=bits, low=bits - width, high=bits + width, p_value=p)


def lost(**by_treatment: tuple[float, ...]) -> Found:
    return {
        (how, kept): contrast(bits, p=0.0001 if bits > 0.01 else 1.0)
        for how, all_bits in by_treatment.items()
        for kept, bits in zip(KEPT, all_bits, strict=True)
    }


def said(found: dict[str, Found], *trained: Row) -> str:
    rows = rows_of({named(family, k): each["shuffled", k] for family, each in found.items() for k in KEPT})
    table = Figures(title="", rows=trained, unit="bits per word")
    return _verdict(found, rows, table).replace("\u00a0", " ")


def test_the_reach_is_where_less_than_a_twentieth_of_a_bit_is_lost() -> None:
    found = lost(cut=(2.0, 0.4, 0.06, 0.01), shuffled=(0.9, 0.04, 0.0, 0.0))
    assert reach(found, "cut") == 64
    assert reach(found, "shuffled") == 4
    assert reach(lost(cut=(2.0, 1.0, 0.5, 0.2)), "cut") is None


NEAR, FAR, NONE = (0.5, 0.002, 0.0, 0.0), (2.0, 0.4, 0.3, 0.2), (0.0,) * 4


def test_the_verdict_names_models_that_read_equally_far_together() -> None:
    found = {
        "5-gram": lost(cut=NEAR, shuffled=NEAR),
        "bag": lost(cut=NEAR, shuffled=NONE),
        "RNN": lost(cut=FAR, shuffled=NEAR),
    }
    text = said(found, Row("the last one", value=0.037, p_holm=0.01), Row("the last 4", value=-0.026, p_holm=0.6))
    assert "within the last 4 words" in text.partition(". ")[0]
    assert re.search(r"5-gram and the bag [^.]*less than 0\.05 bits per word [^.]*before the last 4\b", text)
    assert "the last 64 words may be worth more than that to the RNN." in text
    assert "all but the last word makes the 5-gram and the RNN worse" in text
    assert "No effect of the order was found for the bag." in text
    assert "uncertain" not in text
    assert "to know which word came last, and the words before as a bag, needs 0.037 bits per word more" in text
    assert "the last 4 words needs" not in text


def test_what_the_correction_leaves_open_is_unclear_and_not_found() -> None:
    shuffled = lost(shuffled=NEAR) | {("shuffled", 4): contrast(0.149, 0.116, p=0.02)}
    text = said({"RNN": lost(cut=FAR, shuffled=(0.9, 0.2, 0.0, 0.0)), "transformer": lost(cut=FAR) | shuffled})
    assert "within the last 16 words" in text.partition(". ")[0]
    assert "all but the last 4 words makes the RNN worse" in text
    assert "all but the last word makes the transformer worse" in text
    assert "uncertain to tell: the loss of the transformer if all but the last 4 words are shuffled" in text


def test_without_an_effect_of_order_that_is_said_first() -> None:
    assert said({"bag": lost(cut=NEAR, shuffled=NONE)}).startswith("No effect of the order of words was found.")
    far = lost(cut=FAR, shuffled=(0.9, 0.2, 0.2, 0.2))
    assert said({"RNN": far}).startswith("The order of words matters. ")


def test_the_prediction_is_open_where_an_interval_has_its_bound() -> None:
    short = {(how, kept): contrast(0.0) for how in TREATMENTS for kept in KEPT}
    long = short | lost(cut=(2.0, 0.5, 0.1, 0.0), shuffled=(0.7, 0.1, 0.01, 0.0))
    known = Figures(title="", rows=(Row("the last one", value=0.26, low=0.18, high=0.33),), unit="")
    found = {"5-gram": short, "word2vec bag": short, "RNN": long, "transformer": long}
    assert set(_claims(found, known).values()) == {True}
    wide = long | {("shuffled", 16): contrast(0.02, 0.04)}
    claims = _claims({**found, "RNN": wide, "5-gram": short | {("cut", 16): contrast(0.2)}}, known)
    assert [*claims.values()] == [False, True, True, None, True, True, True]


@pytest.mark.parametrize(
    ("model", "seen"),
    [
        (NGram(order=5), 4),
        (NGram(order=3), 2),
        (Word2VecBow(window=3, across=True), 3),
        (Transformer(window=3, layers=2), 5),
        (Rnn(), 9),
    ],
)
def test_how_far_a_model_sees(model: LanguageModel, seen: int) -> None:
    assert seen_by(model, np.arange(2, 11), END) == seen
    assert seen_by(model, np.array([5]), END) == 1


def test_a_model_of_sentences_sees_no_farther_than_to_the_last_end_of_one() -> None:
    context = np.array([2, 3, END, 4, 5])
    assert seen_by(NGram(order=5), context, END) == 2
    assert seen_by(Word2VecBow(window=4, across=False), context, END) == 2
    assert seen_by(Transformer(), context, END) == 5
