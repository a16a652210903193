"""The sentence that ends in a pair never seen is the one on which vectors save most against counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.report.data import ReportData
from lmcompare.report.sections.story_scene import Scene
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


class Tokens:
    """A test text of five tokens, of which the second and the last follow a word for the first time."""

    train = TRAIN

    def feature_blocks(self, split: str, columns: list[str]) -> Iterator[dict[str, Any]]:
        yield {"seen_2": np.array([0, 0, 1]), "train_count": np.array([3, 2, 2]), "position": np.array([0, 1, 2])}
        yield {"seen_2": np.array([0, 0]), "train_count": np.array([0, 1]), "position": np.array([3, 4])}


DATA: ReportData = SimpleNamespace(main_tokens="t", run=SimpleNamespace(tokens={"t": Tokens()}))  # type: ignore[assignment]


def with_scores(made: Scene, name: str, *bits: float) -> Scene:
    cell = SimpleNamespace(log_probs=lambda split: -np.log(2) * np.array(bits))
    return replace(made, model=SimpleNamespace(title=f"Net {name}", name=name, cell=cell))  # type: ignore[arg-type]


SCENES = [
    with_scores(scene(2.0, 3.0, 1e6), "first", 1, 3, 1, 1, 5),
    with_scores(scene(2.0, 3.0, 1e6), "table", 9, 8, 9, 9, 10),
    with_scores(replace(scene(1.5, 3.0, 1e6), shows="vectors"), "vectors", 0, 2, 0, 0, 3),
]


def test_pairs_of_the_training_text_and_unknown_words_are_left_out() -> None:
    first, table, vectors = guesses(*[9.0] * 6), guesses(*[8.0] * 6), guesses(1, 1, 9, 4, 1, 7)
    found = Unseen.of(SCENES, [first, table, vectors], 1, DATA)
    assert found is not None
    # a b and b c are seen, x is unknown; c d is at the border of two documents, so it is not seen
    assert found.scene.tokens == ["a", "c", "d"]
    assert found.bits == (9.0, 8.0, 4.0)
    assert found.saved == (-1.0, 4.0, 1.0)
    assert "“c d” does not occur" in found.said
    assert "the word that matters most to this guess is “c”" in found.said
    # of the test tokens the first begins its document, the third was seen, the fourth is unknown
    assert found.many == 2
    assert found.means == pytest.approx((4.0, 9.0, 2.5))
    assert "the net vectors needs fewer bits than the net table, and fewer than the net first." in found.said
    worse = replace(found, means=(2.4, 9.0, 2.5))
    assert worse.said.endswith("than the net table, but no fewer than the net first, which ignores the words before.")
    others = replace(found, means=(2.45, 2.4, 2.5))
    assert "the net vectors needs no fewer bits than the net table, but" in others.said
    assert others.said.endswith(" Only the net table needs fewer than the net first.")
    counts_first = replace(found, scenes=tuple(SCENES[1:]), means=(9.0, 2.5))
    assert counts_first.said.endswith("the net vectors needs fewer bits than the net table.")


@pytest.mark.parametrize("table", [None, 1])
def test_there_is_no_such_scene_without_counts_or_a_gain(table: int | None) -> None:
    same = [guesses(*[8.0] * 6)] * 3
    assert Unseen.of(SCENES, same, table, DATA) is None
    assert Unseen.of(SCENES[:2], same[:2], 1, DATA) is None
