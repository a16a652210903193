"""Whole experiments of the laboratory find what is planted in a small text, and say if a text is too short."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.analysis.findings import StoredFindings, read_findings
from lmcompare.exhibits import Heatmap, from_json
from lmcompare.harness.experiment import Experiment, shipped
from lmcompare.harness.overlay import overlaid
from lmcompare.lab.diffusion.model import Recipe
from lmcompare.lab.findings import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import run_lab
from tests.full.lab.treebank import small_treebank
from tests.lab.conftest import few_pictures
from tests.lab.everything import little_is_asked, narrow, run_all, wordnet
from tests.lab.running import Said, plan

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here", "measured_here")]

__all__ = ["few_pictures", "little_is_asked", "narrow", "wordnet"]


def found_by(name: str, given: Experiment, place: Path) -> StoredFindings:
    outcome = run_lab([name], given, place / "lab", Said(), alone=True)
    assert outcome.failures == {}
    found = read_findings(path_of(place / "lab", name))
    assert found is not None
    return found


def test_agreement_with_a_far_noun_is_found_and_nothing_in_a_phrase(tmp_path: Path) -> None:
    examples = {"sentences": 1, "prompts": (), "length": 1}
    given = shipped("quick", "nltk:treebank").replace("here", budget={"steps": 2}, examples=examples)
    given = overlaid(given, [("corpus.source", "nltk:treebank")])
    with small_treebank(tmp_path / "nltk_data"):
        found = found_by("grammar", given, tmp_path)
    models, places = found.tables
    assert {row.name for row in models.rows} == {"parser", "class bigram", "transformer", "parser alone"}
    far = {row.name: row for row in places.rows}
    # After a long phrase the verb agrees with its first noun, which only the parser can know: a bit of surprisal
    assert far["5 words or more"].found
    assert far["5 words or more"].amount < -0.3
    assert abs(far["no phrase ended"].amount) < 0.1
    tree, surprisals, expected, tags = map(from_json, found.exhibits)
    assert isinstance(tree, Heatmap)
    assert isinstance(expected, Heatmap)
    assert isinstance(surprisals, Heatmap)
    assert isinstance(tags, Heatmap)
    assert tree.rows[0][:1] == "S"
    assert surprisals.columns == tags.columns[:-1]
    assert expected.columns == ("parser", "trigram", "transformer")
    assert len(set(expected.rows)) == len(expected.rows)


def test_a_share_of_sentences_that_a_rule_matches(tmp_path: Path) -> None:
    things = ["garden", "hat", "train", "lamp", "door"]
    lines = [
        f"I need that old {things[n % 5]} now" if n % 4 == 0 else f"{things[n % 5]}s stand near every {things[n % 3]}"
        for n in range(2400)
    ]
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join("\n".join(lines[k : k + 20]) for k in range(0, len(lines), 20)), encoding="utf-8")
    found = found_by("rules", plan(text, (0, 1, 2), budget={"steps": 2}), tmp_path)
    rows = {row.name: row for row in found.tables[0].rows}
    assert rows["ELIZA"].value == pytest.approx(0.25)
    assert rows["Iesha"].value == 0.0
    assert rows["Iesha"].low is None
    assert all(row.p_holm is None for row in rows.values())
    for table, planted in zip(found.tables[1:], (True, True, False, False), strict=True):
        eliza, ours, *models = table.rows
        assert (
            ("I need" in table.title) == planted == ("I need (.*)" in eliza.saying) != ("everything" in eliza.saying)
        )
        assert eliza.value == pytest.approx(0.25 if planted else 0.75)
        assert ours.name == "script for statements"
        assert [(row.name, row.value) for row in models] == [("5-gram", None), ("transformer", None)]
    assert "25.0" in found.verdict


@pytest.mark.usefixtures("few_pictures")
def test_pictures_are_what_the_prompt_says_with_guidance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(steps=400, batch=48, sampling_steps=10)  # smaller than that of a preview, and enough
    monkeypatch.setattr("lmcompare.lab.diffusion.experiment.OF_PREVIEW", recipe)
    lines = ["one or two of three", "not a four or an eight", "five six seven", "an eight and nine or a seven"]
    documents = ["\n".join(lines[(d + k) % 4] for k in range(4)) for d in range(60)]
    (tmp_path / "text.txt").write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    found = found_by("diffusion", plan(tmp_path / "text.txt", budget={"steps": 5}), tmp_path)
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


@pytest.mark.usefixtures("wordnet", "narrow", "little_is_asked")
def test_a_text_that_is_far_too_short(tmp_path: Path) -> None:
    failures, found, _ = run_all(tmp_path, types=5, documents=6, words=12)
    assert set(failures) <= {"letters", "unseen", "neurons", "rules"}
    assert all("few" in failure for failure in failures.values())
    assert {"ideas", "mask", "positions", "gradient", "order"} <= set(found)
