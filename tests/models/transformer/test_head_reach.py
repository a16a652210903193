"""Tests of the reach of a transformer's heads, against a loop over its attention maps."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from lmcompare.exhibits import Heatmap
from lmcompare.models.transformer.exhibits import (
    PIECE,
    HeadReach,
    looking_at_one_place,
    measured,
    reach_exhibits,
    roles,
)
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import VOCABULARY, chain


def _ends(ids: np.ndarray) -> list[int]:
    """The places of inputs, the beginning included, that are ends of sentences."""
    return [place for place, word in enumerate(ids[: PIECE * 9 - 1], 1) if word == VOCABULARY.end]


def test_shares_are_the_mean_weights_of_places_that_see_a_whole_window() -> None:
    model = trained("rotary")
    assert isinstance(model, Transformer)
    window = model.window
    long, short = chain(3, 1, PIECE * window).ids, chain(4, 1, 10).ids[: window - 1]
    found = measured(
        model.trained_as(TransformerNetwork), Encoded.from_documents([long[: PIECE * window], short], VOCABULARY)
    )
    maps = model.trained_as(TransformerNetwork).maps(long[: PIECE * window - 1])
    assert found.places == (PIECE - 1) * window + 1
    for layer in range(model.layers):
        for head in range(model.heads):
            weights = maps[layer].weights[0, head]
            for distance in range(window):
                rows = range(window - 1, PIECE * window)
                wanted = np.mean([weights[i, i - distance] for i in rows])
                assert found.shares[layer][head][distance] == pytest.approx(float(wanted), abs=1e-6)
            assert sum(found.shares[layer][head]) == pytest.approx(1.0, abs=1e-5)
            full = maps[layer].weights[0, head].double().numpy()[window - 1 :]
            assert found.boundaries[layer][head] == pytest.approx(full[:, [0, *_ends(long)]].sum(1).mean(), abs=1e-6)
            entropy = -(full * np.log(full.clip(1e-300))).sum(1).mean()
            assert found.spread[layer][head] == pytest.approx(np.exp(entropy), abs=1e-4)
    assert HeadReach(**json.loads(json.dumps(asdict(found)))) == found


@pytest.mark.parametrize(
    ("shares", "boundaries", "spread", "role"),
    [
        ([0.5, 0.3, 0.1, 0.1, 0, 0, 0, 0, 0, 0], 0.1, 3.0, "the word itself 50%"),
        ([0.3, 0.4, 0.1, 0.1, 0.1, 0, 0, 0, 0, 0], 0.1, 3.0, "the previous word 40%"),
        ([0.1, 0.1, 0.6, 0.1, 0.1, 0, 0, 0, 0, 0], 0.1, 3.0, "two words back 60%"),
        ([0.3, 0.4, 0.1, 0.1, 0.1, 0, 0, 0, 0, 0], 0.5, 3.0, "sentence boundaries 50%"),
        ([0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0], 0.1, 7.0, "the last 5 words 70%"),
        ([0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2], 0.1, 7.0, "far back 80%"),
        ([0.1] * 10, 0.1, 9.6, "spread over about 10 words"),
        ([0.1] * 10, 0.1, 4.0, "spread over about 4 words"),
        ([1.0], 0.0, 1.0, "the word itself 100%"),
    ],
)
def test_a_role_follows_from_the_mean_weights(
    shares: list[float], boundaries: float, spread: float, role: str
) -> None:
    assert roles(HeadReach(3, [[shares]], [[boundaries]], [[spread]])) == [[role]]


def test_without_measurements_there_are_no_roles() -> None:
    assert roles(HeadReach()) == []
    assert roles(HeadReach(3, [[[1.0]]])) == [], "stored by an earlier version"


def test_the_map_has_a_row_for_each_head_and_a_column_for_each_range() -> None:
    head = (0.5, 0.2, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125)
    (drawn,) = reach_exhibits(HeadReach(100, ((head, head[::-1]),)))
    assert isinstance(drawn, Heatmap)
    assert drawn.rows == ("layer 1, head 1", "layer 1, head 2")
    assert drawn.columns == ("0", "1", "2", "3–4", "5–8", "9")
    np.testing.assert_allclose(
        np.array(drawn.values[0][0], float), [5, 2, 1, 0.5, 0.21875, 0.125]
    )  # 10 places: 10 · the mean share
    assert "each of the 10 words" in drawn.note


def test_uniform_attention_is_one_at_every_distance() -> None:
    (drawn,) = reach_exhibits(HeadReach(100, (((1 / 64,) * 64,),)))
    assert isinstance(drawn, Heatmap)
    np.testing.assert_allclose(np.array(drawn.values[0][0], float), np.ones(len(drawn.columns)))


def test_a_note_says_that_only_some_of_many_heads_are_shown() -> None:
    (drawn,) = reach_exhibits(HeadReach(5, (((1.0,),) * 30,)))
    assert isinstance(drawn, Heatmap)
    assert len(drawn.rows) == 15
    assert "15 of 30 heads are shown" in drawn.note
    assert drawn.columns == ("0",)


def test_without_measurements_nothing_is_shown() -> None:
    model = trained("rotary")
    assert isinstance(model, Transformer)
    empty = measured(model.trained_as(TransformerNetwork), Encoded.from_documents([[2, 3]], VOCABULARY))
    assert reach_exhibits(empty) == reach_exhibits(HeadReach()) == []


def test_heads_that_look_at_one_place_are_told_from_others() -> None:
    previous, mixed = [0.3, 0.5, 0.1, 0.1], [0.25] * 4
    before = [0.1, 0.1, 0.6, 0.2]
    found = HeadReach(9, [[mixed, previous], [before, mixed]], [[0.0] * 2] * 2, [[4.0, 2.0], [2.0, 4.0]])
    assert looking_at_one_place(found) == [(0, 1), (1, 0)]
    assert looking_at_one_place(HeadReach()) == []
