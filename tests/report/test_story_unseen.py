"""The sentence that ends in a pair never seen is the one on which vectors save most against counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmcompare.report.sections.story_unseen import Unseen
from lmcompare.tokens import Encoded, Vocabulary
from tests.report.scenes import scene

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
TRAIN = Encoded.from_documents([VOCABULARY.ids(["a", "b", "c"]), VOCABULARY.ids(["d", "a", "c"])], VOCABULARY)


def guess(bits: float, *tokens: str) -> dict[str, object]:
    changes = [0.1] * (len(tokens) - 2) + [2.0]
    return {"bits": bits, "tokens": list(tokens), "replaced": changes, "next": [{"token": "x"}]}


def guesses(*bits: float) -> dict[tuple[int, int], dict[str, object]]:
    ends = [("a", "b"), ("b", "c"), ("b", "d"), ("c", "d"), ("x", "d"), ("a", "a")]
    return {(0, k): guess(bits[k], "a", *end) for k, end in enumerate(ends)}


def test_pairs_of_the_training_text_and_unknown_words_are_left_out() -> None:
    scenes = [scene(2.0, 3.0, 1e6), scene(2.0, 3.0, 1e6), replace(scene(1.5, 3.0, 1e6), shows="vectors")]
    first, table, vectors = guesses(*[9.0] * 6), guesses(*[8.0] * 6), guesses(1, 1, 9, 4, 1, 7)
    found = Unseen.of(scenes, [first, table, vectors], 1, TRAIN)
    assert found is not None
    # a b and b c are seen, x is unknown; c d is at the border of two documents, so it is not seen
    assert found.tokens == ["a", "c", "d"]
    assert found.bits == (9.0, 8.0, 4.0)
    assert found.saved == (-1.0, 4.0, 1.0)
    assert found.by_frequency == (-1.0, -1.0, -1.0)
    assert "“c d” does not occur" in found.said
    assert "the vector of “c” helps most" in found.said
    assert "On 2 of them" in found.typical
    assert "saves 1.3 bits" in found.typical


@pytest.mark.parametrize("table", [None, 1])
def test_there_is_no_such_scene_without_counts_or_a_gain(table: int | None) -> None:
    scenes = [scene(2.0, 3.0, 1e6), scene(2.0, 3.0, 1e6), replace(scene(1.5, 3.0, 1e6), shows="vectors")]
    same = [guesses(*[8.0] * 6)] * 3
    assert Unseen.of(scenes, same, table, TRAIN) is None
    assert Unseen.of(scenes[:2], same[:2], 1, TRAIN) is None
