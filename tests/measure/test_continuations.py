"""What a model tells of itself, in whole runs: what is wrong with it costs its figures nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis import load_run
from lmcompare.measure import sampling as examples
from lmcompare.measure.sampling import Sampling
from lmcompare.tokens import END_TOKEN, Vocabulary, make_tokenizer, text_after
from tests.harness.small import run_and_report, small_experiment, write_plugins, write_text

pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_text(tmp_path)
    write_plugins(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_figures_outlive_what_is_wrong_with_exhibits_and_words_and_odd_notes_fail_their_own_cells(
    place: Path,
) -> None:
    names = ("OddExhibits", "Unstorable", "ManyExhibits", "OddVectors", "OddNotes", "OddSize", "Flat")
    models = [{"plugin": f"plugins.py:{name}", "name": name} for name in names]
    examples = {"words": ["the"], "prompts": ["the cat", "the dog"]}
    outcome, _ = run_and_report(place, place / "odd", small_experiment(*models, examples=examples))
    assert set(outcome.failures) == {"OddNotes/0", "OddSize/0"}
    assert "notes of OddNotes must be a tuple of texts" in outcome.failures["OddNotes/0"]
    assert "a whole number from 0 to 10**18" in outcome.failures["OddSize/0"]

    run = load_run(place / "odd")

    def stored(name: str) -> tuple[Any, Sequence[str]]:
        cell = run.model(name).first
        assert cell is not None
        return cell.measured("exhibits"), cell.notes

    done = {model["name"] for model in json.loads((place / "odd" / "results.json").read_text())["models"]}
    assert done == {name for name in names if f"{name}/0" not in outcome.failures}
    good, (bad, short) = stored("OddExhibits")
    assert [exhibit["title"] for exhibit in good] == ["good"]
    assert "'bad' is left out" in bad
    assert "values[0] is nan" in bad
    assert "'short' is left out" in short
    assert "labels has 2 entries, values has 1" in short
    none, (note,) = stored("Unstorable")
    assert none == []
    assert "'odd' is left out: values[0] is a value of type float32, not a number" in note
    many, (note,) = stored("ManyExhibits")
    assert len(many) == 100
    assert "more than 100 exhibits" in note
    _, notes = stored("OddVectors")
    assert any("'contexts' could not measure it: ValueError: no vectors today (plugins.py, line" in n for n in notes)


def test_a_quotation_mark_further_on_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, prompt = make_tokenizer({"kind": "word"}), "The workers' rights"
    before = tokenizer.tokenize(prompt)[0]
    vocabulary = Vocabulary(["<unk>", END_TOKEN, "'", "are", "here", "the"])
    corpus: Any = SimpleNamespace(tokenizer=tokenizer, vocabulary=vocabulary, prompt_ids=lambda _: np.zeros(0, int))
    drawn = ["are", "'", "here", "'", "the"]
    monkeypatch.setattr(examples, "continuation", lambda *_: map(vocabulary.tokens.index, drawn))
    model: Any = None
    said = "".join(examples.continued_by_token(model, corpus, prompt, len(drawn), Sampling()))
    assert "workers" not in said
    assert [word for word in drawn if word not in said] == []
    assert said.strip().startswith("are")
    assert "workers" not in text_after(tokenizer, before, drawn)


TEXT = "He said \"yes\". It's 5 €, the workers' house:\n(no) – naïve 日本.\n A\n"


@pytest.mark.parametrize("kind", ["word", "whitespace", "char", "byte", "bpe"])
@pytest.mark.parametrize("longest", [examples.LONGEST, 3])
def test_a_continuation_is_the_text_of_all_its_tokens(
    kind: str, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = make_tokenizer({"kind": kind, **({"pieces": 280} if kind == "bpe" else {})})
    tokenizer.fit([TEXT])
    whole = tokenizer.covers == "documents"
    tokens = [
        t for line in ([TEXT] if whole else TEXT.splitlines()) for t in (*tokenizer.tokenize(line)[0], END_TOKEN)
    ]
    vocabulary = Vocabulary(["<unk>", END_TOKEN, *sorted({*tokens} - {END_TOKEN})])
    corpus: Any = SimpleNamespace(tokenizer=tokenizer, vocabulary=vocabulary, prompt_ids=lambda _: np.zeros(0, int))
    monkeypatch.setattr(examples, "continuation", lambda *_: cycle(map(vocabulary.tokens.index, tokens)))
    monkeypatch.setattr(examples, "LONGEST", longest)
    model: Any = None
    assert next(examples.continued(model, corpus, "", 10**9, Sampling()))
    if kind == "word" and longest == 3:
        return  # whether a quotation mark opens or closes depends on its whole line
    for prompt in ("", 'He said "', "the\n", "日"):
        before = tokenizer.tokenize(prompt)[0]
        for length in (0, 1, 2, 7, len(tokens) - 1, 2 * len(tokens) + 5):
            drawn = list(islice(cycle(tokens), length))
            text = tokenizer.detokenize([*before, *drawn]).removeprefix(tokenizer.detokenize(before))
            assert "".join(examples.continued(model, corpus, prompt, length, Sampling())) == text


@pytest.mark.slow
@pytest.mark.parametrize("documents", ["line", "file"])
def test_surprisals_of_example_sentences_are_those_of_the_scored_text(place: Path, documents: str) -> None:
    """A cache remembers its document, so that a sentence without the text before it would have other surprisals."""
    draw = random.Random(0)
    words = ["the", "a", "cat", "dog", "bird", "saw", "heard", "liked", "big", "small", "red", "and", "not"]
    (place / "text.txt").write_text("".join(" ".join(draw.choices(words, k=9)) + "\n" for _ in range(200)))
    experiment = small_experiment(
        {"plugin": "cache", "base": "unigram"},
        corpus={"source": "text.txt", "documents": documents},
        examples={"prompts": [], "length": 4, "sentences": 5},
    )
    run_and_report(place, place / "out", experiment)
    (cell,) = load_run(place / "out").cells
    scored = cell.scores("test")
    sentences = cell.measured("sentences")
    assert len(sentences) == 5
    assert len({s["document"] for s in sentences}) == (1 if documents == "file" else 5)
    for s in sentences:
        in_document = scored["log_prob"][scored["document"] == s["document"]].to_numpy()
        nats = in_document[s["first"] : s["first"] + len(s["tokens"])]
        np.testing.assert_allclose(s["surprisal_bits"], -nats / np.log(2), atol=1e-6)
