"""The captions of charts and tables, against small numbers worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from lmcompare.analysis import Run
from lmcompare.analysis.leaderboard import Row
from lmcompare.render import numbers
from lmcompare.render.charts.scatter import Dot
from lmcompare.render.prose import written
from lmcompare.report.data import Model, ReportData
from lmcompare.report.sections import leaderboard
from lmcompare.studies.cost import choice
from lmcompare.studies.cost import section as cost
from lmcompare.studies.learning import section as learning
from lmcompare.studies.mixtures import section as mixtures
from lmcompare.studies.sentences import section as sentences
from tests.analysis.tiny import bits, tiny_run
from tests.report.tree import Node, parse, plain


def test_cost_says_what_the_cheapest_of_the_models_near_the_best_loses() -> None:
    dots = [Dot("Floor", 0, 1, 2.0), Dot("Cheap", 1, 10, 1.04), Dot("Best", 2, 600, 1.0), Dot("Dear", 3, 900, 1.02)]
    said = plain(cost.claim(dots, cost.COSTS[0], {"Cheap", "Floor"}))
    assert "cheap" in said
    assert "60 times faster" in said
    assert "4 % worse" in said
    assert "not significantly worse" in cost.claim(dots, cost.COSTS[4], {"Floor"})
    nearly = [dots[2], Dot("Cheap", 1, 450, 1.04)]
    assert "trains in 25 % less time than the best" in plain(cost.claim(nearly, cost.COSTS[0], ()))
    assert "needs 25 % less memory than the best" in plain(cost.claim(nearly, cost.COSTS[4], ()))


def test_cost_says_what_the_best_cheaper_model_loses_if_none_is_nearly_as_good() -> None:
    best = Dot("Best", 0, 103, 1.0)
    assert "none trains much faster" in cost.claim([best, Dot("Other", 1, 100, 1.01)], cost.COSTS[0], ())
    far = [Dot("Floor", 1, 1, 2.0), best]
    said = plain(cost.claim(far, cost.COSTS[5], {"Floor"}))
    assert "floor" in said
    assert "100 times fewer parameters" in said
    assert "100 % worse" in said
    as_fast = [Dot("Floor", 1, 1, 2.0), best, Dot("Other", 2, 100, 1.01)]
    assert "The floor trains 100 times faster" in plain(cost.claim(as_fast, cost.COSTS[0], {"Floor"})), (
        "the other is near, but only 3 % faster"
    )
    assert cost.claim([best], cost.COSTS[0], ()) == ""


@pytest.mark.slow
def test_cost_names_the_models_that_are_worth_theirs(tmp_path: Path) -> None:
    models = {"floor": bits(4, 0), "cheap": bits(2.06, 1), "tied": bits(2.06, 2), "best": bits(2, 3)}
    data = ReportData(tiny_run(tmp_path, models, documents=[[10]] * 40))

    def worth(cheap: float, tied: float, key: str = "processor_seconds") -> list[str]:
        seconds = {"floor": 0.1, "cheap": cheap, "tied": tied, "best": 600.0}
        ranking = [(model, replace(row, processor_seconds=seconds[row.name])) for model, row in data.ranking]
        given: Any = SimpleNamespace(ranking=ranking, comparison=data.comparison)
        return cost.worth_their_cost(given, next(each for each in cost.COSTS if each.key == key))

    assert worth(6, 60) == ["floor", "cheap", "best"]
    assert worth(595, 60) == ["floor", "tied", "best"], "595 s give no more than 60 s"
    assert worth(560, 580) == ["floor", "cheap", "best"], "560 s are 7 % less than 600 s"
    assert worth(580, 580) == ["floor", "best"], "580 s are hardly less than 600 s"
    assert worth(6, 60, "peak_memory_bytes") == ["best"], "all of one cost: the best of them is the best"


@pytest.mark.slow
def test_the_page_names_them_for_each_cost_that_can_be_limited(tree: Node, run: Run) -> None:
    data = ReportData(run)
    shown = dict(tree.one("table", "steps").rows())
    assert len(shown) == len(choice.LIMITS)
    worth = cost.worth_their_cost(data, next(each for each in cost.COSTS if each.key == "processor_seconds"))
    names = [node.text for node in tree.one("table", "steps").one("tbody").one("tr").all(class_="chip")]
    assert names == worth


def curve(valid: list[float]) -> pd.DataFrame:
    size = range(len(valid))
    columns = {"step": [10 * i for i in size], "seconds": [60.0 * i for i in size], "tokens": list(size)}
    return pd.DataFrame(columns | {"train_loss": valid, "valid_loss": valid})


def said_of(**found: Any) -> str:
    """What the section on learning says of one group of models."""
    none = {"falling": (), "others": (), "passed": (), "never": (), "unmeasured": (), "risen": ()}
    group = learning.Group(
        **{"tokens": "word", "drawn": (), "level": None, "equal": None, "texts": None, **none, **found}
    )
    more = {"several": False, "late": ["Net"], "linked": True, "trainings": (), "headings": ()}
    return plain(written("learning", "lmcompare.studies.learning", groups=[group], **more)[1])


def test_learning_names_the_models_that_got_worse(models: dict[str, Model]) -> None:
    found = learning.risen(
        [
            (models["transformer"], curve([5.0, 4.0, 3.0])),
            (models["rnn-attention"], curve([5.0, 3.0, 3.5])),
            (models["ngram"], curve([math.nan, math.nan])),
        ]
    )
    assert found == [("rnn-attention", 10, 3.0, 3.5)]
    said = said_of(risen=found, unmeasured=["ngram"])
    assert (
        "ngram measured no validation loss. The validation loss of rnn-attention was lowest at step 10, 3.00" in said
    )
    assert "then rose to 3.50" in said
    assert "The curve of the net begins late" in said
    assert "was lowest, 3.00" in said_of(risen=[found[0]._replace(step=None)])


def test_learning_says_whose_loss_was_still_falling(models: dict[str, Model]) -> None:
    falling = (models["transformer"], curve([5.0, 4.0, 3.0]))
    level, risen = (models["rnn-attention"], curve([5.0, 3.0, 3.0])), (models["unigram"], curve([5.0, 3.0, 4.0]))
    still, others = learning.falling([falling, level, risen])
    assert (still, others) == (["transformer"], ["rnn-attention", "unigram"])
    assert (
        "of the transformer was still falling at the end of training; that of the rnn-attention and the unigram"
        in (said_of(falling=still, others=others))
    )
    assert "The validation loss was still falling" in said_of(falling=still)
    assert "Every validation loss was still falling" in said_of(falling=others)
    assert "No validation loss" in said_of(others=others)
    assert learning.falling([(models["ngram"], curve([math.nan, math.nan]))]) == ([], [])


@pytest.mark.slow
def test_learning_says_how_its_texts_differ(run: Run) -> None:
    data = ReportData(run)
    model = next(m for m in data.scored if len(m.cell.curve["valid_loss"].dropna()))
    figures = next(one for one in data.results["models"] if one["name"] == model.name)
    losses = pd.DataFrame({"valid_loss": [9, 7.5, 8]})
    found = learning.texts(data, model.entry.tokens_fingerprint, [(model, losses)])
    said = said_of(texts=found)
    for wanted in ("7.50", *(f"{math.log2(figures[key]):.2f}" for key in ("valid_perplexity", "perplexity"))):
        assert f" {wanted} " in said
    tokens = run.manifest.tokens[model.entry.tokens_fingerprint]
    for split in ("valid", "test"):
        assert f"{100 * tokens.unknown[split] / tokens.tokens[split]:.1f} %" in said
    for key, text in (("valid_bits_per_byte", "validation"), ("bits_per_byte", "test")):
        assert f"{figures[key]:.3f} for the {text} text" in said
    assert learning.texts(data, model.entry.tokens_fingerprint, []) is None


def test_learning_compares_the_losses_at_equal_tokens(models: dict[str, Model]) -> None:
    # one read 2 of the other's 4 tokens, when the other had 3.5
    given = [
        (models["transformer"], curve([5.0, 4.5, 3.5, 3.0, 2.5])),
        (models["rnn-attention"], curve([5.0, 4.0, 3.75])),
    ]
    said = said_of(equal=learning.at_equal_tokens(given))
    assert "After 2 tokens," in said
    assert "3.50 bits for the transformer and 3.75 bits for the rnn-attention" in said
    assert learning.at_equal_tokens([given[0], (models["rnn-attention"], curve([5.0, 4, 4, 4, 3.9]))]) is None
    assert learning.at_equal_tokens([]) is None


def test_sentences_name_the_token_of_most_disagreement(models: dict[str, Model]) -> None:
    chosen = [models[n] for n in ("unigram", "ngram", "leaky")]
    bits = [[5.0, 9.0], [4.0, 2.0], [0.1, 0.1]]
    one = sentences.Sentence("d", ["a", "b"], chosen, bits, [False, True], 2, frozenset({"leaky"}))
    assert one.disputed == ("b", 7.0), "9 − 2; the model that is not ranked does not count"


def test_a_model_without_randomness_has_one_figure_and_no_mean(models: dict[str, Model]) -> None:
    def tags(spread: float | None, seeds: int = 3) -> list[str]:
        row = Row("ngram", "ngram", "ranked", seeds=tuple(range(seeds)), bits_per_byte_spread=spread)
        return leaderboard.Line(models["ngram"], row).tags

    assert tags(1e-17) == ["same figure with all 3 seeds"]
    assert tags(0.0042) == ["mean of 3 seeds, standard deviation 0.004"]
    assert tags(None, 1) == []


def test_mixtures_claim_what_the_best_gains(models: dict[str, Model]) -> None:
    a, b, c = models["unigram"], models["ngram"], models["transformer"]
    found = [
        mixtures.Mixture([(c, 0.5), (b, 0.4), (a, 0.1)], 60.0, c, 0.25, 80.0),
        mixtures.Mixture([(c, 0.6), (b, 0.4)], 64.0, c, 0.2, 80.0),
        mixtures.Mixture([(c, 0.9), (a, 0.1)], 79.0, c, 0.01, 80.0),
    ]
    assert "all models gives 25.0 % lower perplexity than the transformer" in plain(
        mixtures.claim(found, "perplexity")
    )
    nothing = [mixtures.Mixture([(b, 0.5), (a, 0.5)], 60.0, b, 0.0001, 60.0)]
    assert mixtures.claim(nothing, "perplexity") == "No mixture is better than the ngram alone"
    at_words = mixtures.claim([mixtures.Mixture([(b, 0.5), (c, 0.5)], 1.5, b, 0.1, 1.67)], "bits per byte")
    assert "10.0 % fewer bits than the ngram alone" in plain(at_words)


def test_a_mixture_of_one_model_is_said_to_be_that_model_alone(models: dict[str, Model]) -> None:
    a, b, c = models["unigram"], models["ngram"], models["transformer"]
    found = [
        mixtures.Mixture([(b, 0.9905), (a, 0.0095)], 60.0, b, 0.0, 60.0),
        mixtures.Mixture([(c, 0.97), (b, 0.02), (a, 0.01)], 60.0, c, 0.0, 60.0),
        mixtures.Mixture([(c, 1.0), (b, 0.0), (a, 0.0)], 60.0, c, 0.0, 60.0),
    ]
    given: dict[str, Any] = dict.fromkeys(("claim", "caption", "seeds"), "") | {"models": [a, b, c], "grid": []}
    more: dict[str, Any] = {"unit": "token", "shown_open": 15, "most_paired": 0, "tenth": 0.03}
    given |= {"figure_name": "perplexity", "text": numbers.perplexity}
    html, *_ = written("mixtures", "lmcompare.studies.mixtures", mixtures=found, **given, **more)
    assert [plain(row[0]) for row in parse(html).one("table").rows()] == [
        "ngram alone, unigram below 1 %",
        "97 % transformer + 2 % ngram + 1 % unigram",
        "transformer alone, 2 models below 1 %",
    ]


@pytest.mark.slow
def test_mixtures_say_which_of_several_seeds_is_mixed(tmp_path: Path) -> None:
    runs = {"a": [*bits(2, 0), *bits(2.2, 1)], "b": bits(2.1, 2)}
    data = ReportData(tiny_run(tmp_path, runs, documents=[[10]] * 40))
    assert f"seed {data.by_name['a'].entry.seeds[0]};" in mixtures.one_seed(data.models)
    assert mixtures.one_seed([data.by_name["b"]]) == ""


def test_mixtures_say_if_the_weights_are_fitted_to_a_part_of_the_validation_text() -> None:
    assert mixtures.fitted(64_571, 64_571, "token") == ""
    said = mixtures.fitted(250_000, 1_000_000, "token")
    assert "250,000" in said
    assert "1,000,000" in said
