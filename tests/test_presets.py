"""The presets of benchmarks/ on small folders and files of the form that the real texts have."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest

from lmcompare import plugins
from lmcompare.corpora import load
from lmcompare.harness import experiment as files
from lmcompare.harness.overlay import overlaid
from tests.cli.console import lmcompare

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
EXPERIMENTS = ("bag_of_pieces", "open_vocabulary")  # of the embedded text, with tokens of several kinds
OTHERS = (*EXPERIMENTS, "learning_curve", "history", "series")
PRESETS = sorted(path.stem for path in BENCHMARKS.glob("*.toml") if path.stem not in OTHERS)
LINE = " the <unk> of N years said it is a @-@ matter of time \n"


def lines(split: str, count: int) -> str:
    return "".join(f" {split} line {n} = {LINE}\n" for n in range(count))


def zipped(name: str, text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, text)
    return stream.getvalue()


def made(preset: str, folder: Path) -> str:
    """Write a small text in the form of the real one, and return what ``--corpus`` is given."""
    folder.mkdir()
    billion = ("training-monolingual.tokenized.shuffled", "heldout-monolingual.tokenized.shuffled")
    wiki = ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"]
    ends = (("train_10M", "train"), ("dev", "dev"), ("test", "test"))
    names = {
        "ptb": ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"],
        "wikitext2": wiki,
        "wikitext103": wiki,
        "babylm": [f"{place}/{name}.{end}" for place, end in ends for name in ("childes", "switchboard")],
        "one-billion-word": [
            *(f"{billion[0]}/news.en-0000{n}-of-00100" for n in (1, 2)),
            *(f"{billion[1]}/news.en.heldout-0000{n}-of-00050" for n in (0, 1)),
        ],
    }
    for name in names.get(preset, ()):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(lines(name, 30 if "train" in name else 5))
    if preset == "one-billion-word":
        test, valid = (f"{folder}/{billion[1]}/news.en.heldout-0000{n}-of-00050" for n in (0, 1))
        return f"train={folder}/{billion[0]}/news.en-0000?-of-00100,valid={valid},test={test}"
    singles = {
        "text8": ("text8.zip", zipped("text8", "of the word " * 100)),
        "enwik8": ("enwik8", b"<mediawiki> \xc3\xa4\n" * 100),
        "tinyshakespeare": (
            "tinyshakespeare.txt",
            b"First Citizen:\nBefore we proceed any further, hear me speak.\n" * 50,
        ),
    }
    if preset in singles:
        name, content = singles[preset]
        (folder / name).write_bytes(content)
        return str(folder / name)
    return str(folder)


MADE = [preset for preset in PRESETS if not preset.startswith("brown")]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_well_formed(preset: str) -> None:
    plan = files.load(BENCHMARKS / f"{preset}.toml")
    assert preset.replace("_", "-") == plan.name
    for model in plan.models:
        plugins.build(model.plugin, model.hyperparameters)
    keys = [(each.name, each.unit, each.split) for each in plan.published]
    assert len(set(keys)) == len(keys)
    for each in plan.published:
        assert any(character.isdigit() for character in each.source), "a year"
        assert each.tokens in ("", plan.tokens.kind)
        assert each.over is not None or preset == "brown"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_has_models_of_several_tokens(name: str) -> None:
    plan = files.load(BENCHMARKS / f"{name}.toml")
    assert plan.name == name.replace("_", "-")
    assert plan.budget.seconds
    assert len({str(model.tokens) for model in plan.models}) > 2


@pytest.mark.parametrize("preset", MADE)
def test_the_form_of_the_text_is_recognised(preset: str, tmp_path: Path) -> None:
    spec = made(preset, tmp_path / "text")
    path = BENCHMARKS / f"{preset}.toml"
    plan = overlaid(files.load(path), [("corpus.source", spec)])
    corpus = load(plan.corpus.where, plan.corpus, base=path.parent)
    for which in ("train", "valid", "test"):
        assert corpus.split(which)
    sizes = [sum(len(d.text.encode()) for d in corpus.split(which)) for which in ("train", "valid", "test")]
    if preset in ("text8", "enwik8"):
        assert sizes[1] / sum(sizes) == pytest.approx(0.05, abs=0.01)
        assert sizes[2] / sum(sizes) == pytest.approx(0.05, abs=0.01)
    elif preset == "tinyshakespeare":
        assert sizes[2] / sum(sizes) == pytest.approx(0.1, abs=0.01)
        assert sizes[1] / sum(sizes) == pytest.approx(0.09, abs=0.01)
    elif preset == "one-billion-word":
        assert all(len(document.sentences) == 1 for document in corpus.train)
        assert {document.name.rpartition(":")[0] for document in corpus.test} == {"news.en.heldout-00000-of-00050"}
    elif preset != "babylm":
        assert len(corpus.test) == 1  # read on from line to line


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here", "checks_here")
def test_a_small_text_is_not_compared_with_published_figures(tmp_path: Path) -> None:
    preset, spec = str(BENCHMARKS / "ptb.toml"), made("ptb", tmp_path / "text")
    done = lmcompare("run", preset, "--corpus", spec, "--model", "unigram", "--quiet", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Not compared, because the test text has" in done.stdout
    assert "Published, not run here" not in done.stdout
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert all(row["reason"] and row["best"] is None for row in results["published"])


def test_the_history_has_models_of_a_hundred_years_which_read_equally_much() -> None:
    text = (BENCHMARKS / "history.toml").read_text(encoding="utf-8")
    said = [int(year) for year in re.findall(r"# (\d{4})", text)]
    plan = files.load(BENCHMARKS / "history.toml")
    built = [plugins.build(model.plugin, model.hyperparameters) for model in plan.models]
    assert [model.idea.year for model in built if model.idea is not None] == said
    assert max(said) - min(said) > 100
    assert plan.budget.tokens == 1_000_000


def test_the_learning_curve_chooses_a_length_of_training_for_each_share() -> None:
    plan = files.load(BENCHMARKS / "learning_curve.toml")
    assert [len(fraction.seeds or plan.seeds) for fraction in plan.fractions] == [3, 3, 1, 1, 1]
    assert plan.fractions[-1].share == 1
    networks = {"word2vec-bow", "rnn", "transformer"}
    assert {model: [*space] for model, space in plan.sweep.items()} == {name: ["steps"] for name in networks}
