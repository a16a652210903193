"""What experiments read off words and sentences: phrases that ended, letters in vectors, and rules that answer."""

from __future__ import annotations

import re
from unittest.mock import patch

import numpy as np
import pytest
from nltk import Tree
from nltk.chat.util import Chat

from lmcompare.lab.experiments.grammar import ended_before, phrases_ended
from lmcompare.lab.experiments.letters import _right, asked_letters, letter_counts, probed, probed_words
from lmcompare.lab.experiments.rules import OURS, STATEMENTS, SWAPPED, Responder, responders
from lmcompare.models.pcfg.grammar import matched
from lmcompare.runfolder.run import Run
from lmcompare.tokens import Encoded, Vocabulary

MAT = "(S (NP (D the) (N cat)) (VP (V sat) (PP (P on) (NP (D the) (N mat)))) (. .))"
WORDS = ["".join(np.random.default_rng(k).choice(list("abcdefghij"), 6)) for k in range(300)]
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


def test_the_longest_phrase_that_ended_before_each_word() -> None:
    assert ended_before(Tree.fromstring(MAT)) == [0, 0, 2, 0, 0, 0, 4]
    assert ended_before(Tree.fromstring("(S (NP (N cats)) (VP (V run)))")) == [0, 1]
    assert ended_before(Tree.fromstring("(S (X (N a)))")) == [0]


def test_words_of_sentences_without_a_tree_have_none() -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "cat", "sat", "on", "mat", ".", "dog"])
    sentences = ("the cat sat on the mat .", "the dog sat .")
    ids = [np.append(vocabulary.ids(each.split()), vocabulary.end) for each in sentences]
    text = Encoded.from_documents(ids, vocabulary)
    found = phrases_ended(text, matched([Tree.fromstring(MAT)], text))
    assert found.tolist() == [0, 0, 2, 0, 0, 0, 4, -1, *[-1] * 5]


def test_letters_are_counted() -> None:
    counts = letter_counts(["berry", "cherry"], ["r", "e", "z"])
    assert counts.tolist() == [[2, 1, 0], [2, 1, 0]]


def test_as_many_letters_are_asked_for_that_are_not_there() -> None:
    counts = letter_counts(WORDS, list("abcdefghijklmnopqrst"))
    asked = asked_letters(counts)
    assert (asked & (counts > 0)).sum(axis=1).tolist() == (counts > 0).sum(axis=1).tolist()
    assert (asked & (counts == 0)).sum(axis=1).tolist() == (counts > 0).sum(axis=1).tolist()
    assert asked_letters(counts).tolist() == asked.tolist()


def test_a_probe_finds_letters_that_are_in_the_vectors_and_no_others() -> None:
    letters = list("abcdefghij")
    counts = letter_counts(WORDS, letters)
    asked = asked_letters(counts)
    random = np.random.default_rng(0)
    telling = counts @ random.normal(size=(10, 40)) + 0.01 * random.normal(size=(300, 40))
    silent = random.normal(size=(300, 40))
    chance = np.tile(counts[:150].mean(axis=0), (150, 1))
    shares = [
        _right(guessed, counts[150:], asked[150:]).sum() / asked[150:].sum()
        for guessed in (
            probed(telling[:150], counts[:150], telling[150:]),
            probed(silent[:150], counts[:150], silent[150:]),
            chance,
        )
    ]
    assert shares[0] > 0.99
    assert abs(shares[1] - shares[2]) < 0.08


def test_the_words_are_of_the_training_text(run: Run) -> None:
    corpus = run.tokens[run.scored[0].tokens_fingerprint]
    words, letters = probed_words(corpus)
    assert words
    assert set(words) <= set(corpus.vocabulary.tokens)
    assert all(word.isalpha() and len(word) >= 4 for word in words)
    assert len(letters) == len(set(letters))


@pytest.mark.parametrize("responder", responders(), ids=lambda each: each.name)
def test_answers_are_those_of_nltk(responder: Responder) -> None:
    chat = Chat(responder.rules, responder.swapped)
    assert responder.rules[-1][0] == "(.*)"
    for sentence in SENTENCES:
        rule, found = responder.answer(sentence, 0)
        answers = responder.rules[rule][1]
        possible = set()
        for k in range(len(answers)):
            with patch("random.choice", lambda those, k=k: those[k]):
                possible.add(chat.respond(sentence))
        assert found in possible, sentence
        assert re.match(responder.rules[rule][0], sentence, re.IGNORECASE)
        assert not any(re.match(p, sentence, re.IGNORECASE) for p, _ in responder.rules[:rule])


def test_the_seed_draws_the_answer() -> None:
    eliza = responders()[0]
    drawn = [eliza.answer("Nothing in particular", seed)[1] for seed in range(20)]
    assert drawn == [eliza.answer("Nothing in particular", seed)[1] for seed in range(20)]
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
    found, text = ours.answer(sentence, 0)
    assert found == rule
    assert answer is None or text in answer
