"""The sentences that read charts and tables, against small numbers worked by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from lmcompare.analysis import Run
from lmcompare.report.charts.bins import Series
from lmcompare.report.charts.scatter import Dot
from lmcompare.report.data import Model, ReportData
from lmcompare.report.sections import cost, learning, mixtures, prompts, sentences
from lmcompare.report.sections import slices as slices_section


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def models(run: Run) -> dict[str, Model]:
    return ReportData(run).by_name


def test_cost_names_the_cheapest_that_is_nearly_as_good() -> None:
    dots = [Dot("floor", 0, 1, 2.0), Dot("cheap", 1, 10, 1.04), Dot("best", 2, 600, 1.0), Dot("dear", 3, 900, 1.02)]
    # 1.04 is within 5 % of 1.0; 600 / 10 = 60; floor, cheap and best are on the front
    said = "Within 5 % of the best, cheap is the fastest to train: 10 s, where best takes 60 times as much. "
    apart = {("best", "floor"), ("best", "cheap"), ("best", "dear"), ("dear", "floor"), ("cheap", "floor")}
    assert plain(cost.reading(dots, cost.COSTS[0], lambda *pair: pair in apart)) == (
        said + "dear is beaten by a model that is cheaper and significantly better."
    )
    tied = apart - {("best", "dear")}
    assert plain(cost.reading(dots, cost.COSTS[0], lambda *pair: pair in tied)) == (
        said + "No model is clearly beaten by a cheaper one."
    )


def test_costs_that_hardly_differ_count_as_equal() -> None:
    dots = [Dot("best", 0, 103, 1.0), Dot("other", 1, 100, 1.01), Dot("third", 2, 105, 1.5)]
    assert plain(cost.reading(dots, cost.COSTS[0], lambda one, other: other == "third")) == (
        "Of the models within 5 % of the best, the best itself, best, is the fastest to train (1 min 43 s). No model"
        " is clearly beaten by a cheaper one."
    )


def test_cost_of_a_best_without_rivals() -> None:
    dots = [Dot("floor", 0, 1, 2.0), Dot("best", 2, 90, 1.0)]
    assert plain(cost.reading(dots, cost.COSTS[0], lambda one, other: one == "best")) == (
        "Nothing else comes within 5 % of best (1 min 30 s). No model is clearly beaten by a cheaper one."
    )


def test_wins_puts_neighbouring_bins_together() -> None:
    labels = ("a", "b", "c", "d", "e")
    none: list[float | None] = [None] * 5
    one = Series("one", 0, [1.0, 1.0, 1.0, 5.0, 2.0], none, none)
    two = Series("two", 1, [2.0, 3.0, 2.0, 1.0, None], none, none)
    # one is lowest in a, b, c and e, two in d; the widest gap is 4, in d
    assert slices_section.reading(labels, [200] * 5, [one, two], "bits a token") == (
        "one has the lowest figure in 4 of 5 cases, two for “d”; the models are furthest apart at “d”, where "
        "two needs 1.00 bits a token and one 5.00."
    )
    # a bin with few tokens is not called the widest: then it is b, with a gap of 2
    assert "furthest apart at “b”" in slices_section.reading(
        labels, [200, 200, 200, 3, 200], [one, two], "bits a token"
    )


def test_wins_says_from_to() -> None:
    labels = ("a", "b", "c", "d", "e")
    none: list[float | None] = [None] * 5
    one = Series("one", 0, [1.0, 1.0, 9.0, 9.0, 9.0], none, none)
    two = Series("two", 1, [2.0, 2.0, 1.0, 1.0, 1.0], none, none)
    assert slices_section.reading(labels, [9] * 5, [one, two], "bits").startswith(
        "two has the lowest figure in 3 of 5 cases, one for “a” and “b”;"
    )
    assert slices_section._ranges(["a", "b", "c", "e"], labels) == ["“a” to “c”", "“e”"]


def curve(valid: list[float]) -> pd.DataFrame:
    size = range(len(valid))
    columns = {"step": [10 * i for i in size], "seconds": [60.0 * i for i in size], "tokens": list(size)}
    return pd.DataFrame(columns | {"train_loss": valid, "valid_loss": valid})


def test_learning_tells_who_was_still_learning(models: dict[str, Model]) -> None:
    said = learning.reading(
        [
            (models["transformer"], curve([5.0, 4.0, 3.0])),
            (models["rnn-attention"], curve([5.0, 3.0, 3.5])),
            (models["word2vec-bow"], curve([5.0, 3.0, 3.001])),
            (models["ngram"], curve([math.nan, math.nan])),
        ]
    )
    assert plain(said) == (
        "transformer (3.00 nats at step 20, 2 min) was lowest at the end. "
        "rnn-attention (3.00 nats at step 10, 1 min) had its lowest validation loss before its end and then rose to "
        "3.50: more steps on this text would not help it. "
        "word2vec-bow (3.00 nats at step 10, 1 min) had its lowest validation loss before its end and stayed near "
        "it. ngram measured no validation loss."
    )


def test_learning_compares_after_as_many_tokens(models: dict[str, Model]) -> None:
    # of 4 tokens in all the one read 2: the other stood at 3.5 then
    given = [
        (models["transformer"], curve([5.0, 4.5, 3.5, 3.0, 2.5])),
        (models["rnn-attention"], curve([5.0, 4.0, 3.75])),
    ]
    assert plain(learning.reading(given)).endswith(
        "After 2 tokens, all that some of them read, it is 3.50 for transformer and 3.75 for rnn-attention; of those"
        " that went on the learning rate was still higher there than it would have been at the end."
    )
    assert "After" not in learning.reading([given[0], (models["rnn-attention"], curve([5.0, 4, 4, 4, 3.9]))])


def test_prompts_tell_how_far_models_agree(models: dict[str, Model]) -> None:
    def column(name: str, *found: tuple[str, float]) -> prompts.Column:
        return prompts.Column(models[name], found, "", "")

    three = [
        column("unigram", ("the", 0.1)),
        column("ngram", ("food", 0.3), ("the", 0.2)),
        column("transformer", ("food", 0.5)),
    ]
    assert plain(prompts.reading("Thai", three)) == (
        "After “Thai” 2 of 3 models expect “food” most; the surest is transformer: “food” with 50 %."
    )
    assert plain(prompts.reading("Thai", three[:2])) == (
        "After “Thai” each model expects something else; the surest is ngram: “food” with 30 %."
    )
    assert plain(prompts.reading("Thai", three[:1])) == "After “Thai” unigram expects “the” with 10 %."


def test_sentences_tell_the_bits_and_where_models_part(models: dict[str, Model]) -> None:
    names = ["unigram", "ngram", "leaky"]
    bits = [[5.0, 9.0], [4.0, 2.0], [0.1, 0.1]]
    one = sentences.Sentence(
        "d", ["a", "b"], [models[n] for n in names], bits, [False, True], 2, frozenset({"leaky"})
    )
    # leaky is not ranked: 6 bits are the fewest, and b has the widest gap, 9 − 2
    assert one.reading == (
        "ngram needs 6 bits for this sentence, the fewest, unigram 14; the models part most at “b”, by 7.0 bits."
    )


def test_mixtures_tell_the_pair_that_gains_most(models: dict[str, Model]) -> None:
    a, b, c = models["unigram"], models["ngram"], models["transformer"]
    found = [
        mixtures.Mixture([(a, 0.1), (b, 0.4), (c, 0.5)], 60.0, c, 0.25),
        mixtures.Mixture([(b, 0.4), (c, 0.6)], 64.0, c, 0.2),
        mixtures.Mixture([(a, 0.1), (c, 0.9)], 79.0, c, 0.01),
    ]
    assert plain(mixtures.reading(found)) == (
        "The pair that gains most from mixing is ngram and transformer: 20.0 % less perplexity than transformer "
        "alone; the lowest perplexity, 60.00, has the mixture of all of them."
    )
    assert plain(mixtures.wins_reading({("x", "y"): 0.8, ("y", "x"): 0.2, ("x", "z"): 0.52, ("z", "x"): 0.48})) == (
        "x gives a higher probability than y to 80 % of the tokens, the clearest case; x and z are the closest, with "
        "52 %."
    )


def test_mixtures_say_where_not_all_of_valid_was_read() -> None:
    assert mixtures.fitted(64_571, 64_571) == ""
    assert plain(mixtures.fitted(250_000, 1_000_000)) == (
        "The weights are fitted to 250,000 tokens spread evenly over the 1,000,000 of valid."
    )


def test_a_mixture_that_gains_nothing_is_not_praised(models: dict[str, Model]) -> None:
    a, b = models["unigram"], models["ngram"]
    found = [mixtures.Mixture([(a, 0.0), (b, 1.0)], 60.0, b, 0.0001)]
    assert plain(mixtures.reading(found)) == "No mixture predicts the text better than ngram alone."
