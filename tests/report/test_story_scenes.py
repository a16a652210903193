"""What the scenes of the story say of their models, from figures that are given, and their calculations in small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.findings import Row as FoundRow
from lmcompare.report.data import ReportData
from lmcompare.studies.story.scene import Loss, Scene, even
from lmcompare.studies.story.section import LIMITS, SmallExample, next_of, outlines
from lmcompare.studies.story.sentences import FarBack, Looking, Unseen, all_of, times
from lmcompare.tokens import Encoded, Vocabulary
from tests.report.scenes import said, scene

Guesses = dict[tuple[int, int], dict[str, Any]]
VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])


def against(one: Scene, before: Scene) -> str:
    return said("against", scene=replace(one, before=before))


def chosen(look: Looking, counting: Scene) -> str:
    return said("of_sentences", look=look, counting=counting, limits=LIMITS)


# A model against that of the scene before


def test_a_worse_figure_has_its_reason_from_the_numbers() -> None:
    def told(one: Scene) -> str:
        return against(one, scene(2.0, 3.0, 2e6, [1.5, 1.0]))

    assert "reason" not in told(scene(1.9, 3.0, 1e6))
    assert "3.0 bits" in told(scene(2.1, 0.0, 1e6))  # no order: that comes first
    assert "and its own by 0.0" in told(scene(2.1, 0.0, 1e6))
    assert "read 1 million tokens in training, the net 2 million" in told(scene(2.1, 3.0, 1e6))
    assert "no reason" in told(scene(2.1, 3.0, 2e6))
    for one in (scene(2.1, 0.0, 1e6), scene(1.9, 3.0, 1e6)):
        assert "chance" not in told(one)
        assert "chance" in told(replace(one, apart=False))


def test_the_share_of_better_sentences_and_the_figure_before_are_said() -> None:
    told = against(scene(1.9, 3.0, 1e6), scene(2.0, 3.0, 1e6))
    assert told.startswith("Better than the net, which needs 2.000 bits per byte.")
    assert "25 % of the sentences" in told


def test_what_a_model_has_besides_the_one_before_is_worth_the_difference() -> None:
    adding = replace(scene(1.0, 3.0, 2e6), adds="looking back")
    assert "So looking back is worth 0.800 bits per byte here." in against(adding, scene(1.8, 3.0, 2e6))
    assert "(But this model read 2" in against(adding, scene(1.8, 3.0, 1e6))
    after = next(one["after"]["rnn"] for one in outlines() if "rnn" in one.get("after", {}))
    assert after["adds"] == "looking back"


def test_a_network_that_differs_in_more_than_its_state_is_not_said_to_gain_by_the_state() -> None:
    (outline,) = (one for one in outlines() if one["plugins"] == ["rnn"])
    assert "adds" not in outline
    assert {"compared"} <= set(outline) & set(outline["after"]["vectors"])
    for bits in (1.0, 1.9):  # better, and worse
        told = against(replace(scene(bits, 3.0, 2e6), compared="It is so."), scene(1.8, 3.0, 2e6))
        assert told.endswith("It is so.")
        assert "So " not in told


@pytest.mark.parametrize("lost", [0.4, 2.4])
def test_what_a_trained_network_loses_without_attention_is_no_part_of_its_gain(lost: float) -> None:
    (outline,) = (one["lost"] for one in outlines() if "lost" in one)
    exhibits = [
        {"kind": "bars", "title": "Another", "values": [9.0]},
        {"kind": "bars", "title": outline["title"], "labels": ["none"], "values": [lost]},
    ]
    model: Any = SimpleNamespace(
        cell=SimpleNamespace(measured=lambda _: exhibits), entry=SimpleNamespace(tokens_fingerprint="words")
    )
    manifest = SimpleNamespace(tokens={"words": SimpleNamespace(tokens={"valid": 100})})
    run = SimpleNamespace(manifest=manifest, corpus=SimpleNamespace(splits={"valid": SimpleNamespace(bytes=400)}))
    data: Any = SimpleNamespace(run=run, measured=lambda experiment: {})
    found = Loss.of(outline, model, data)
    assert found is not None
    assert found.bits_per_byte == lost / 4  # tokens of four bytes
    told = against(replace(scene(1.0, 3.0, 2e6), lost=found), scene(1.8, 3.0, 2e6))
    assert f"{lost / 4:.3f} bits per byte more" in told
    assert Loss.of({}, model, data) is None
    for odd in (-0.1, 0.9):  # nothing, or more than all of the gain
        one = replace(scene(1.0, 3.0, 2e6), lost=replace(found, bits_per_byte=odd))
        assert "Without" not in against(one, scene(1.8, 3.0, 2e6))


@pytest.mark.parametrize(
    ("value", "p", "told"),
    [
        (-0.02, 0.001, "needs 0.020 bits per byte more (+0.010 to +0.030)"),
        (0.02, 0.001, "needs 0.020 bits per byte fewer (−0.030 to −0.010)"),
        (-0.002, 0.4, "not found (95 % interval −0.008 to +0.012)"),
        (-0.011, 0.06, "may need more bits per byte (95 % interval +0.001 to +0.021), but"),
        (0.011, 0.06, "may need fewer bits per byte (95 % interval −0.021 to −0.001), but"),
    ],
)
def test_what_training_without_a_part_changes(value: float, p: float, told: str) -> None:
    row = FoundRow("Additive attention", value=value, low=value - 0.01, high=value + 0.01, p_holm=p)
    one = replace(scene(1.0, 3.0, 2e6), lost=Loss("looking back", 0.034, row))
    assert told in said("shares", scene=one)
    assert said("shares", scene=replace(one, lost=Loss("looking back", 0.034))) == ""


def test_the_states_begin_before_the_first_word_where_attention_mixes_them() -> None:
    def states(**found: Any) -> list[tuple[str, list[float]]]:
        return replace(scene(1.0, 3.0, 2e6), found={"tokens": ["The", "cat"], **found}).states

    assert states(states=[[0.25, -1.0], [-0.5, 0.0]]) == [("<s>", [0.25, -1.0]), ("The", [-0.5, 0.0])]
    assert states() == []


@pytest.mark.parametrize(("values", "ends"), [([0.95, 1.06], (0.95, 1.06)), ([0.9, 1.3], None), ([], None)])
def test_attention_that_prefers_no_distance_is_nearer_to_an_average(values: list[float], ends: Any) -> None:
    tables = [{"kind": "bars", "title": "How far", "values": values}]
    model: Any = SimpleNamespace(cell=SimpleNamespace(measured=lambda _: tables))
    found = even("How far", model)
    assert found == (ends and ("How far", *ends))
    if found:
        title, low, high = found
        assert "0.95 to 1.06 times" in said("even", title=title, low=low, high=high)
    assert even("another", model) is None


# Counting


@given(
    documents=st.lists(st.lists(st.integers(1, 4), max_size=8), min_size=1, max_size=5),
    context=st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_what_followed_is_found_at_every_place_within_one_document(
    documents: list[list[int]], context: list[int]
) -> None:
    wanted = [
        one[at] for one in documents for at in range(len(context), len(one)) if one[at - len(context) : at] == context
    ]
    text: Any = Encoded.from_documents(documents, VOCABULARY)
    assert next_of(text, np.array(context)).tolist() == wanted


# Calculations in small


def test_products_and_softmax_are_those_by_hand() -> None:
    outline = {
        "key": "small",
        "asks": "The query",
        "numbers": [2, 1],
        "columns": ["word", "key", "score", "power", "weight"],
        "words": {"river": [1, 0], "the": [-1, 2]},
        "values": {"river": [3, -1], "the": [0, 1]},
        "result": "the mix is {mix}",
    }
    found = SmallExample.of(outline)
    # e² = 7.389 and e⁰ = 1: 7.389 / 8.389 = 0.8808
    assert found.asks == "The query: (2, 1)"
    assert found.rows == (
        ("river", "(1, 0)", "2 · 1 + 1 · 0 = 2", "7.39", "88.1\u00a0%", "(3, −1)", "(2.64, −0.88)"),
        ("the", "(−1, 2)", "2 · (−1) + 1 · 2 = 0", "1.00", "11.9\u00a0%", "(0, 1)", "(0.00, 0.12)"),
    )
    assert found.result == "the mix is (2.64, −0.76)"  # 3 × 0.8808, and 0.1192 − 0.8808
    for plugin in ("word2vec-bow", "transformer"):  # whose scenes have one
        (outline,) = (one["small"] for one in outlines() if plugin in one["plugins"])
        shares = [float(row[4].split("\u00a0")[0]) for row in SmallExample.of(outline).rows]
        assert sum(shares) == pytest.approx(100, abs=0.2)


# The sentence that ends in a pair never seen: vectors save most against counts


def ending(*bits: float) -> Guesses:
    """Guesses of sentences of three words, which end in these pairs."""
    pairs = [("a", "b"), ("b", "c"), ("b", "d"), ("c", "d"), ("x", "d"), ("a", "a")]
    return {
        (0, k): {"bits": bits[k], "tokens": ["a", *pair], "replaced": [0.1, 2.0], "next": [{"token": "x"}]}
        for k, pair in enumerate(pairs)
    }


class Tokens:
    """A test text of five tokens, of which the second and the last follow a word for the first time."""

    train = Encoded.from_documents([VOCABULARY.ids(["a", "b", "c"]), VOCABULARY.ids(["d", "a", "c"])], VOCABULARY)

    def feature_blocks(self, split: str, columns: list[str]) -> Iterator[dict[str, Any]]:
        yield {"seen_2": np.array([0, 0, 1]), "train_count": np.array([3, 2, 2]), "position": np.array([0, 1, 2])}
        yield {"seen_2": np.array([0, 0]), "train_count": np.array([0, 1]), "position": np.array([3, 4])}


DATA: ReportData = SimpleNamespace(main_tokens="t", run=SimpleNamespace(tokens={"t": Tokens()}))  # type: ignore[assignment]


def scored(made: Scene, name: str, *bits: float) -> Scene:
    cell = SimpleNamespace(log_probs=lambda split: -np.log(2) * np.array(bits))
    return replace(made, model=SimpleNamespace(title=f"Net {name}", name=name, cell=cell))  # type: ignore[arg-type]


SCENES = [
    scored(scene(2.0, 3.0, 1e6), "first", 1, 3, 1, 1, 5),
    scored(scene(2.0, 3.0, 1e6), "table", 9, 8, 9, 9, 10),
    scored(replace(scene(1.5, 3.0, 1e6), shows="vectors"), "vectors", 0, 2, 0, 0, 3),
]


def test_pairs_of_the_training_text_and_unknown_words_are_left_out() -> None:
    def told(found: Unseen) -> str:
        return said("unseen", found=found)

    first, table, vectors = ending(*[9.0] * 6), ending(*[8.0] * 6), ending(1, 1, 9, 4, 1, 7)
    found = Unseen.of(SCENES, [first, table, vectors], 1, DATA)
    assert found is not None
    # a b and b c are seen, x is unknown; c d is at the border of two documents, so it is not seen
    assert found.scene.tokens == ["a", "c", "d"]
    assert found.bits == (9.0, 8.0, 4.0)
    assert found.saved == (-1.0, 4.0, 1.0)
    assert "“c d”" in told(found)
    assert "most to this guess is “c”" in told(found)
    # of the test tokens the first begins its document, the third was seen, the fourth is unknown
    assert found.many == 2
    assert found.means == pytest.approx((4.0, 9.0, 2.5))
    assert "the net vectors needs fewer bits than the net table, and fewer than the net first." in told(found)
    assert "but no fewer than the net first, which" in told(replace(found, means=(2.4, 9.0, 2.5)))
    others = replace(found, means=(2.45, 2.4, 2.5))
    assert "the net vectors needs no fewer bits than the net table, but" in told(others)
    assert told(others).endswith(" Only the net table needs fewer than the net first.")
    counts_first = replace(found, scenes=tuple(SCENES[1:]), means=(9.0, 2.5))
    assert told(counts_first).endswith("the net vectors needs fewer bits than the net table.")


@pytest.mark.parametrize("table", [None, 1])
def test_there_is_no_such_scene_without_counts_or_a_gain(table: int | None) -> None:
    same = [ending(*[8.0] * 6)] * 3
    assert Unseen.of(SCENES, same, table, DATA) is None
    assert Unseen.of(SCENES[:2], same[:2], 1, DATA) is None


# The sentence that needs far words: that in which they matter most, and looking back gains


def changing(bits: float, *replaced: float) -> dict[str, Any]:
    tokens = [f"w{k}" for k in range(len(replaced))]
    return {"bits": bits, "tokens": [*tokens, "end"], "replaced": list(replaced), "next": [{"token": "x"}]}


def test_the_sentence_that_needs_far_words_is_that_in_which_they_matter_most_and_help() -> None:
    table = scene(2.0, 3.0, 1e6)
    looking = replace(scene(1.5, 3.0, 1e6), found={"attention": {"words": []}})
    counted = {
        (0, 0): changing(9.0, 0, 0, 0, 2, 5),
        (0, 1): changing(8.0, 0, 0, 0, 0, 3),
        (0, 2): changing(9.9, 0, 0, 0, 1, 1),
        (0, 3): changing(1.5, 0, 0, 0, 1, 1),
    }
    read = {
        (0, 0): changing(2.0, 0.2, 1.5, 0, 2, 5),
        (0, 1): changing(0.5, 0, 0.9, 0.7, 1, 1),
        (0, 2): changing(0, 0, 0, 0, 1, 1),
        (0, 3): changing(1.0, 0, 3.0, 0, 1, 1),
    }
    found = FarBack.of([table, looking], [counted, read], 0)
    assert found is not None
    # far words matter less in the second, which gains more; the third gains by near ones, and the fourth hardly gains
    assert (found.reach, found.bits, found.often) == (2, (9.0, 2.0), 3)
    told = said("far_back", found=found)
    for part in ("at most 2 tokens", "“w1”, 4 tokens back", "by 1.5 bits", "2.0 bits for “end”, the net needs 9.0."):
        assert part in told
    assert "In 3 of the 4 sentences" in said("far_back_chosen", found=found, candidates=4, limits=LIMITS)
    best = {**counted, (0, 0): changing(1.9, 0, 0, 0, 2, 5)}  # of another model, which needs fewest for the first
    other = FarBack.of([table, looking, table], [counted, read, best], 0)
    assert other is not None
    assert other.bits == (8.0, 0.5, 8.0)
    near = {key: changing(1.0, 0, 0, 0, 1, 1) for key in read}
    assert FarBack.of([table, looking], [counted, near], 0) is None
    assert FarBack.of([table, looking], [counted, read], None) is None
    assert FarBack.of([table, table], [counted, read], 0) is None
    assert FarBack.of([table, looking], [read, counted], 0) is None  # looking back gains nothing


# Attention is shown in the sentence in which it helps most among those where the model beats the counts


def looking_at(bits: float, added: float, words: str = "<s> w", weights: tuple[float, ...] = (0.25, 0.75)) -> Any:
    adds = [{"token": token, "logit": logit} for token, logit in (("most", 5.0), ("least", -7.0), ("end", added))]
    head = {"heads": 8, "head": "layer 1, head 2"}
    attention = {"words": words.split(), "weights": list(weights), "adds": adds, **head}
    return {"bits": bits, "tokens": ["a", "w", "end"], "attention": attention}


def needing(*bits: float) -> Guesses:
    return {(0, k): {"bits": each} for k, each in enumerate(bits)}


OWN: Guesses = {
    (0, k): looking_at(bits, added) for k, (bits, added) in enumerate([(1, 0.2), (3, 1.0), (4, 2.0), (2, -1.0)])
}
NET = replace(scene(1.5, 3.0, 1e6), found=OWN[0, 0])


def test_it_is_the_sentence_in_which_attention_adds_most_where_the_model_beats_the_counts() -> None:
    found = Looking.of(NET, OWN, needing(9.0, 4.0, 4.9, 9.0))
    assert found is not None
    assert found.scene.found is OWN[0, 1]  # the third gains less than a bit; the first gains more, but adds less
    assert (found.bits, found.raised, found.sentences) == (4.0, 3, 4)
    told = said("odds", look=found, counting=scene(2.0, 3.0, 1e6), times=times)
    assert "needs 3.0 bits for “end”, the net needs 4.0." in told
    assert "the odds of “end” by 2.7." in told  # e
    assert "those of “most” most, by 148." in told  # e to the power of 5
    effects = said("effects", look=found, times=times)
    assert "“least” (× 0.00) and “most” (× 148)" in effects  # e to the power of -7 and of 5
    assert "In 3 of the 4 sentences" in chosen(found, NET)


def test_it_is_the_running_sentence_where_attention_helps_nowhere() -> None:
    for counted in (None, needing(1.0, 3.0, 4.0, 2.0)):
        found = Looking.of(NET, OWN, counted)
        assert found is not None
        assert (found.scene, found.bits, chosen(found, NET)) == (NET, None, "")


def test_a_sentence_in_which_it_looks_far_back_goes_first() -> None:
    far = looking_at(3.5, 0.5, "<s> x y z w", (0.1, 0.6, 0.1, 0.1, 0.1))
    found = Looking.of(NET, {**OWN, (0, 4): far}, needing(9.0, 4.0, 4.9, 9.0, 9.0))
    assert found is not None
    assert found.scene.found is far  # the second adds 1.0, but its word looks at itself
    assert found.far
    assert "3 or more places back" in chosen(found, NET)
    found = Looking.of(NET, {(0, 0): looking_at(3.0, 1.0, "<s> v w", (0.1, 0.8, 0.1))}, needing(9.0))
    assert found is not None
    assert "one place back" in said("odds", look=found, counting=NET, times=times)


def test_models_without_attention_look_at_nothing() -> None:
    without = scene(2.0, 3.0, 1e6)
    assert list(all_of([without, NET], [needing(9.0, 9.0, 9.0, 9.0), OWN], 0)) == [NET.model.name]
    assert Looking.of(without, OWN, None) is None


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({}, []),
        ({"qk_norm": None, "positions": "learned"}, []),
        ({"positions": "rotary"}, ["are turned"]),
        ({"qk_norm": True, "positions": "rotary"}, ["are brought", "are turned"]),
    ],
)
def test_what_is_done_to_queries_and_keys_first_is_told_by_the_hyper_parameters(
    given: dict[str, object], parts: list[str]
) -> None:
    model: Any = SimpleNamespace(cell=SimpleNamespace(info={"hyperparameters": given}))
    turned = Looking(replace(NET, model=model), None, 0, 0).turned
    assert [" ".join(part.split()[:2]) for part in turned] == parts
