"""The rules answer as NLTK's own programs do, and one knows which of them matched."""

from __future__ import annotations

import re
from unittest.mock import patch

import numpy as np
import pytest
from nltk.chat.util import Chat

from lmcompare.lab.responders import OURS, STATEMENTS, SWAPPED, Responder, responders

SENTENCES = (
    "I need my old dog .",
    "What do you think of me ?",
    "I am sorry that your mother is here",
    "He was born in Vienna in 1890 .",
    "Yes",
    "The company said profits fell because costs rose .",
    "you are my friend , aren't you ?",
    "Iceland is larger than Malta .",
    "Zebras",
    "",
)


@pytest.mark.parametrize("responder", responders(), ids=lambda each: each.name)
def test_answers_are_those_of_nltk(responder: Responder) -> None:
    chat = Chat(responder.rules, responder.swapped)
    for sentence in SENTENCES:
        found = responder.answer(sentence, 0)
        answers = responder.rules[found.rule][1]
        possible = set()
        for k in range(len(answers)):
            with patch("random.choice", lambda those, k=k: those[k]):
                possible.add(chat.respond(sentence))
        assert found.text in possible, sentence
        assert found.pattern == responder.rules[found.rule][0]
        assert re.match(found.pattern, sentence, re.IGNORECASE)
        assert not any(re.match(p, sentence, re.IGNORECASE) for p, _ in responder.rules[: found.rule])


def test_each_has_a_rule_for_everything_at_the_end() -> None:
    for responder in responders():
        assert responder.rules[-1][0] == "(.*)"


def test_the_seed_draws_the_answer() -> None:
    eliza = responders()[0]
    drawn = [eliza.answer("Nothing in particular", seed).text for seed in range(20)]
    assert drawn == [eliza.answer("Nothing in particular", seed).text for seed in range(20)]
    assert len(set(drawn)) > 2
    state = np.random.get_state(legacy=False)["state"]["key"].tolist()
    eliza.answer("Nothing", 3)
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == state


@pytest.mark.parametrize(
    ("sentence", "rule", "answer"),
    [
        (
            "My aunt was born in Rome",
            0,
            {"What do we know of the parents of your aunt?", "Who else was born in rome?"},
        ),
        ("There is a house", 8, {"Since when has there been a house?"}),
        ("It costs 30 % of that", 7, {"Who counted that?", "Is the number exact?"}),
        ("Gold is dearer than silver", 5, None),
        ("Nothing", len(STATEMENTS) - 1, {"Tell me more.", "What follows from that?"}),
    ],
)
def test_the_script_for_statements(sentence: str, rule: int, answer: set[str] | None) -> None:
    ours = responders()[-1]
    assert ours.name == OURS
    assert ours.swapped == SWAPPED
    found = ours.answer(sentence, 0)
    assert found.rule == rule
    assert answer is None or found.text in answer
