"""How far a model reads is read off what it loses."""

from __future__ import annotations

from dataclasses import replace

from lmcompare.analysis.contrasts import Contrast
from lmcompare.lab.contract import Figures, Row
from lmcompare.lab.order import KEPT, _verdict, reach

NOTHING = Contrast("", 1.0, 0.0, -0.01, 0.01, 1.0, 1.0)


def lost(**by_treatment: tuple[float, ...]) -> dict[tuple[str, int], Contrast]:
    return {
        (how, kept): replace(NOTHING, difference=bits)
        for how, all_bits in by_treatment.items()
        for kept, bits in zip(KEPT, all_bits, strict=True)
    }


def test_the_reach_is_where_less_than_a_twentieth_of_a_bit_is_lost() -> None:
    found = lost(cut=(2.0, 0.4, 0.06, 0.01), shuffled=(0.9, 0.04, 0.0, 0.0))
    assert reach(found, "cut") == 64
    assert reach(found, "shuffled") == 4
    assert reach(lost(cut=(2.0, 1.0, 0.5, 0.2)), "cut") is None


def test_the_verdict_names_models_that_read_equally_far_together() -> None:
    known = (Row("the last one", value=0.037, p_holm=0.01), Row("the last 4", value=-0.026, p_holm=0.6))
    trained = Figures(title="", rows=known, unit="bits per word")
    near, far = (0.5, 0.01, 0.0, 0.0), (2.0, 0.4, 0.3, 0.2)
    said = _verdict(
        {
            "5-gram": lost(cut=near, shuffled=near),
            "bag": lost(cut=near, shuffled=near),
            "RNN": lost(cut=far, shuffled=near),
        },
        trained,
    ).replace("\u00a0", " ")
    assert "the last 4 words (the 5-gram and the bag) and more than the last 64 words (the RNN)" in said
    assert "the last 4 words (the 5-gram, the bag and the RNN)" in said
    assert "0.037 bits per word more with the last one, than" in said
