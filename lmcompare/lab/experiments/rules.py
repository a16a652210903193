"""Programs that answer by rules, beside models that continue: which rule matched. They are not ranked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Bars
from lmcompare.lab import Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench, Sample, drawn
from lmcompare.lab.contrasts import Contrast, contrasts
from lmcompare.lab.experiments.ideas import BASE
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.measure.sampling import Sampling, continued
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import as_text

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

    def answer(self, sentence: str, seed: int) -> tuple[int, str]:
        """Return the number of the rule that matches a sentence of one line, from 0, and the answer.

        The seed draws one of the answers of the rule.
        """
        k = self.matching(sentence)
        _, answers = self.rules[k]
        drawn = answers[int(np.random.default_rng([seed, k]).integers(len(answers)))]
        match = self._patterns[k].match(sentence)
        assert match is not None
        text = re.sub(r"%(\d)", lambda found: self._turned(match[int(found[1])] or ""), drawn)
        return k, re.sub(r"\?[?.]$", lambda found: found[0][1], text)

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


ELIZA = "ELIZA"
TALKING = (ELIZA, OURS)  # programs whose answers and rules are shown
MODELS = {"5-gram": FAMILIES["5-gram"], "transformer": BASE}
WORDS, CHARACTERS = range(4, 26), 300  # limits of a sentence that is answered
LEAST = 10  # the least number of such sentences
SHOWN, RULES, CONTINUED = 4, 10, 20  # sentences, rules, and tokens of a continuation
FEW, TWICE = 0.1, 2.0  # of the prediction


class Rules(LabExperiment):
    """ELIZA and its kin answer sentences of the test text, beside the models' continuations."""

    title = "Rules that answer"
    question = "How much of a text do the rules of a program like ELIZA cover?"
    prediction = (
        "On a text that is no conversation, ELIZA has a rule for less than 10 % of the sentences, apart from the rule"
        " that matches everything. The script that was written for statements has one for at least twice as many."
    )
    measuring = 0.1
    conditions = tuple(MODELS.values())

    def measure(self, bench: Bench) -> Findings:
        """Count the sentences of the test text for which a rule matches, and let all answer some of them."""
        texts, sample = _asked(bench)
        those = responders()
        matched = {each.name: np.array([each.matching(text) for text in texts]) for each in those}
        special = {each.name: matched[each.name] < len(each.rules) - 1 for each in those}
        shares = {name: sample.amounts([found.astype(np.float64)]) for name, found in special.items()}
        covered = contrasts(None, shares, sample.counts)
        rows = {each.name: _covered(covered[each.name], each) for each in those}
        table = Figures(
            title="Sentences for which a rule matches",
            rows=tuple(rows.values()),
            unit="share of the sentences",
            note=(
                f"{len(texts):,} sentences of the test text, of {WORDS[0]} to {WORDS[-1]} words. The last rule"
                " of each program matches everything and is left out. This is no ranking: a rule that matches need"
                " not give a good answer, and a program of rules gives no word a probability."
            ),
            differences=False,
            row_name="Program",
        )
        # half of the sentences that are shown match a rule of ELIZA, if there are enough
        with_rule = drawn(np.flatnonzero(special[ELIZA]), SHOWN // 2)
        others = drawn(np.flatnonzero(~special[ELIZA]), SHOWN - len(with_rule))
        shown = [*with_rule.tolist(), *others.tolist()]
        talk = [_talk(bench, texts[k], k, [e for e in those if e.name in TALKING], matched) for k in shown]
        return Findings(
            verdict=_verdict(rows),
            claims=_claims(rows),
            tables=(table, *talk),
            exhibits=tuple(_most_frequent(each, matched[each.name]) for each in those if each.name in TALKING),
            remarks=("How models and programs of rules answer is shown and not judged.",),
        )


def _asked(bench: Bench) -> tuple[list[str], Sample]:
    """Return the sentences of the test text that are neither too short nor too long, and where they begin."""
    corpus = bench.corpus
    starts, ids = corpus.sentence_starts("test").tolist(), corpus.test.ids
    found: dict[int, str] = {}
    for first, after in zip(starts, [*starts[1:], len(ids)], strict=True):
        last = after - (after > first and ids[after - 1] == corpus.vocabulary.end)
        text = " ".join(as_text(corpus.tokenizer, corpus.test_strings[first:last].tolist()).split())
        if len(text.split()) in WORDS and len(text) <= CHARACTERS:
            found[first] = text
    if len(found) < LEAST:
        raise LmcompareError(
            f"too few sentences of the test text have {WORDS[0]} to {WORDS[-1]} words separated by blanks: give a"
            " longer text, in a language that separates words so"
        )
    return list(found.values()), bench.whole.chosen(np.array(list(found)))


def _covered(found: Contrast, each: Responder) -> Row:
    """Return the share of the sentences for which a program has a rule; without an interval if all are alike."""
    row = Row(each.name, f"{each.saying} {len(each.rules)} rules.", found.amount)
    if found.amount in (0.0, 1.0) or found.low is None or found.high is None:
        return row
    return replace(row, low=max(0.0, found.low), high=min(1.0, found.high))


def _talk(
    bench: Bench, sentence: str, number: int, those: Sequence[Responder], matched: Mapping[str, Array]
) -> Figures:
    """Return what programs answer to a sentence and how models continue it."""
    rows = []
    for each in those:
        rule, answer = each.answer(sentence, number)
        last = rule == len(each.rules) - 1
        pattern = "the last one, which matches everything" if last else each.rules[rule][0]
        share = float(np.mean(matched[each.name] == rule))
        rows.append(Row(each.name, f"“{answer}” by rule {rule + 1}: {pattern}", share))
    for name, condition in MODELS.items():
        found = continued(bench.model(condition), bench.corpus, sentence, CONTINUED, Sampling(seed=number))
        rows.append(Row(name, f"“… {' '.join(''.join(found).split())}”"))
    return Figures(
        title=f"What follows “{sentence}”",
        rows=tuple(rows),
        unit="share of the sentences with this rule",
        note=(
            f"The programs answer the sentence; the models, which know no dialogue, continue it by {CONTINUED}"
            " tokens, drawn from their probabilities."
        ),
        differences=False,
        row_name="Program or model",
    )


def _most_frequent(each: Responder, matched: Array) -> Bars:
    counts = np.bincount(matched, minlength=len(each.rules))
    top = [int(k) for k in np.argsort(-counts, kind="stable")[:RULES] if counts[k]]
    return Bars(
        title=f"The rules that matched most: {each.name}",
        note="The first rule that matches answers. A rule is a pattern: (.*) is any words, and | is “or”.",
        labels=tuple(f"{k + 1}: {each.rules[k][0]}" for k in top),
        values=tuple(float(100 * counts[k] / len(matched)) for k in top),
        unit="% of the sentences",
    )


def _verdict(rows: Mapping[str, Row]) -> str:
    eliza = (
        f"ELIZA has a rule for {_share(rows[ELIZA])} of the sentences; all others get an answer that fits everything."
        if rows[ELIZA].amount
        else "ELIZA has no rule for any of the sentences, and gives all of them an answer that fits everything."
    )
    best = max((row for name, row in rows.items() if name not in TALKING), key=lambda row: row.amount)
    return (
        f"{eliza} The script that was written for statements has one for {_share(rows[OURS])}. A rule that matches"
        f" need not give a good answer: those of {best.name} match {numbers.percent(best.amount)} of the sentences."
    )


def _share(row: Row) -> str:
    within = "" if row.low is None else f" ({numbers.percent(row.low)} to {numbers.percent(row.high)})"
    return f"{numbers.percent(row.amount)}{within}"


def _claims(rows: Mapping[str, Row]) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    return {
        f"ELIZA has a rule for less than {FEW:.0%} of the sentences.": rows[ELIZA].amount < FEW,
        "The script for statements has one for at least twice as many.": rows[OURS].amount
        >= TWICE * rows[ELIZA].amount,
    }
