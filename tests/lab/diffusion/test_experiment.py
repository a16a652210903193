"""What is said follows from what was measured; and the experiment as a user runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.analysis.findings import read_findings
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import DenoisingFilm, PromptedPictures, problem_with
from lmcompare.harness import changes
from lmcompare.lab.diffusion.digits import Digits, nearest
from lmcompare.lab.diffusion.experiment import _claims, _remarks, _verdict
from lmcompare.lab.diffusion.measured import RANDOM, STATIC, Everything
from lmcompare.lab.diffusion.prompts import NUMERALS, Prompt
from lmcompare.lab.diffusion.questions import STRENGTHS, wilson
from lmcompare.lab.diffusion.shown import as_text, exhibits
from lmcompare.lab.diffusion.tables import against_random, by_strength, by_vectors, quality
from lmcompare.lab.diffusion.training import Recipe
from lmcompare.lab.folder import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import run_lab
from tests.lab.diffusion.planted import planted
from tests.lab.running import Said


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
def good() -> Everything:
    return planted(obedient)


@pytest.fixture(scope="module")
def bad() -> Everything:
    return planted(deaf)


def test_the_table_has_the_planted_shares(good: Everything, bad: Everything) -> None:
    rows = {row.name: row for row in by_strength(good, STATIC).rows}
    assert rows["a single digit, strength 2"].value == 1.0
    assert rows["a single digit, strength 2"].low == pytest.approx(wilson(450, 450)[0])
    threes = rows["“three or five”: threes, strength 2"]
    assert threes.value == pytest.approx(38 / 75)  # the even ones of 75 pictures
    assert (threes.low, threes.high) == pytest.approx(wilson(3 * 38, 3 * 75))
    assert rows["“not a one”: ones, strength 2"].value == 0.0
    assert {row.name: row for row in by_strength(bad, STATIC).rows}["“not a one”: ones, strength 2"].value == 1.0


def test_an_effect_of_the_vectors_is_found_where_it_was_planted(good: Everything, bad: Everything) -> None:
    rows = {row.name: row for row in by_vectors(good, against_random(good)).rows}
    numerals = rows["numerals: word2vec"]
    assert numerals.found
    assert numerals.figure == 1.0
    assert not any(row.found for name, row in rows.items() if name != numerals.name)
    assert not any(row.found for row in by_vectors(bad, against_random(bad)).rows)


def test_real_pictures_are_as_near_as_they_are(good: Everything) -> None:
    digits = Digits.load()
    rows = quality(good, RANDOM).rows
    assert rows[0].value == pytest.approx(nearest(digits.apart.pictures, digits.diffusion.pictures)[1].mean())
    assert len(rows) == 1 + len(STRENGTHS)


def test_the_verdict_says_what_was_found_and_what_was_not(good: Everything, bad: Everything) -> None:
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


def test_the_exhibits_show_what_was_measured(good: Everything) -> None:
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


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here", "measured_here", "few_pictures")
def test_the_experiment_on_a_small_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(steps=400, batch=48, sampling_steps=10)  # smaller than that of a preview, and enough
    monkeypatch.setattr("lmcompare.lab.diffusion.experiment.OF_PREVIEW", recipe)
    lines = ["one or two of three", "not a four or an eight", "five six seven", "an eight and nine or a seven"]
    documents = ["\n".join(lines[(d + k) % 4] for k in range(4)) for d in range(60)]
    (tmp_path / "text.txt").write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    plan, _ = changes.started(None, "quick")
    plan = plan.replace("here", seeds=(0,), threads=1, budget={"steps": 5}, examples={"sentences": 0, "prompts": ()})
    plan = changes.with_corpus(plan, str(tmp_path / "text.txt"), {"documents": "blank-line"})
    plan = changes.with_tokens(plan, {"min_count": 1})
    outcome = run_lab(["diffusion"], plan, tmp_path / "lab", Said())
    assert outcome.failures == {}
    found = read_findings(path_of(tmp_path / "lab", "diffusion"))
    assert found is not None
    assert not found.decides
    assert not found.claims
    assert any("lacks “zero”" in remark for remark in found.remarks)
    rows = {row.name: row for row in found.tables[0].rows}
    guided, without = (rows[f"a single digit, strength {name}"] for name in ("2", "0"))
    assert guided.value is not None
    assert without.high is not None
    assert guided.value > 0.7 > without.high
    page = write_page(tmp_path / "lab", {}).read_text(encoding="utf-8")
    assert "preview: 1 training of each" in page.replace("\u00a0", " ")
    assert page.count('<div class="pictures wide">') == page.count('<div class="denoising wide">') == 1
    assert len(page) < 900_000


def test_the_experiment_is_listed() -> None:
    from lmcompare.lab.contract import EXPERIMENTS, experiment_names

    assert "diffusion" in experiment_names()
    assert EXPERIMENTS.resolve("diffusion").question == "How does a text embedding guide image generation?"
    with pytest.raises(LmcompareError):
        EXPERIMENTS.resolve("difusion")
