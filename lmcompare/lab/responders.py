"""Programs that answer by rules: those of NLTK after ELIZA, and one for statements.

J. Weizenbaum, *ELIZA: a computer program for the study of natural language communication between man and machine*,
Communications of the ACM 9 (1966). A rule is a pattern with some answers; the first rule that matches answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Rule = tuple[str, Sequence[str]]  # a regular expression, matched from the beginning, and answers with %1, %2 …

OURS = "script for statements"
STATEMENTS: tuple[Rule, ...] = (
    (r"(.*) (?:was|were) born (.*)", ("What do we know of the parents of %1?", "Who else was born %2?")),
    (r"(.*) (?:died|was killed)\b(.*)", ("What did people say of %1 afterwards?",)),
    (r"(.*) (?:said|says|told|announced|claimed)\b(.*)", ("Why should we believe %1?", "Did all agree with %1?")),
    (r"(.*) because (.*)", ("Is that the only reason why %1?", "Would it be so without this: %2?")),
    (r"(.*),? (?:but|however|although) (.*)", ("Which is more important: %1, or %2?",)),
    (r"(.*) (?:more|less|\w+er) than (.*)", ("By how much, compared with %2?", "Was it always more than %2?")),
    (r"(.*\b[12]\d\d\d\b.*)", ("What happened in the year after that?", "How do we know the year?")),
    (r"(.*\d.*)", ("Who counted that?", "Is the number exact?")),
    (r"There (?:is|are|was|were) (.*)", ("Since when has there been %1?",)),
    (r"(.*) (?:is|are) (?:a|an|the) (.*)", ("What else is a %2?", "Who says that %1 is a %2?")),
    (r"(.*) (?:was|were) (?:a|an|the) (.*)", ("When did %1 stop being a %2?",)),
    (r"(.*) (?:will|would|could|may|might) (.*)", ("How sure is it that %1 will %2?",)),
    (r"(.*) (?:has|have|had) (.*)", ("How did %1 get that?",)),
    (r"(?:In|At|On|From|During|After|Before) (.*)", ("And at other times and places?",)),
    (r"(.*)", ("Tell me more.", "What follows from that?")),
)
SWAPPED = {"i": "you", "my": "your", "me": "you", "you": "I", "your": "my", "we": "you", "our": "your", "us": "you"}


@dataclass(frozen=True)
class Answer:
    """What a responder says.

    Parameters
    ----------
    rule : int
        The number of the rule, from 0.
    pattern : str
        Its pattern.
    text : str
        The answer.
    """

    rule: int
    pattern: str
    text: str


@dataclass(frozen=True)
class Responder:
    """A program of rules.

    Parameters
    ----------
    name : str
    saying : str
        What it is.
    rules : sequence of Rule
        The last one matches everything.
    swapped : mapping
        The words that are exchanged in what an answer repeats, such as "my" for "your".
    """

    name: str
    saying: str
    rules: Sequence[Rule]
    swapped: Mapping[str, str]

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(pattern, re.IGNORECASE) for pattern, _ in self.rules]

    def matching(self, sentence: str) -> int:
        """Return the number of the first rule that matches a sentence of one line."""
        return next(k for k, pattern in enumerate(self._patterns) if pattern.match(sentence))

    def answer(self, sentence: str, seed: int) -> Answer:
        """Return the answer to a sentence of one line; the seed draws one of the answers of the rule."""
        k = self.matching(sentence)
        pattern, answers = self.rules[k]
        drawn = answers[int(np.random.default_rng([seed, k]).integers(len(answers)))]
        match = self._patterns[k].match(sentence)
        assert match is not None
        text = re.sub(r"%(\d)", lambda found: self._turned(match[int(found[1])] or ""), drawn)
        return Answer(k, pattern, re.sub(r"\?[?.]$", lambda found: found[0][1], text))

    def _turned(self, words: str) -> str:
        """Return words that an answer repeats: in small letters, and with "my" for "your"."""
        longest_first = sorted(self.swapped, key=len, reverse=True)
        swapped = re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})\b")
        return swapped.sub(lambda found: self.swapped[found[0]], words.lower())


def responders() -> list[Responder]:
    """Return NLTK's responders, ELIZA first, and the one for statements."""
    from nltk.chat import eliza, iesha, rude, suntsu, zen

    return [
        Responder("ELIZA", "A psychotherapist.", eliza.pairs, eliza.reflections),
        Responder("Iesha", "A teenager who likes anime.", iesha.pairs, iesha.reflections),
        Responder("Rude", "One who is tired of you.", rude.pairs, rude.reflections),
        Responder("Sun Tzu", "Sayings on war, chosen by the first letter alone.", suntsu.pairs, suntsu.reflections),
        Responder("Zen", "Sayings of Zen; every sentence with an “i” has a rule.", zen.responses, zen.reflections),
        Responder(OURS, "Questions on what a text states, written for this experiment.", STATEMENTS, SWAPPED),
    ]
