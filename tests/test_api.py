"""The Python interface."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmcompare
from lmcompare import corpora, trained
from lmcompare.errors import LmcompareError
from lmcompare.harness.progress import display
from lmcompare.model import FloatArray, LanguageModel, Setting, State
from lmcompare.models.rnn.network import Rnn
from lmcompare.runfolder.guards import check_sealed
from lmcompare.tokens import Encoded, IntArray
from tests.test_api_arguments import nested

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

PIECES: dict[str, Any] = {"plugin": "ngram", "name": "pieces", "tokens": {"kind": "bpe", "pieces": 280}}
NAMES = ("unigram", "LastSeen", "Placed", "kn3", "pieces")
TEXTS = [f"The {who} saw {what} {n} times. It {end}." for n in range(4) for who in ("cat", "dog", "cow")
         for what in ("milk", "Rome") for end in ("slept", "ran")]  # fmt: skip


class LastSeen(LanguageModel):
    """A bigram table, add-one smoothed: a plug-in that lives in a notebook."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha
        self.table: FloatArray | None = None

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> LastSeen:
        size = len(train.vocabulary)
        counts = np.full((size + 1, size), self.alpha)
        np.add.at(counts, (self._before(train, np.arange(len(train))), train.ids), 1)
        self.table = np.log(counts / counts.sum(axis=1, keepdims=True))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        assert self.table is not None
        return self.table[self._before(text, at)]

    def state(self) -> State:
        return State({"table": np.asarray(self.table)})

    def restore(self, state: State) -> LastSeen:
        self.table = state.arrays["table"]
        return self

    @staticmethod
    def _before(text: Encoded, at: IntArray) -> IntArray:
        """The token before each position; V at the beginning of a document."""
        begins = text.context_starts(at) == at
        return np.where(begins, len(text.vocabulary), text.ids[np.maximum(at - 1, 0)])


class Placed(LastSeen):
    """A model whose vectors are known: random numbers, the same for the same vocabulary."""

    def word_vectors(self) -> FloatArray:
        assert self.table is not None
        return np.random.default_rng(0).standard_normal((self.table.shape[1], 3)).astype(np.float32)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lmcompare.Comparison:
    return lmcompare.compare(
        TEXTS,
        ["unigram", LastSeen, Placed(), {"plugin": "ngram", "name": "kn3", "order": 3}, PIECES],
        out=tmp_path_factory.mktemp("api"),
        prompts=["The cat"],
        words="cat",
        device="cpu",
        quiet=True,
        tokens={"kind": "word", "min_count": 1},
    )


def test_the_table_has_a_row_a_model(result: lmcompare.Comparison) -> None:
    assert not result.failures
    assert set(result.table["name"]) == set(NAMES)
    figures = result.table.set_index("name")["bits_per_byte"]
    assert figures["LastSeen"] < figures["unigram"]


def test_html(result: lmcompare.Comparison) -> None:
    assert result.to_html().lstrip().lower().startswith("<!doctype html>")
    assert "&lt;table" in result._repr_html_()  # in a frame
    assert "LastSeen" in repr(result)


def test_html_that_is_lost_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="write it again with lmcompare report"):
        lmcompare.Comparison(tmp_path).to_html()


def test_a_run_is_found_from_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    result = lmcompare.compare(TEXTS, "unigram", out="run", seeds=3, tokens="char", device="cpu", quiet=True)
    assert result.model("unigram", seed=3).score("The cat").tokens[:3] == ("T", "h", "e")
    opened = lmcompare.load("run")
    monkeypatch.chdir(tmp_path / "below")
    for each in (result, opened):
        assert each.models == ("unigram",)
        assert each.folder == tmp_path / "run"
    with pytest.raises(LmcompareError, match="not a folder"):
        lmcompare.load("run").table  # noqa: B018


def test_a_run_goes_on_without_readers_of_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1, encoding="utf-8") as stream, suppress(BrokenPipeError):
        monkeypatch.setattr(sys, "stderr", stream)
        assert lmcompare.compare(TEXTS, "unigram", out=tmp_path, device="cpu").models == ("unigram",)
        stream.close()
    show = display(must_be_seen=False)
    show.say("Its stream is closed.")
    show.close()


def test_trained_models_are_given_back(result: lmcompare.Comparison) -> None:
    opened = lmcompare.load(result.folder)
    assert opened.models == NAMES
    model = opened.model("kn3")
    assert sum(p for _, p in model.next_tokens("The cat")) <= 1 + 1e-9
    assert model.next_tokens("The cat")[0][0] == "saw"
    assert model.generate("The cat", 5) == model.generate("The cat", 5)
    scored = model.score("The cat saw Rome.", ends=True)
    assert scored.tokens == ("The", "cat", "saw", "Rome", ".", "</s>")
    assert scored.log_probability == pytest.approx(-sum(scored.surprisal_bits) * np.log(2))
    bits = sum(scored.surprisal_bits) + sum(scored.overhead_bits)
    assert scored.bits_per_byte == pytest.approx(bits / len("The cat saw Rome."))


