"""Attention is shown in the sentence in which it helps most among those where the model beats the counts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from lmcompare.report.sections.story_looking import Looking, all_of
from tests.report.scenes import scene


def guess(bits: float, added: float | None, word: str = "end") -> dict[str, Any]:
    adds = [{"token": "most", "logit": 5.0}, {"token": "least", "logit": -7.0}]
    if added is not None:
        adds.append({"token": word, "logit": added})
    attention = {"words": ["<s>", "w"], "weights": [0.25, 0.75], "heads": 8, "head": "layer 1, head 2", "adds": adds}
    return {"bits": bits, "tokens": ["a", "w", word], "attention": attention}


def table(*bits: float) -> dict[tuple[int, int], dict[str, Any]]:
    return {(0, k): {"bits": each} for k, each in enumerate(bits)}


OWN = {(0, 0): guess(1.0, 0.2), (0, 1): guess(3.0, 1.0), (0, 2): guess(4.0, 2.0), (0, 3): guess(2.0, -1.0)}
NET = replace(scene(1.5, 3.0, 1e6), found=OWN[0, 0])


def test_it_is_the_sentence_in_which_attention_adds_most_where_the_model_beats_the_counts() -> None:
    found = Looking.of(NET, OWN, table(9.0, 4.0, 4.9, 9.0))
    assert found is not None
    assert found.scene.found is OWN[0, 1]  # the third gains less than a bit; the first gains more, but adds less
    assert (found.bits, found.raised, found.sentences) == (4.0, 3, 4)
    said = found.said(scene(2.0, 3.0, 1e6)).replace("\u00a0", " ")
    assert "needs 3.0 bits for “end”, the net needs 4.0." in said
    # e and e to the 5
    assert "This head multiplies the odds of “end” by 2.7. It multiplies those of “most” most, by 148." in said
    assert "“least” (× 0.00) and “most” (× 148)" in found.effects  # e to the power of -7 and of 5
    assert "In 3 of the 4 sentences that were drawn" in found.chosen(NET).replace("\u00a0", " ")


def test_it_is_the_running_sentence_where_attention_helps_nowhere() -> None:
    for counted in (None, table(1.0, 3.0, 4.0, 2.0)):
        found = Looking.of(NET, OWN, counted)
        assert found is not None
        assert found.scene is NET
        assert found.bits is None
        assert found.chosen(NET) == ""


def test_a_sentence_in_which_it_looks_far_back_goes_first() -> None:
    far = guess(3.5, 0.5)
    far["attention"] |= {"words": ["<s>", "x", "y", "z", "w"], "weights": [0.1, 0.6, 0.1, 0.1, 0.1]}
    found = Looking.of(NET, {**OWN, (0, 4): far}, table(9.0, 4.0, 4.9, 9.0, 9.0))
    assert found is not None
    assert found.scene.found is far  # the second adds 1.0, but its word looks at itself
    assert found.far
    assert "3 or more places back" in found.chosen(NET)
    near = guess(3.0, 1.0)
    near["attention"] |= {"words": ["<s>", "v", "w"], "weights": [0.1, 0.8, 0.1]}
    found = Looking.of(NET, {(0, 0): near}, table(9.0))
    assert found is not None
    assert "one place back" in found.said(NET)


def test_models_without_attention_look_at_nothing() -> None:
    plain = scene(2.0, 3.0, 1e6)
    found = all_of([plain, NET], [table(9.0, 9.0, 9.0, 9.0), OWN], 0)
    assert list(found) == [NET.model.name]
    assert Looking.of(plain, OWN, None) is None


def test_what_is_done_to_queries_and_keys_first_is_told_by_the_hyper_parameters() -> None:
    for given, said in (
        ({}, ""),
        ({"qk_norm": None, "positions": "learned"}, ""),
        ({"positions": "rotary"}, "First, q and k are turned by an angle that grows with the position."),
        (
            {"qk_norm": True, "positions": "rotary"},
            "First, q and k are brought to one length and are turned by an angle that grows with the position.",
        ),
    ):
        model = SimpleNamespace(cell=SimpleNamespace(info={"hyperparameters": given}))
        assert Looking(replace(NET, model=model), None, 0, 0).turned == said  # type: ignore[arg-type]
