"""The conformance kit of tokenizers: one small promise of the contract per check."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import regex

from lmcompare.checks.kit import Check, Finding, Result, check, checks_in, run_all
from lmcompare.checks.probe import global_randomness
from lmcompare.corpora.series import line_of, text_of
from lmcompare.errors import PluginError
from lmcompare.runfolder.states import load_state, save_state
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, IntArray, Tokenizer, Vocabulary, fit_tokenizer, make_tokenizer
from lmcompare.tokens.cutting import checked_cut
from lmcompare.tokens.tokenizer import TOKENIZERS, checked_class
from lmcompare.tokens.values import ValueTokenizer

TRAINING = (
    "The cat sat on the mat. The dog sat on the cat!\nThen the cat, “Tom”, ran; it's gone.\n",
    "In 1990 about 1,000.5 cats lived here: 3 of them well-fed.\n\nCafé au lait costs 2 €.\n",
    "我们的猫。今天 is a day. The the the cat cat\tsat  \r\n",
)
TEXTS = (
    *TRAINING,
    "The zebra doesn't lurk “here”.",
    " leading and trailing blanks \t",
    "two\n\nparagraphs\r\nand a\u2028line separator\u00a0.",
    "👩\u200d👩\u200d👧 🇩🇪 👍🏽 e\u0301te\u0301 \u0301 한국어 ที่ดี",
    "\x00\x1c\ufeff\ufffd\u200b\U0010ffff\ue000",
    "a literal <unk> and </s>, <0x41> and ‹x›",
    "x" * 3000,
    " ",
    "\n",
)
"""What the checks cut: words of the training texts and others, white space of all kinds, marks, emoji, controls."""

Subject = Tokenizer | type[Tokenizer] | str


class TokenizerProbe:
    """Makes and fits the tokenizers that the checks look at.

    Parameters
    ----------
    subject : str, class or Tokenizer
        As in ``run_tokenizer_checks``.
    options : mapping, optional
        Its options.
    """

    training: Sequence[str] = TRAINING
    texts: Sequence[str] = TEXTS

    def __init__(self, subject: Subject, options: Mapping[str, Any] | None = None) -> None:
        self.table = {**_table(subject), **(options or {})}  # as an experiment's [tokens]
        self.cls = TOKENIZERS.resolve(str(self.table["kind"]))
        self.source: Path | None = None
        self.known_failures: Mapping[str, str] = {}

    def make(self) -> Tokenizer:
        """Return a tokenizer that has learnt nothing."""
        return make_tokenizer(self.table)

    @cached_property
    def fitted(self) -> Tokenizer:
        """A tokenizer that has learnt from the training texts."""
        tokenizer = self.make()
        fit_tokenizer(tokenizer, list(self.training))
        return tokenizer

    def cuts(self) -> Iterator[tuple[str, list[str], IntArray]]:
        """Yield each text with its tokens and (n, 2) offsets. Raises ``PluginError`` if they are not such."""
        for text in self.texts:
            try:
                tokens, offsets = checked_cut(self.fitted, text)
            except PluginError as error:
                raise PluginError(f"{error} ({_shown(text)})") from error
            yield text, tokens, offsets

    def behaviour(self, tokenizer: Tokenizer) -> str:
        """Return all that a tokenizer does with the texts, to be compared."""
        cuts = []
        for text in self.texts:
            tokens, offsets = tokenizer.tokenize(text)
            cuts.append([list(tokens), np.asarray(offsets).tolist(), self.rest(tokenizer, text, tokens)])
        return json.dumps([cuts, list(tokenizer.always_tokens)])

    def rest(self, tokenizer: Tokenizer, text: str, tokens: Sequence[str]) -> list[Any]:
        """Return what a tokenizer knows of a text besides its tokens: their bytes."""
        return [tokenizer.token_bytes(token).hex() for token in tokens]


def _unless(passed: bool, reason: str) -> Finding:
    return Finding(passed, "" if passed else reason)


@check("options-are-stored")
def options_are_stored(probe: TokenizerProbe) -> Finding:
    """Each option is stored under its own name, unchanged, and is a JSON value."""
    tokenizer = probe.make()
    for name in tokenizer.option_names():
        if name in probe.table and (stored := tokenizer.spec[name]) != probe.table[name]:
            return Finding(False, f"the option {name} was {probe.table[name]!r} and is stored as {stored!r}")
    again = make_tokenizer(json.loads(json.dumps(tokenizer.spec)))
    return _unless(again.spec == tokenizer.spec, "a tokenizer made from its options, as JSON, has other options")


@check("empty-text")
def empty_text(probe: TokenizerProbe) -> Finding:
    """A text without characters has no tokens."""
    checked_cut(probe.fitted, "")
    tokens, offsets = probe.fitted.tokenize("")
    shape = np.asarray(offsets).shape
    wrong = f"it has {len(tokens)} tokens and offsets of shape {shape}: return [] and an array of shape (0, 2)"
    return _unless(len(tokens) == 0 and shape == (0, 2), wrong)


@check("every-byte-once")
def every_byte_once(probe: TokenizerProbe) -> Finding:
    """Tokens are strings that UTF-8 can store, and every byte of a text is in exactly one of them; if ``covers`` is
    "words", white space need not be in one.
    """
    for text, _, offsets in probe.cuts():
        data, reached = text.encode(), 0
        for start, end in [*offsets.tolist(), [len(data), len(data)]]:
            if start < reached or end < start or end > len(data):
                return Finding(False, f"{_shown(text)} has a token at bytes {start} to {end}, after byte {reached}")
            left = data[reached:start].decode(errors="replace")
            if left and (probe.cls.covers != "words" or not regex.fullmatch(r"\s+", left)):
                return Finding(False, f"{_shown(text)}: the bytes {reached} to {start} ({left!r}) are in no token")
            reached = end
    return Finding(True)


@check("tokens-spell-the-text")
def tokens_spell_the_text(probe: TokenizerProbe) -> Finding:
    """``token_bytes`` gives the bytes of the text from which the token was cut."""
    for text, tokens, offsets in probe.cuts():
        data = text.encode()
        for token, (start, end) in zip(tokens, offsets.tolist(), strict=True):
            spelled = probe.fitted.token_bytes(token)
            if spelled != data[start:end]:
                return Finding(
                    False, f"{_shown(text)}: the token {token!r} spells {spelled!r}, the text has {data[start:end]!r}"
                )
    return Finding(True)


@check("detokenize-gives-text")
def detokenize_gives_text(probe: TokenizerProbe) -> Finding:
    """``detokenize`` returns a string for any tokens, ``</s>`` and ``<unk>`` included, and the text itself if the
    tokens cover white space.
    """
    for text, tokens, _ in probe.cuts():
        back = probe.fitted.detokenize(tokens)
        if not isinstance(back, str):
            return Finding(False, f"it gives {type(back).__name__} for the tokens of {_shown(text)}: return a string")
        if probe.cls.covers != "words" and back != text:
            return Finding(False, f"the tokens of {_shown(text)} become {_shown(back)}")
        marked = probe.fitted.detokenize([END_TOKEN, *tokens, UNKNOWN_TOKEN, END_TOKEN])
        if not isinstance(marked, str):
            return Finding(False, f"with </s> and <unk> it gives {type(marked).__name__}: return a string")
    return Finding(True)


@check("same-when-cut-again")
def same_when_cut_again(probe: TokenizerProbe) -> Finding:
    """The tokens of a text depend on the text alone: not on the texts cut before, nor on a random state."""
    first = [(tokens, offsets.tolist()) for _, tokens, offsets in probe.cuts()]
    for index in reversed(range(len(TEXTS))):
        with global_randomness(index):
            tokens, offsets = probe.fitted.tokenize(TEXTS[index])
        if (list(tokens), np.asarray(offsets).tolist()) != first[index]:
            return Finding(False, f"{_shown(TEXTS[index])} is cut differently the second time")
    return Finding(True)


@check("fit-returns-itself")
def fit_returns_itself(probe: TokenizerProbe) -> Finding:
    """``fit`` returns the tokenizer and leaves the texts and the options as they were."""
    tokenizer, texts = probe.make(), list(TRAINING)
    spec = json.dumps(tokenizer.spec)
    if tokenizer.fit(texts) is not tokenizer:
        return Finding(False, "fit must return the tokenizer itself: end it with 'return self'")
    if texts != list(TRAINING):
        return Finding(False, "fit changes the list of texts: copy it first")
    return _unless(
        json.dumps(tokenizer.spec) == spec, "fit changes an option: store what it learns under other names"
    )


@check("same-when-fitted-again")
def same_when_fitted_again(probe: TokenizerProbe) -> Finding:
    """The same texts teach the same: in a new tokenizer, in the same one, and whatever the random state."""
    wanted = probe.behaviour(probe.fitted)
    for seed in (1, 2):
        tokenizer = probe.make()
        with global_randomness(seed):
            tokenizer.fit(list(TRAINING))
        if probe.behaviour(tokenizer) != wanted:
            return Finding(False, "a second tokenizer, fitted on the same texts, cuts differently: use a fixed seed")
    tokenizer.fit(list(TRAINING))
    return _unless(
        probe.behaviour(tokenizer) == wanted, "fitted a second time, it cuts differently: fit must begin anew"
    )


@check("state-can-be-stored")
def state_can_be_stored(probe: TokenizerProbe) -> Finding:
    """A new tokenizer that restores the stored ``state`` cuts the same tokens and knows the same vocabulary."""
    with tempfile.TemporaryDirectory() as folder:
        save_state(probe.fitted.state(), Path(folder))
        state = load_state(Path(folder))
    return _unless(
        probe.behaviour(make_tokenizer(probe.table, state)) == probe.behaviour(probe.fitted),
        "restored from its state, it cuts differently: state must return all that fit has learnt, and restore must"
        " take it over",
    )


@check("vocabulary-is-fixed")
def vocabulary_is_fixed(probe: TokenizerProbe) -> Finding:
    """``always_tokens`` are different strings other than ``<unk>`` and ``</s>``; with ``fixed_vocabulary`` there are
    no other tokens.
    """
    always = probe.fitted.always_tokens
    if not all(isinstance(token, str) and token for token in always) or len(set(always)) < len(always):
        return Finding(False, "always_tokens contains a string twice, or something that is not a string")
    if taken := {UNKNOWN_TOKEN, END_TOKEN} & set(always):
        return Finding(
            False, f"always_tokens contains {sorted(taken)[0]}, which every vocabulary has: name it otherwise"
        )
    if probe.fitted.types is not None:
        Vocabulary(probe.fitted.types)  # refuses types that are no vocabulary
    if not probe.cls.fixed_vocabulary:
        return Finding(True)
    for text, tokens, _ in probe.cuts():
        if strange := [token for token in tokens if token not in set(always)]:
            return Finding(False, f"{_shown(text)} has the token {strange[0]!r}, which is not in always_tokens")
    return _unless(len(always) > 0, "fixed_vocabulary is set, but always_tokens is empty")


TOKENIZER_CHECKS: tuple[Check[TokenizerProbe], ...] = checks_in(sys.modules[__name__])

_STEPS = np.arange(120.0)
_NOISE = np.random.default_rng(0).standard_normal(120)
SERIES_TRAINING = (text_of(10 + 3 * np.sin(_STEPS / 4) + _NOISE), text_of(-500 + 0.5 * _STEPS + 20 * _NOISE))
SERIES = (
    *SERIES_TRAINING,
    text_of([9.0, 11.5, 8.25, 10.0, 12.0, -40.0, 1e6], 4),
    text_of([1.0, float("nan"), 3.0, 4.0, float("nan"), 5.0], 3),
    text_of([0.0, 0.0, 0.0, 0.0], 2),
)
"""What the checks cut: series with a level and with a trend, far values, missing ones, and a constant."""
FUTURES = (0.0, -1e9, 3.5, 1e9, float("nan"))
MOST_OFF = 1e-9  # by which a density may miss one, and a value its bin


class ValueProbe(TokenizerProbe):
    """Makes and fits the tokenizers of values that the checks look at."""

    training, texts = SERIES_TRAINING, SERIES

    def rest(self, tokenizer: Tokenizer, text: str, tokens: Sequence[str]) -> list[Any]:
        """Return the densities of the values."""
        assert isinstance(tokenizer, ValueTokenizer)
        found: list[Any] = tokenizer.steps(text).spread.tolist()
        return found

    @property
    def values(self) -> ValueTokenizer:
        """The tokenizer, fitted to the training series."""
        assert isinstance(self.fitted, ValueTokenizer)
        return self.fitted


@check("a-token-for-each-value")
def a_token_for_each_value(probe: ValueProbe) -> Finding:
    """Every value has one token, at its place in the text, and every token is in ``always_tokens``."""
    always = set(probe.values.always_tokens)
    for text in SERIES:
        tokens, offsets = probe.values.tokenize(text)
        line = line_of(text)
        if len(tokens) != len(line.values) or not np.array_equal(offsets, line.spans):
            return Finding(False, f"{text[:40]!r} has {len(line.values)} values, and {len(tokens)} tokens")
        if strange := [token for token in tokens if token not in always]:
            return Finding(False, f"{text[:40]!r} has the token {strange[0]!r}, which is not in always_tokens")
    return Finding(True)


@check("the-future-changes-no-token")
def the_future_changes_no_token(probe: ValueProbe) -> Finding:
    """Tokens stay the same whatever values come later: scales and bins are those of the training and the past."""
    for text in SERIES:
        line = line_of(text)
        for cut in range(line.given or len(line.values), len(line.values)):
            wanted = probe.values.tokenize(text)[0][:cut]
            for value in FUTURES:
                changed = [*line.values[:cut].tolist(), *[value] * (len(line.values) - cut)]
                if probe.values.tokenize(text_of(changed, line.given))[0][:cut] != wanted:
                    return Finding(False, f"a token before step {cut + 1} of {text[:40]!r} depends on a later value")
    return Finding(True)


@check("a-value-is-in-its-bin")
def a_value_is_in_its_bin(probe: ValueProbe) -> Finding:
    """Values that are drawn out of a bin fall into it again, and the density within a bin integrates to one."""
    bins = probe.values.learnt
    generator = np.random.default_rng(0)
    for at in range(len(bins)):
        drawn = bins.draw(np.full(200, at), generator)
        inside = drawn if at in (0, len(bins) - 1) else drawn[drawn < bins.edges[at]]
        if (bins.place(inside) != at).any():
            return Finding(False, f"a value that was drawn from bin {at + 1} falls into another bin")
        if at in (0, len(bins) - 1):
            continue
        width = bins.edges[at] - bins.edges[at - 1]
        if abs(float(np.exp(-bins.spread(drawn[:1]))[0]) * width - 1) > MOST_OFF:
            return Finding(False, f"the density within bin {at + 1} does not integrate to one")
    return Finding(True)


VALUE_CHECKS: tuple[Check[Any], ...] = (
    *(options_are_stored, a_token_for_each_value, the_future_changes_no_token, a_value_is_in_its_bin),
    state_can_be_stored,
)


def run_tokenizer_checks(
    subject: Subject,
    options: Mapping[str, Any] | None = None,
    on_result: Callable[[Result], object] = lambda _: None,
) -> list[Result]:
    """Run the conformance kit over one tokenizer.

    Parameters
    ----------
    subject : str, class or Tokenizer
        The name of an installed tokenizer, ``"module:Class"`` or ``"./file.py:Class"``; a class; or a tokenizer,
        whose options are used.
    options : mapping, optional
        Its options.
    on_result : callable
        Called with each result as it comes.

    Returns
    -------
    list of Result
        One per check, in the order of ``TOKENIZER_CHECKS``, or of ``VALUE_CHECKS`` for a tokenizer of values.

    Raises
    ------
    LmcompareError
        If there is no such tokenizer, or if it refuses its options.
    """
    checks, probe_of = kit_of(TokenizerProbe(subject, options).cls)
    probe = probe_of(subject, options)
    probe.make()
    return run_all(checks, probe, on_result)


def kit_of(cls: type[Tokenizer]) -> tuple[Sequence[Check[Any]], type[TokenizerProbe]]:
    """Return the checks of a tokenizer, which are others for values than for text, and the probe that they take."""
    return (VALUE_CHECKS, ValueProbe) if issubclass(cls, ValueTokenizer) else (TOKENIZER_CHECKS, TokenizerProbe)


def _table(subject: Subject) -> dict[str, Any]:
    if isinstance(subject, str):
        return {"kind": subject}
    if isinstance(subject, Tokenizer):
        return subject.spec
    cls = checked_class(subject, subject.__name__)
    return {"kind": f"{cls.__module__}:{cls.__qualname__}"}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
