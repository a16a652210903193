"""The verdict of ideas is made from the numbers: what was found is said first."""

from __future__ import annotations

from lmcompare.lab.contract import Row
from lmcompare.lab.ideas import IDEAS, MASK, _claims, _verdict
from tests.lab.laboratory import missed

PRETENCE = Row(MASK, figure=0.3)


def rows(**bits: float) -> dict[str, Row]:
    """As predicted, except for what is given; 0 is an effect that was not found."""
    predicted = {idea.name: 0.05 for idea in IDEAS if idea.name != MASK}
    predicted |= {"Trained word vectors": 0.2, "Word order": 0.1, "Positions": 0.01, "Several heads": 0.005}
    given = predicted | {name.replace("_", " "): value for name, value in bits.items()}
    return {name: Row(name, value=value, p_holm=0.001 if value else 0.5) for name, value in given.items()}


def test_what_was_predicted_holds() -> None:
    assert missed(_claims(rows(), PRETENCE)) == []
    assert missed(_claims(rows(), Row(MASK, figure=0.6))) == [5]
    assert missed(_claims(rows(Positions=0.03), PRETENCE)) == [3]
    assert missed(_claims(rows(Positions=0.0), PRETENCE)) == [0]
    assert missed(_claims(rows(Word_order=0.3), PRETENCE)) == [1, 2]
    assert missed(_claims(rows(Attention_at_all=-0.01), PRETENCE)) == [0]


def test_what_was_found_is_said_first() -> None:
    said = _verdict(list(rows(Positions=0.0, Several_heads=-0.01).values()))
    assert said.endswith("the effect of positions.")
    assert said.startswith("8 of 10 ideas help on this text, most of all trained word vectors.")
    assert "saved by trained word vectors (0.200), word order (0.100)" in said
    assert said.index("word order (0.100)") < said.index("attention at all (0.050)")
    assert "better without several heads (0.010)." in said


def test_without_any_effect_nothing_else_is_said() -> None:
    nothing = rows(**dict.fromkeys((idea.name.replace(" ", "_") for idea in IDEAS if idea.name != MASK), 0.0))
    assert _verdict(list(nothing.values())).count(". ") == 0
