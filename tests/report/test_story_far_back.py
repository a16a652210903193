"""The sentence that needs far words is the one in which they matter most, and looking back gains."""

from __future__ import annotations

from dataclasses import replace

from lmcompare.report.sections.story_far_back import FarBack
from tests.report.scenes import scene


def guess(bits: float, *replaced: float) -> dict[str, object]:
    tokens = [f"w{k}" for k in range(len(replaced))]
    return {"bits": bits, "tokens": [*tokens, "end"], "replaced": list(replaced), "next": [{"token": "x"}]}


def test_the_sentence_that_needs_far_words_is_that_in_which_they_matter_most_and_help() -> None:
    table = scene(2.0, 3.0, 1e6)
    looking = replace(scene(1.5, 3.0, 1e6), found={"attention": {"words": []}})
    counted = {
        (0, 0): guess(9.0, 0, 0, 0, 2, 5),
        (0, 1): guess(8.0, 0, 0, 0, 0, 3),
        (0, 2): guess(9.9, 0, 0, 0, 1, 1),
        (0, 3): guess(1.5, 0, 0, 0, 1, 1),
    }
    read = {
        (0, 0): guess(2.0, 0.2, 1.5, 0, 2, 5),
        (0, 1): guess(0.5, 0, 0.9, 0.7, 1, 1),
        (0, 2): guess(0, 0, 0, 0, 1, 1),
        (0, 3): guess(1.0, 0, 3.0, 0, 1, 1),
    }
    found = FarBack.of([table, looking], [counted, read], 0)
    assert found is not None
    assert found.reach == 2
    # far words matter less in the second, which gains more; the third gains by near ones, and the fourth hardly gains
    assert found.bits == (9.0, 2.0)
    assert found.often == 3
    assert "at most 2\u00a0tokens" in found.said
    said = found.said.replace("\u00a0", " ")
    assert "in place of “w1”, 4 tokens back, change the guess of the net by 1.5 bits on average." in said
    assert "The net needs 2.0 bits for “end”, the net needs 9.0." in found.said
    best = {**counted, (0, 0): guess(1.9, 0, 0, 0, 2, 5)}  # of another model, which needs fewest bits for the first
    other = FarBack.of([table, looking, table], [counted, read, best], 0)
    assert other is not None
    assert other.bits == (8.0, 0.5, 8.0)
    near = {key: guess(1.0, 0, 0, 0, 1, 1) for key in read}
    assert FarBack.of([table, looking], [counted, near], 0) is None
    assert FarBack.of([table, looking], [counted, read], None) is None
    assert FarBack.of([table, table], [counted, read], 0) is None
    assert FarBack.of([table, looking], [read, counted], 0) is None  # looking back gains nothing
