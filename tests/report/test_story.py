"""The story: which sentence runs through it, which models it has, and its figures against the stored tables."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import load_run
from lmcompare.lab import Figures, Findings, Row
from lmcompare.lab.findings import path_of, write_findings
from lmcompare.render.charts.strips import HIGH
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData
from lmcompare.studies.story import section as story
from lmcompare.studies.story.scene import Scene
from tests.lab.laboratory import ABOUT
from tests.report.part import data_of, part_of
from tests.report.scenes import said, scene
from tests.report.tree import Node, parse

pytestmark = pytest.mark.slow

NAMES = ("transformer", "ngram", "unigram")  # not in the order of the story
NETWORK = {"width": 256, "hidden": 256, "layers": 1, "spelling": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of(tmp_path_factory.mktemp("story"), NAMES)


@pytest.fixture(scope="module")
def data(folder: Path) -> ReportData:
    return ReportData(load_run(folder))


@pytest.fixture(scope="module")
def told(data: ReportData) -> Node:
    return tree_of(data)


def tree_of(data: ReportData) -> Node:
    section = story.build(data)
    assert section is not None
    return parse(str(section.html))


def words_of(shown: Node) -> str:
    """The running sentence without its last word."""
    return shown.one("p", "running").text.removesuffix(" _____")


def stored(model: Model, words: str) -> dict[str, Any]:
    """What is stored of a model's guess after these words."""
    (found,) = (one for one in model.cell.measured("story") if " ".join(one["tokens"][:-1]) == words)
    return cast("dict[str, Any]", found)


def test_on_the_running_sentence_the_models_come_in_the_order_of_the_whole_text() -> None:
    def guesses(*bits: float) -> dict[tuple[int, int], dict[str, float]]:
        return {(0, place): {"bits": value} for place, value in enumerate(bits)}

    found = [guesses(9, 9, 9, 9), guesses(1, 6, 4, 5), guesses(0.5, 5, 5, 2)]
    assert story.running_sentence(found, [3, 2, 1]) == (0, 0)  # 8.5 bits; 3 has the order too, 7
    assert story.running_sentence(found, [3, 1, 2]) == (0, 2)
    assert story.running_sentence(found, [1, 2, 3]) == (0, 2)  # one pair of three, the others none
    assert story.running_sentence([guesses(9, 9), guesses(9)], [2, 1]) == (0, 0)
    assert story.running_sentence([guesses(9), {}], [2, 1]) is None
    assert story.running_sentence([], []) is None


def test_means_by_distance_reach_as_far_as_half_of_the_sentences() -> None:
    assert story.by_distance([[1, 2], [3, 4, 6], [9, 8, 7, 6, 5]]) == pytest.approx([13 / 3, 11 / 3, 5])


def test_scenes_follow_the_generations_with_the_figures_so_far(data: ReportData, told: Node) -> None:
    heads = ["You guess", "Count words", "Count phrases", "Attention alone", "Hide what comes later"]
    assert [head.text for head in told.all("h3")] == [
        f"{number}. {title}" for number, title in enumerate([*heads, "What is gained, and what it costs"], 1)
    ]
    rows = {row.name: row for row in data.rows}
    figures = [f"{rows[name].bits_per_byte:.3f}" for name in ("unigram", "ngram", "transformer")]
    shown = [[line[-1] for line in one.rows()] for one in told.all("table", "so-far")]
    assert shown == [figures[:1], figures[:2], figures]


def test_the_figures_are_those_of_the_stored_scores(data: ReportData, told: Node) -> None:
    models = [data.by_name[name] for name in ("unigram", "ngram", "transformer")]
    truth = []
    for model in models:  # the bits of each sentence, which its last token closes
        scores = pd.read_parquet(model.cell.path / "scores.parquet")
        test = scores[scores["split"] == "test"]
        number = (test["token"] == "</s>").cumsum().shift(fill_value=0)
        truth.append((-test["log_prob"].astype(float) / np.log(2)).groupby(number).sum().to_numpy())
    for found, expected in zip(story.sentence_bits(data, models), truth, strict=True):
        assert found == pytest.approx(expected, abs=1e-3)
    for earlier, later in pairwise(truth):
        assert f"{100 * (later < earlier).mean():.0f} % of the sentences" in told.text
    whole = [next(row.bits_per_byte for row in data.rows if row.name == model.name) or 0 for model in models]
    order = sorted(range(3), key=whole.__getitem__)
    same = [np.argsort(bits).tolist() == order for bits in np.stack(truth, axis=1)]
    assert f"{100 * np.mean(same):.0f} % of the {len(same)} test sentences" in told.text


