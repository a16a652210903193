"""Tables, exhibits and the verdict follow from what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.exhibits import problem_with
from lmcompare.lab.diffusion.data import NUMERALS, STRENGTHS, Digits, Prompt, nearest
from lmcompare.lab.diffusion.experiment import (
    RANDOM,
    STATIC,
    Results,
    _claims,
    _remarks,
    _verdict,
    against_random,
    by_strength,
    by_vectors,
    exhibits,
    quality,
)
from lmcompare.lab.diffusion.model import wilson
from lmcompare.lab.diffusion.pictures import DenoisingFilm, PromptedPictures, as_text
from tests.lab.diffusion.planted import planted

pytestmark = pytest.mark.slow


def obedient(kind: str, prompt: Prompt, strength: float, i: int) -> int:
    """Pictures are what the prompt says if there is guidance, and numerals are understood with word2vec alone."""
    random = int(np.random.default_rng([i, int(10 * strength)]).integers(10))
    if prompt in NUMERALS and kind != STATIC:
        return random
    allowed = sorted(prompt.digits)
    return random if strength <= 1 else allowed[i % len(allowed)]


def deaf(kind: str, prompt: Prompt, strength: float, i: int) -> int:
    """Nothing has an effect, and every picture is a one."""
    return 1


@pytest.fixture(scope="module")
def good() -> Results:
    return planted(obedient)


@pytest.fixture(scope="module")
def bad() -> Results:
    return planted(deaf)


def test_the_table_has_the_planted_shares(good: Results, bad: Results) -> None:
    rows = {row.name: row for row in by_strength(good, STATIC).rows}
    assert rows["a single digit, strength 2"].value == 1.0
    assert rows["a single digit, strength 2"].low == pytest.approx(wilson(450, 450)[0])
    threes = rows["“three or five”: threes, strength 2"]
    assert threes.value == pytest.approx(38 / 75)  # the even ones of 75 pictures
    assert (threes.low, threes.high) == pytest.approx(wilson(3 * 38, 3 * 75))
    assert rows["“not a one”: ones, strength 2"].value == 0.0
    assert {row.name: row for row in by_strength(bad, STATIC).rows}["“not a one”: ones, strength 2"].value == 1.0


def test_an_effect_of_the_vectors_is_found_where_it_was_planted(good: Results, bad: Results) -> None:
    rows = {row.name: row for row in by_vectors(good, against_random(good)).rows}
    numerals = rows["numerals: word2vec"]
    assert numerals.found
    assert numerals.figure == 1.0
    assert not any(row.found for name, row in rows.items() if name != numerals.name)
    assert not any(row.found for row in by_vectors(bad, against_random(bad)).rows)


def test_the_verdict_rests_on_the_correction_of_the_table(good: Results) -> None:
    tests = against_random(good)
    assert {len(test.family) for test in tests.values()} == {len(tests)}
    assert [test.p_holm for test in tests.values()] == [row.p_holm for row in by_vectors(good, tests).rows]


def test_real_pictures_are_as_near_as_they_are(good: Results) -> None:
    digits = Digits.load()
    rows = quality(good, RANDOM).rows
    assert rows[0].value == pytest.approx(nearest(digits.apart.pictures, digits.diffusion.pictures)[1].mean())
    assert len(rows) == 1 + len(STRENGTHS)


def test_the_verdict_says_what_was_found_and_what_was_not(good: Results, bad: Results) -> None:
    found = _verdict(good, against_random(good)).replace("\u00a0", " ")
    assert "100 % of the pictures for a single digit are what the prompt says with guidance of strength 2" in found
    assert "numerals with word2vec (100 %)" in found
    assert "51 % are threes and 49 % fives" in found
    assert "never seen with in 100 % (by chance 90 %)." in found
    nothing = _verdict(bad, against_random(bad)).replace("\u00a0", " ")
    assert "100.0 % are ones" in nothing
    assert "no difference between random vectors and vectors of text was found" in nothing
    assert "no gain of vectors of text over random ones was found" in nothing
    assert all(_claims(good, against_random(good)).values())
    assert list(_claims(bad, against_random(bad)).values()) == [*(False, False, False, False, True, False, False)]
    assert "“zero”" in _remarks(good)[-1]


def test_the_exhibits_show_what_was_measured(good: Results) -> None:
    found = exhibits(good, STATIC)
    assert not [problem for each in found if (problem := problem_with(each))]
    gallery, film = found[:2]
    assert isinstance(gallery, PromptedPictures)
    assert isinstance(film, DenoisingFilm)
    seven = gallery.prompts.index("a seven")
    assert gallery.labels[gallery.opened][seven] == ("7",) * 6
    assert gallery.shares[gallery.opened][seven] == 1.0
    assert all(gallery.fitting[gallery.opened][seven])
    first = good.of(STATIC, "a single digit", 2.0)[0]
    assert gallery.pictures[gallery.opened][0][0] == as_text(first.pictures[0])
    assert gallery.nearest[gallery.opened][0][0] == as_text(good.digits.diffusion.pictures[first.nearest[0]])
    for each in film.films:
        sums = np.array(each.attention).sum(axis=1)
        assert (np.abs(sums - 100) <= 1).all()  # rounded
        assert film.moments[0] == "step 1 of 12"


def test_a_picture_as_text() -> None:
    assert as_text(np.array([-1.0, 1.0, 0.0, -5.0, 0.25])) == "0g80a"