def test_the_files_of_a_cell_are_checked_once_however_many_models_are_opened(
    result: lmcompare.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def check(folder: Path, names: Sequence[str]) -> None:
        checked.append(folder.parent.name)
        check_sealed(folder, names)

    monkeypatch.setattr("lmcompare.runfolder.cell.check_sealed", check)
    assert lmcompare.load(result.folder).model("kn3").name == "kn3"
    assert checked == ["kn3"]
    checked.clear()
    asked = ["unigram", "LastSeen", "kn3"]
    opened = lmcompare.load(result.folder).trained_models(asked, plugin=LastSeen)
    assert list(opened) == asked
    assert sorted(checked) == sorted(opened)
    assert list(result.trained_models("kn3")) == ["kn3"]
    with pytest.raises(LmcompareError, match="did you mean 'kn3'"):
        result.trained_models(["unigram", "kn4"])
    with pytest.raises(LmcompareError, match="by its name, not by a list"):
        result.trained_models([["kn3"]])  # type: ignore[list-item]


def test_the_end_of_a_text_is_charged_only_if_it_ends(result: lmcompare.Comparison) -> None:
    model = result.model("kn3")
    text = "The cat saw Rome.\nThe bxq saw\n"
    ended, open_ = model.score(text, ends=True), model.score(text)
    assert ended.tokens == (*open_.tokens, "</s>")
    assert open_.tokens == ("The", "cat", "saw", "Rome", ".", "</s>", "The", "bxq", "saw")
    assert open_.text == text.rstrip()
    assert open_.surprisal_bits == ended.surprisal_bits[:-1]
    assert open_.overhead_bits[:-1] == ended.overhead_bits[:-2]
    assert open_.unknown == (False,) * 7 + (True, False)
    assert open_.overhead_bits[7] > 5  # the three letters of the unknown word
    assert [open_.text[start:end] for start, end in open_.offsets] == [t.replace("</s>", "") for t in open_.tokens]
    assert open_.bits == pytest.approx(sum(open_.surprisal_bits) + sum(open_.overhead_bits))
    assert model.score("  \n").tokens == ()


def test_the_documents_of_the_test_text_have_the_bits_of_the_results(result: lmcompare.Comparison) -> None:
    documents = corpora.load(TEXTS).test
    for name in ("unigram", "kn3"):
        scored = list(result.model(name).score_documents(documents, ends=True))
        bits = sum(each.bits for each in scored) / sum(len(d.text.encode()) for d in documents)
        assert bits == pytest.approx(result.table.set_index("name").loc[name, "bits_per_byte"], rel=1e-5)


def test_a_continuation_is_scored_after_its_context(result: lmcompare.Comparison) -> None:
    model = result.model("kn3")
    whole, after = model.score("The cat saw Rome."), model.score(" saw Rome.", context="The cat")
    assert after.tokens == ("saw", "Rome", ".")
    assert after.surprisal_bits == whole.surprisal_bits[2:]
    assert after.offsets == ((1, 4), (5, 9), (9, 10))
    assert after.bits_per_byte == pytest.approx(after.bits / len(" saw Rome."))
    crossing = model.score("at saw", context="The c")  # a token over the border belongs to the continuation
    assert crossing.tokens == ("cat", "saw")
    line = model.score("\nThe dog.", context="The cat.")  # the end of the first line comes after its context
    assert line.tokens[0] == "</s>"
    both = model.score("The cat.\nThe dog.").bits
    assert model.score("The cat.").bits + line.bits == pytest.approx(both)
    assert model.score("The cat").log_probability + after.log_probability == pytest.approx(whole.log_probability)


def test_the_whole_distribution_and_other_draws(result: lmcompare.Comparison) -> None:
    model = result.model("kn3")
    every = model.next_tokens("The cat", k=None)
    assert sum(p for _, p in every) == pytest.approx(1, abs=1e-6)
    assert [p for _, p in every] == sorted((p for _, p in every), reverse=True)
    assert model.next_tokens("The cat", k=3) == every[:3]
    greedy = model.generate("The cat", 3, top_k=1)
    assert greedy == model.generate("The cat", 3, top_k=1, seed=5)
    assert greedy.split()[0] == every[0][0]
    with pytest.raises(LmcompareError, match=r"k must be a whole number, .*not 0"):
        model.next_tokens("The cat", k=0)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"temperature": 0}, "temperature must be a number above 0, not 0"),
        ({"temperature": "1"}, "temperature must be a number above 0, not '1'"),
        ({"top_p": None}, "top_p must be a number above 0 and at most 1, not None"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"until": "ab"}, "until must be a list of texts, not 'ab'"),
        ({"temperature": nested(3_000)}, "temperature must be a number above 0, not "),
        ({"length": nested(3_000)}, "length must be a whole number from 0 to 1,000,000,000,000"),
    ],
)
def test_wrong_draws_are_one_sentence(result: lmcompare.Comparison, argument: dict[str, object], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        result.model("kn3").generate("The cat", **argument)  # type: ignore[arg-type]


def test_the_most_likely_continuation_is_known(result: lmcompare.Comparison) -> None:
    for name in ("kn3", "pieces"):
        model = result.model(name)
        likely = model.generate("The dog", 3, top_k=1)
        assert model.is_greedy(likely, context="The dog")
        assert not model.is_greedy(" on there", context="The dog")
    assert not result.model("kn3").is_greedy(" xylophone", context="The dog")  # an unknown word


def test_a_text_is_over_before_what_it_should_not_have(result: lmcompare.Comparison) -> None:
    for name in ("kn3", "pieces"):
        model = result.model(name)
        whole = model.generate("The dog", 30, top_k=1)
        assert " times" in whole
        assert model.generate("The dog", 30, top_k=1, until=["?", " times"]) == whole.partition(" times")[0]
    ended = result.model("pieces").generate("The dog", 200, top_k=1, until=[])
    assert ended == " saw Rome 2 times. It ran."
    assert len(ended) < len(result.model("pieces").generate("The dog", 200, top_k=1)), "at the end of a document"


def test_vectors_are_compared_and_written_as_gensim_reads_them(result: lmcompare.Comparison, tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    model = result.model("Placed")
    vectors = KeyedVectors.load_word2vec_format(str(model.export(tmp_path / "v.vec")))
    assert vectors.vector_size == 3
    np.testing.assert_allclose(vectors["cat"], model.word_vector("cat"), rtol=1e-5)
    assert model.similarity("cat", "saw") == pytest.approx(float(vectors.similarity("cat", "saw")), abs=1e-5)
    near = [(token, cosine) for token, cosine in vectors.most_similar("cat", topn=12) if token[0] != "<"][:5]
    found = model.neighbours("cat", 5)
    assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in near], abs=1e-5)
    assert found[0][0] == near[0][0]
    assert [trained._written(white) for white in (" ", "\t", "\u00a0")] == ["▁", "<0x09>", "<0xC2><0xA0>"]
    with pytest.raises(LmcompareError, match="'zebra' is not in the vocabulary"):
        model.neighbours("zebra")
    odd: list[dict[str, Any]] = [{"word": []}, {"word": None}, {"word": "cat", "k": "x"}, {"word": "cat", "k": 0}]
    for wrong in odd:
        with pytest.raises(LmcompareError, match=r"string|whole number"):
            model.neighbours(**wrong)