def test_another_order_and_fading_are_as_the_tables_say(tmp_path: Path) -> None:
    names = ("unigram", "word2vec-bow", "rnn-attention")
    data = data_of(tmp_path, *names)
    shown = tree_of(data)
    found = [stored(data.by_name[name], words_of(shown)) for name in names]
    after = shown.one("div", "after")
    assert after.one("p", "running").text == " ".join([*found[0]["shuffled"]["tokens"][:-1], "_____"])
    said = after.one("p", "needs").text
    for row, one, name in zip(after.rows(), found, names, strict=True):
        assert (row[2], row[4]) == (f"{one['bits']:.1f}", f"{one['shuffled']['bits']:.1f}")
        assert visible(one["next"][0]["token"]) in row[1]
        assert visible(one["shuffled"]["next"][0]["token"]) in row[3]
        change = one["shuffled"]["bits"] - one["bits"]
        assert (f"{data.spoken(name)} ({change:+.1f})".replace("-", "−") in said.replace("-", "−")) == (
            abs(change) >= story.SAME
        )
    last = np.mean([t["replaced"][-1] for t in data.by_name["rnn-attention"].cell.measured("story")])
    assert f"another last word changes the guess by {last:.1f} bits" in shown.text


def test_state_and_attention_of_one_model_have_a_scene_each(tmp_path: Path) -> None:
    """The numbers of a state are drawn on one scale."""
    data = data_of(tmp_path, "unigram", "rnn-attention")
    for one in data.by_name["rnn-attention"].cell.measured("story"):
        one["states"] = [[place / 8, -1.0] for place in range(len(one["tokens"]) - 1)]
    shown = tree_of(data)
    scenes = [one for one in shown.all("article") if one.all("p", "which")][1:]
    assert [one.one("h3").text for one in scenes] == ["3. Carry a state", "4. Look back: attention"]
    assert [bool(one.all("table", "att-scores")) for one in scenes] == [False, True]
    assert [bool(one.all("table", "state")) for one in scenes] == [True, False]
    words = words_of(shown).split()
    table = shown.one("table", "state")
    assert [row[0] for row in table.rows()] == words
    full = max(1.0, (len(words) - 1) / 8)  # the largest number of all has the full height
    for place, one in enumerate(table.all("svg")):
        assert one.attributes["aria-label"] == f"numbers from −1.00 to {place / 8:.2f}"
        up, down = (path.attributes.get("d") or "" for path in one.all("path"))
        assert f"v{round(HIGH / full, 1):g}h" in down
        assert not place or f"v{round(HIGH * place / 8 / full, 1):g}h" in up


def test_attention_is_shown_in_numbers_that_add_up(tmp_path: Path) -> None:
    names = ("unigram", "rnn-attention", "transformer")
    data = data_of(tmp_path, *names)
    shown = tree_of(data)
    words = words_of(shown)
    scenes = [one for one in shown.all("article") if one.all("table", "att-scores")]
    for told, name in zip(scenes, names[1:], strict=True):
        guess = stored(data.by_name[name], words)
        attention, came = guess["attention"], guess["tokens"][-1]
        looked = [span for span in told.one("p", "looked").all("span") if "asks" not in span.attributes.values()]
        assert [span.one("bdi").text for span in looked] == attention["words"]
        *rows, total = told.one("table", "att-scores").rows()
        assert sum(float(row[-3]) for row in rows) == pytest.approx(1, abs=2e-3)
        mixed = float(np.dot(attention["weights"], attention["values"]))
        assert float(total[-1].replace("−", "-")) == pytest.approx(mixed, abs=1e-3)
        for row in rows[:-1]:  # the last line has the other words
            at = attention["words"].index(row[0])
            score, weight = attention["scores"][at], attention["weights"][at]
            assert row[1:-3][-1] == f"{score:.3f}".replace("-", "−")
            assert weight == pytest.approx(np.exp(score) / np.exp(attention["scores"]).sum(), abs=1e-4)
            assert row[-3] == f"{weight:.3f}"
        strips = [row[-1] for row in told.one("table", "att-strips").rows()]
        most = int(np.argmax(attention["weights"]))
        assert strips[2].startswith(f"sum {attention['products'][most]:.2f}".replace("-", "−"))
        weight = float(strips[2].rpartition("weight ")[2].rstrip("\u00a0 %"))
        assert weight == pytest.approx(100 * attention["weights"][most], abs=0.51)
        added = {visible(one["token"]): float(one["logit"]) for one in attention["adds"]}
        assert (came in added) == (f"the odds of “{came}”" in told.text)
        if came in added:
            other = max((word for word in added if word != came), key=lambda word: abs(added[word]))
            assert f"adds {added[came]:.2f} to the logit".replace("-", "−") in told.text
            assert f"these words most: “{other}” (× " in told.text
    mask = [line.all("td") for line in shown.one("table", "mask").one("tbody").all("tr")]
    assert len(mask) == len(words.split()) + 1  # <s> looks, too
    for i, cells in enumerate(mask):
        assert ["off" in cell.attributes.get("class", "") for cell in cells] == [j > i for j in range(len(mask))]


def test_the_sentence_that_needs_far_words_has_a_scene_with_all_models(folder: Path) -> None:
    data = ReportData(load_run(folder))
    for model in data.models:
        for one in model.cell.measured("story"):
            far = model.name == "transformer"
            one["replaced"] = [float(far)] * (len(one["replaced"]) - 1) + [2.0]
            one["bits"] = 1.0 if far else 6.0
    (shown,) = (one for one in tree_of(data).all("article") if "Where words far back matter" in one.text)
    assert [row[-1] for row in shown.rows()] == ["6.0", "6.0", "1.0"]
    assert "depends on at most 1 token before it" in shown.text


