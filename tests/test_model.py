"""What the contract gives every model for free, against arithmetic done by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare import model as contract
from lmcompare import plugins
from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.model import FloatArray, LanguageModel, Setting, Size, State, Traits, fitted, greatest, protocols
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.checks.honest import Honest

NUMBERS = st.lists(st.sampled_from([-np.inf, -2.0, -1.5, 0.0, 3.0, np.inf, np.nan]) | st.floats(-5, 5), max_size=30)


@given(NUMBERS, st.integers(0, 12) | st.none())
def test_the_greatest_are_those_of_a_stable_sort(values: list[float], k: int | None) -> None:
    numbers = np.array(values, np.float64)
    assert greatest(numbers, k).tolist() == np.argsort(-numbers, kind="stable")[:k].tolist()


VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b"], np.array([0, 2, 3, 1]))


class Counting(LanguageModel):
    """p(w) is proportional to 1 + how often w occurred before in the document: easy to do by hand."""

    traits = Traits(carries_state=True)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        self.asked.append(len(at))
        V = len(text.vocabulary)
        starts = text.context_starts(at)
        counts = np.array([np.bincount(text.ids[s:a], minlength=V) + 1.0 for s, a in zip(starts, at, strict=True)])
        counts = counts.reshape(len(at), V)
        log_probs: FloatArray = np.log(counts / counts.sum(axis=1, keepdims=True))
        return log_probs

    def state(self) -> State:
        return State({"weights": np.zeros((3, 4), np.float32), "counts": np.zeros(5, np.int64)}, {"name": "x"})

    def restore(self, state: State) -> Self:
        return self


def text(*documents: list[int]) -> Encoded:
    return Encoded.from_documents(documents, VOCABULARY)


def test_log_probs_by_hand() -> None:
    """V = 4: the first token has 1/4; each token before adds one below, and one above where it is the same."""
    scores = Counting().log_probs(text([2, 2, 3, 1], [], [2]))
    np.testing.assert_allclose(np.exp(scores), [1 / 4, 2 / 5, 1 / 6, 1 / 7, 1 / 4])
    assert scores.dtype == np.float64
    assert Counting().log_probs(text()).shape == (0,)
    assert Counting().log_probs(text([], [])).shape == (0,)


def test_stream_asks_in_blocks_that_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "BLOCK_BYTES", 3 * 4 * 4 + 5)  # three rows of four float32 and a bit
    model = Counting()
    blocks = list(model.stream(text([2, 3, 1, 2], [3, 1, 2])))
    assert model.asked == [3, 3, 1]
    assert np.concatenate([at for at, _ in blocks]).tolist() == list(range(7))
    monkeypatch.setattr(protocols, "BLOCK_BYTES", 1)  # less than a row
    model = Counting()
    np.testing.assert_allclose(np.exp(model.log_probs(text([2, 2]))), [1 / 4, 2 / 5])
    assert model.asked == [1, 1]


def test_log_probs_takes_positions_in_the_streams_order() -> None:
    class Backwards(Counting):
        def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
            for at, block in super().stream(text):
                yield at[::-1], block[::-1]

    given = text([2, 2, 3, 1], [2])
    np.testing.assert_array_equal(Backwards().log_probs(given), Counting().log_probs(given))


def test_stepper_recomputes() -> None:
    stepper = Counting().stepper(np.array([2, 2]), VOCABULARY)
    np.testing.assert_allclose(np.exp(stepper.log_probs()), [1 / 6, 1 / 6, 3 / 6, 1 / 6])
    stepper.push(3)
    np.testing.assert_allclose(np.exp(stepper.log_probs()), [1 / 7, 1 / 7, 3 / 7, 2 / 7])
    assert stepper.log_probs().shape == (4,)
    np.testing.assert_allclose(np.exp(Counting().stepper(np.zeros(0, int), VOCABULARY).log_probs()), [1 / 4] * 4)


def test_stepper_refuses_what_is_no_token() -> None:
    stepper = Counting().stepper(np.array([2]), VOCABULARY)
    for token in (4, -1):
        with pytest.raises(LmcompareError, match=r"token ids .* 0 and 3"):
            stepper.push(token)
    with pytest.raises(LmcompareError, match=r"token ids .* 0 and 3"):
        Counting().stepper(np.array([2, 4]), VOCABULARY).log_probs()


def test_size_counts_floats_as_parameters_or_else_counts_and_all_as_bytes() -> None:
    assert Counting().size() == Size(parameters=12, bytes=12 * 4 + 5 * 8)

    class Whole(Counting):
        def state(self) -> State:
            return State({"counts": np.zeros(5, np.int64), "seen": np.zeros(9, bool)})

    assert Whole().size() == Size(parameters=5, bytes=5 * 8 + 9)


def test_a_summary_has_no_markup() -> None:
    class Marked(Counting):
        """Counts words up to ``order``."""

    assert Marked().summary() == "Counts words up to order."


@pytest.mark.parametrize(
    ("name", "title"),
    [("MyModel", "My model"), ("LSTMTagger", "LSTM tagger"), ("Rnn", "Rnn"), ("GPT2", "GPT2"), ("NGram", "N gram")],
)
def test_the_default_title_is_the_class_name_in_words(name: str, title: str) -> None:
    assert type(name, (Counting,), {})().title() == title


def test_the_vector_of_a_word_is_the_same_everywhere_unless_the_model_says_otherwise() -> None:
    class Pointing(Counting):
        """Has vectors."""

        def word_vectors(self) -> FloatArray:
            return np.eye(5)

    found = Pointing().context_vectors(text([2, 1], [1]), np.array([2, 0, 1]))
    assert found is not None
    assert found.tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]]


def test_defaults_offer_nothing() -> None:
    assert Counting().word_vectors() is None
    assert Counting().context_vectors(text([2, 1]), np.array([0])) is None
    assert list(Counting().exhibits(text([2, 1]))) == []
    assert dict(Counting.presets) == {}
    assert dict(Counting.known_failures) == {}
    assert Counting.tokens is None
    assert LanguageModel.traits == Traits(True, True, False, False, False)


# Hyper-parameters


class Told(Counting):
    """Has two hyper-parameters."""

    def __init__(self, order: int = 3, *, name: str = "x") -> None:
        super().__init__()
        self.order, self.name = order, name


def test_hyper_parameters_by_name() -> None:
    assert Told.parameter_names() == ("order", "name")
    assert Told(5).hyperparameters() == {"order": 5, "name": "x"}
    assert Counting.parameter_names() == ()

    class Bare(Counting):
        __init__ = object.__init__

    assert Bare.parameter_names() == ()


@pytest.mark.parametrize("signature", ["*orders", "**options"])
def test_unnamed_hyper_parameters_are_refused(signature: str) -> None:
    space: dict[str, object] = {"Counting": Counting}
    exec(f"class Unnamed(Counting):\n    def __init__(self, {signature}): pass", space)
    with pytest.raises(PluginError, match=r"Unnamed.__init__ takes \*args or \*\*kwargs"):
        space["Unnamed"].parameter_names()  # type: ignore[attr-defined]


def test_hyper_parameter_that_is_not_stored_is_told() -> None:
    class Forgets(Told):
        def __init__(self, order: int = 3, depth: int = 2) -> None:
            super().__init__(order)

    with pytest.raises(PluginError, match=r"Forgets does not store 'depth': set self.depth = depth in __init__"):
        Forgets().hyperparameters()


# What a model must have, and when


def test_fitted_returns_the_part_or_says_what_to_do() -> None:
    assert LanguageModel.__abstractmethods__ == {"fit", "next_log_probs"}
    model = Counting()
    assert fitted(0, model) == 0
    part = np.zeros(2)
    assert fitted(part, model) is part
    with pytest.raises(NotFittedError, match="this Counting is not trained yet: call fit or restore first"):
        fitted(None, model)


def test_setting_is_silent_by_default() -> None:
    setting = Setting(VOCABULARY)
    setting.progress(contract.Progress(step=1))  # raises nothing
    assert (setting.seed, setting.device, setting.threads, setting.checkpoints) == (0, "cpu", 1, None)
    assert setting.budget == contract.Budget(None, None, None)


def test_honest_model_scores_by_hand() -> None:
    """The model that the rogues are made from: train "a b </s> a a </s>"; after "a" came b, a, </s> once each."""
    train = text([2, 3, 1, 2, 2, 1])
    model = Honest(alpha=1.0).fit(train, train, Setting(VOCABULARY))
    found = np.exp(model.next_log_probs(text([2]), np.array([0, 1])))
    np.testing.assert_allclose(found, [[1 / 6, 1 / 6, 3 / 6, 1 / 6], [1 / 7, 2 / 7, 2 / 7, 2 / 7]])


@pytest.mark.parametrize(
    ("parameters", "size"),
    [(10**30, 10), (10, 10**30), (1e308, 1), (float("nan"), 1), (-5, 1), (1, -10), (1.5, 1), ("many", 1), (None, 1)],
)
def test_a_size_is_whole_numbers_that_files_hold(parameters: Any, size: Any) -> None:
    with pytest.raises(PluginError, match=r"^Big\.size returned .* from 0 to 10\*\*18"):
        contract.checked_size(Size(parameters, size), "Big")


def test_a_size_may_be_of_numpy_and_is_a_size() -> None:
    assert contract.checked_size(Size(np.int64(3), 10**18), "Small") == Size(3, 10**18)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"Small\.size returned an int"):
        contract.checked_size(5, "Small")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"title": "x" * 201}, "a title of Odd has 201 characters: it must have at most 200"),
        ({"summary": "x" * 2001}, "a summary of Odd has 2,001 characters"),
        ({"summary": 7}, "Odd.summary returned an int"),
        ({"notes": ("x" * 2001,)}, "a note of Odd has 2,001 characters"),
        ({"notes": ("x",) * 101}, "notes of Odd are 101 texts: give at most 100"),
        ({"notes": "abc"}, "notes of Odd must be a tuple of texts"),
    ],
)
def test_what_a_model_says_of_itself_fits_into_a_report(words: dict[str, Any], said: str) -> None:
    longest = {"title": "x" * 200, "summary": "x" * 2000, "notes": ("x" * 2000,) * 100}
    contract.check_words(**longest, idea=None, whose="Odd")
    with pytest.raises(PluginError, match=re.escape(said)):
        contract.check_words(**{**longest, **words}, idea=None, whose="Odd")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("presets", value) for value in ("abc", 5, {"quick": 5})),
        *((name, value) for name in ("files", "bases") for value in (5, "alpha", ("nope",), (5,), None)),
        *(("traits", value) for value in ("abc", None)),
    ],
)
def test_what_a_class_declares_is_of_its_kind(name: str, value: object) -> None:
    with pytest.raises(PluginError, match=rf"^{name} of .*Declares'? must be"):
        plugins.build(type("Declares", (Honest,), {name: value}), {})


@pytest.mark.parametrize(
    ("name", "given", "most"),
    [
        *((name, {"order": 30}, 10) for name in ("ngram", "ngram-tuned", "stupid-backoff", "skip-ngram")),
        *((name, {"order": 30}, 10) for name in ("class-ngram", "ngram-mixture")),
        *((name, {"window": 800}, 256) for name in ("transformer", "rnn-attention", "rnn-encoder-decoder")),
        ("rnn-encoder-decoder", {"chunk": 800}, 256),
        ("feed-forward", {"context": 800}, 256),
        ("cnn", {"kernel": 800}, 256),
        ("word2vec-bow", {"window": 65}, 64),
    ],
)
def test_a_reach_beyond_the_text_is_refused_before_training(name: str, given: dict[str, int], most: int) -> None:
    (key, *_) = given
    train = text([2, 3, 2, 1] * 20)
    with pytest.raises(PluginError, match=rf"^{key} is {given[key]}, but the longest .* tokens: set it to {most} at"):
        plugins.build(name, given).check_text(train)


def test_a_reach_that_some_text_fills_is_kept() -> None:
    contract.check_reach("order", 12, text([2] * 10 + [1], [2, 1]), "sentence", 10)
    contract.check_reach("order", 10, text([2, 1]), "sentence", 10)
    with pytest.raises(
        PluginError, match="longest sentence of the training text has 11 tokens: set it to 12 at most"
    ):
        contract.check_reach("order", 13, text([2] * 10 + [1], [2, 1]), "sentence", 10)