def test_surprisal_is_a_table(result: lmcompare.Comparison) -> None:
    table = result.model("kn3").surprisal("The cat saw bxq")
    assert list(table.columns) == ["token", "start", "end", "unknown", "surprisal_bits", "overhead_bits"]
    assert list(table["token"]) == ["The", "cat", "saw", "bxq"]
    assert list(table["start"]) == [0, 4, 8, 12]
    assert list(table["unknown"]) == [False, False, False, True]
    assert list(result.model("kn3").surprisal("The cat", ends=True)["token"]) == ["The", "cat", "</s>"]


def test_an_n_gram_model_is_written_and_read_as_another_run_s(result: lmcompare.Comparison, tmp_path: Path) -> None:
    model, path = result.model("kn3"), tmp_path / "new" / "kn3.arpa"
    assert model.export(path) == path
    with pytest.raises(LmcompareError, match=r"kn3.arpa is there already: choose another name, or .*force=True"):
        model.export(str(path))
    path.write_text("mine")
    model.export(str(path), force=True)
    assert list(path.parent.iterdir()) == [path]
    table = {"plugin": "ngram-file", "path": str(path)}
    tokens = {"kind": "word", "min_count": 1}
    other = lmcompare.compare(TEXTS, [table], out=tmp_path / "out", tokens=tokens, device="cpu", quiet=True)
    sentence = "The cat saw Rome 2 times."
    again = other.model("ngram-file").score(sentence).log_probability
    assert again == pytest.approx(model.score(sentence).log_probability, abs=1e-5)