def test_the_story_ends_with_how_far_counting_leads_and_what_the_rest_costs() -> None:
    def one(title: str, bits: float, seconds: float | None) -> Scene:
        row = SimpleNamespace(bits=bits, compared=bits, processor_seconds=seconds)
        return replace(scene(bits, 0.0, 1e6), row=row, model=SimpleNamespace(title=title))  # type: ignore[arg-type]

    first, table, net = one("Unigram", 2.4, 0.01), one("5-gram", 2.1, 0.1), one("Transformer", 1.9, 90.0)

    def told(scenes: list[Scene], counting: Scene | None) -> str:
        return said("result", scenes=scenes, counting=counting)

    for part in ("unigram (2.400 bits per byte)", "transformer (1.900)", "21 %", "60 %", "100 ms", "1 min 30 s"):
        assert part in told([first, table, net], table), part
    untimed = one("5-gram", 2.1, None)
    assert told([first, untimed, net], untimed).endswith("60 % of this saving.")
    assert "Counting" not in told([first, net], None)
    assert "Counting" not in told([first, table], table)  # the table is the best
    assert "no model of the story does better" in told([table, first], None)


def test_without_its_mask_a_network_claims_what_the_laboratory_found(
    folder: Path, told: Node, tmp_path: Path
) -> None:
    both = Path(shutil.copytree(folder, tmp_path / "both"))
    shutil.copytree(folder, both / "run")
    rows = (
        Row("No mask, honestly", "", 0.5, 0.4, 0.6, 0.01, 2.448),
        Row("No mask, its claim", "", -1.4, figure=0.585),
    )
    table = Figures(title="Claims", rows=rows, unit="bits per byte", floor=0.518)
    about = {"name": "mask", **ABOUT, "seeds": 1, "decides": False}
    write_findings(path_of(both, "mask"), Findings("It claims 0.585.", {}, (table,)), about)
    title = "Take the mask off"
    (shown,) = (one for one in tree_of(ReportData(load_run(both))).all("article") if title in one.text)
    assert [row[-1] for row in shown.rows()] == ["1.948", "0.585", "2.448"]
    floors = [float(bar.attributes["style"].strip("width:%")) for bar in shown.all("i", "floor")]
    assert floors == pytest.approx([100 * 0.518 / 2.448] * 3, abs=0.1)  # the longest bar is 100 % wide
    assert "preview: 1 training" in shown.text
    assert title not in told.text


def test_there_is_no_story_of_one_model_with_the_main_tokens(tmp_path: Path) -> None:
    assert story.build(data_of(tmp_path, "ngram", "char-transformer")) is None


def recurrent(place: Path, cells: dict[str, str], width: int = 256) -> tuple[ReportData, Node]:
    """The story of recurrent networks with these cells, all but the one with attention of this width."""
    data = data_of(place, "unigram", *cells)
    for name, cell in cells.items():
        model = data.by_name[name]
        plain = name != "rnn-attention"
        given = NETWORK | {"cell": cell} | ({"width": width} if plain else {})
        cast("dict[str, Any]", model.cell.info)["hyperparameters"] = given
        model.entry.plugin = "rnn" if plain else name
    return data, tree_of(data)


@pytest.mark.parametrize("same", ["word2vec-bow", "ngram"])  # the second is the better one
def test_attention_is_compared_with_the_same_network_without_it(tmp_path: Path, same: str) -> None:
    cells = {name: "lstm" if name == same else "gru" for name in ("ngram", "word2vec-bow")}
    data, shown = recurrent(tmp_path, cells | {"rnn-attention": "lstm"})
    assert [one.text for one in shown.all("p", "which")] == ["unigram", same, "rnn-attention"]
    bits = {
        name: -data.by_name[name].cell.log_probs("test").astype(float).sum() / np.log(2)
        for name in (same, "rnn-attention")
    }
    gain = (bits[same] - bits["rnn-attention"]) / data.run.corpus.splits["test"].bytes
    said = next(one.text for one in shown.all("article") if "So looking back is worth" in one.text)
    assert float(said.partition("So looking back is worth ")[2].split()[0]) == pytest.approx(gain, abs=6e-4)


@pytest.mark.parametrize(("width", "cell"), [(256, "qrnn"), (512, "lstm")])
def test_without_the_same_network_the_best_one_is_shown_and_the_gain_is_not_that_of_attention(
    tmp_path: Path, width: int, cell: str
) -> None:
    cells = {"word2vec-bow": "elman", "ngram": cell, "rnn-attention": "lstm"}
    _, shown = recurrent(tmp_path, cells, width)
    assert [one.text for one in shown.all("p", "which")] == ["unigram", "ngram", "rnn-attention"]
    assert "looking back is worth" not in shown.text