@pytest.mark.parametrize("path", [3, "", "a\0b.arpa", None, f"{'x' * 300}.arpa", "\ud800.arpa"])
def test_a_model_is_written_to_the_path_of_a_file(result: lmcompare.Comparison, path: object) -> None:
    with pytest.raises(LmcompareError, match="must be written to the path of a file, not"):
        result.model("kn3").export(path)  # type: ignore[arg-type]


def test_what_is_not_there_is_named(result: lmcompare.Comparison, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="did you mean 'kn3'"):
        result.model("kn4")
    for plugin in (3, [None]):
        with pytest.raises(LmcompareError, match="plugin must be a class or a name"):
            result.model("kn3", plugin=plugin)  # type: ignore[arg-type]
    for pairs in (None, "\ud800", "x" * 300):
        with pytest.raises(LmcompareError, match=r"minimal pairs are a \.jsonl file"):
            result.probe(pairs)  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="no word vectors"):
        result.model("kn3").word_vector("cat")
    with pytest.raises(LmcompareError):
        lmcompare.load(tmp_path)
    with pytest.raises(LmcompareError, match=r"only a model given by its name, .* can have several seeds"):
        lmcompare.compare(TEXTS, [LastSeen()], seeds=[0, 1])
    with pytest.raises(LmcompareError, match="did you mean 'lowercase'"):
        lmcompare.compare("lee", ["unigram"], lowercse=True)
    with pytest.raises(LmcompareError, match="did you mean 'lowercase'"):
        lmcompare.compare(TEXTS, ["unigram"], lowercse=True)


def test_wrong_texts_are_one_sentence(result: lmcompare.Comparison) -> None:
    model = result.model("kn3")
    with pytest.raises(LmcompareError, match="a text must be a string, not a list"):
        model.score(["The cat"])  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="ends must be True or False, not 'no'"):
        model.score("The cat", ends="no")  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="half a surrogate pair"):
        model.next_tokens("\ud800")
    for length in (-1, "x", 1.5, 10**20):
        with pytest.raises(LmcompareError, match=r"length must be a whole number from 0 to"):
            model.generate("The", length)  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="not a str: score"):
        list(model.score_documents(["x"]))  # type: ignore[list-item]
    with pytest.raises(LmcompareError, match="a run folder must be given as the path of a folder, not None"):
        lmcompare.load(None)  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="by its name, not by None"):
        result.model(None)  # type: ignore[arg-type]


def test_hyper_parameters_that_can_not_be_stored_are_refused_before_anything_runs(tmp_path: Path) -> None:
    for value in ({1, 2}, np.ones(2), float("nan")):
        with pytest.raises(LmcompareError, match="alpha"):
            lmcompare.compare(TEXTS, [LastSeen(value)], out=tmp_path / "out", quiet=True)  # type: ignore[arg-type]
        assert not (tmp_path / "out" / "cells").exists()


def test_an_empty_text_has_no_bytes_to_share_bits_among(result: lmcompare.Comparison) -> None:
    scored = result.model("kn3").score("", ends=True)
    assert scored.tokens == ("</s>",)
    assert scored.log_probability < 0
    assert np.isnan(scored.bits_per_byte)
    assert scored.to_json()["bits_per_byte"] is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokens/*/vocabulary.json", "[1, 2]"),
        ("tokens/*/tokenizer.json", '{"spec": 5}'),
        ("tokens/*/code.json", "{}"),
        ("cells/unigram/0/model/values.json", "7"),
    ],
)
def test_a_folder_with_values_of_a_wrong_kind_is_one_sentence(
    result: lmcompare.Comparison, tmp_path: Path, name: str, text: str
) -> None:
    shutil.copytree(result.folder, tmp_path / "run")
    for path in (tmp_path / "run").glob(name):
        path.write_text(text)
    with pytest.raises(LmcompareError):
        lmcompare.load(tmp_path / "run").model("unigram")


def test_models_are_made_equal_on_request(tmp_path: Path) -> None:
    small: dict[str, Any] = {"plugin": "rnn", "batch": 4, "length": 8}
    equal = {"parameters": 4e3, "tokens": 200}
    found = lmcompare.compare(TEXTS, ["unigram", small], out=tmp_path, device="cpu", quiet=True, match=equal)
    assert not found.failures
    assert found.model("rnn").model.size().parameters == pytest.approx(4e3, rel=0.1)
    with pytest.raises(LmcompareError, match="did you mean 'seconds'"):
        lmcompare.compare(TEXTS, ["unigram"], match={"second": 3})
    with pytest.raises(LmcompareError, match="object, whose size can't be changed"):
        lmcompare.compare(TEXTS, [Rnn(steps=1)], device="cpu", quiet=True, match={"parameters": 4e3})
