"""The conformance kit of tokenizers: one small promise of the contract per check."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import regex

from lmcompare.checks.kit import Check, Finding, Result, check, checks_in, run_one
from lmcompare.checks.probe import global_randomness
from lmcompare.errors import PluginError
from lmcompare.runfolder.states import load_state, save_state
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, IntArray, Tokenizer, Vocabulary, fit_tokenizer, make_tokenizer
from lmcompare.tokens.cutting import checked_cut
from lmcompare.tokens.registered import TOKENIZERS, checked_class
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
        for text in TEXTS:
            try:
                tokens, offsets = checked_cut(self.fitted, text)
            except PluginError as error:
                raise PluginError(f"{error} ({_shown(text)})") from error
            yield text, tokens, offsets


def _unless(passed: bool, reason: str) -> Finding:
    return Finding(passed, "" if passed else reason)


@check("options-are-stored")
def options_are_stored(probe: TokenizerProbe) -> Finding:
    """Each option is stored under its own name, unchanged, and is a JSON value."""
    return kept_options(probe)


def kept_options(probe: TokenizerProbe) -> Finding:
    """Return whether a tokenizer keeps its options."""
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


@check("tokens-are-strings")
def tokens_are_strings(probe: TokenizerProbe) -> Finding:
    """Tokens are strings that are not empty and that UTF-8 can store; offsets are an (n, 2) array of whole numbers
    within the text.
    """
    return Finding(all(True for _ in probe.cuts()))


@check("every-byte-once")
def every_byte_once(probe: TokenizerProbe) -> Finding:
    """Every byte is in exactly one token; if ``covers`` is "words", white space need not be in one."""
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
    wanted = _behaviour(probe.fitted)
    for seed in (1, 2):
        tokenizer = probe.make()
        with global_randomness(seed):
            tokenizer.fit(list(TRAINING))
        if _behaviour(tokenizer) != wanted:
            return Finding(False, "a second tokenizer, fitted on the same texts, cuts differently: use a fixed seed")
    tokenizer.fit(list(TRAINING))
    return _unless(_behaviour(tokenizer) == wanted, "fitted a second time, it cuts differently: fit must begin anew")


@check("state-can-be-stored")
def state_can_be_stored(probe: TokenizerProbe) -> Finding:
    """A new tokenizer that restores the stored ``state`` cuts the same tokens and knows the same vocabulary."""
    with tempfile.TemporaryDirectory() as folder:
        save_state(probe.fitted.state(), Path(folder))
        state = load_state(Path(folder))
    return _unless(
        _behaviour(make_tokenizer(probe.table, state)) == _behaviour(probe.fitted),
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
    probe = TokenizerProbe(subject, options)
    probe.make()
    results = []
    for ask in _questions(probe, subject, options):
        results.append(ask())
        on_result(results[-1])
    return results


def _questions(
    probe: TokenizerProbe, subject: Subject, options: Mapping[str, Any] | None
) -> Iterator[Callable[[], Result]]:
    """Yield what asks each check: of a tokenizer of values, those that are about values."""
    checks, probe_of = kit_of(probe.cls)
    own = probe_of(subject, options)
    yield from (partial(run_one, each, own) for each in checks)


def kit_of(cls: type[Tokenizer]) -> tuple[Sequence[Check[Any]], type[TokenizerProbe]]:
    """Return the checks of a tokenizer, which are others for values than for text, and the probe that they take."""
    if not issubclass(cls, ValueTokenizer):
        return TOKENIZER_CHECKS, TokenizerProbe
    from lmcompare.checks.value_tokenizers import VALUE_CHECKS, ValueProbe  # which imports this module

    return VALUE_CHECKS, ValueProbe


def _table(subject: Subject) -> dict[str, Any]:
    if isinstance(subject, str):
        return {"kind": subject}
    if isinstance(subject, Tokenizer):
        return subject.spec
    cls = checked_class(subject, subject.__name__)
    return {"kind": f"{cls.__module__}:{cls.__qualname__}"}


def _behaviour(tokenizer: Tokenizer) -> str:
    """Return all that a tokenizer does with the texts, to be compared."""
    cuts = []
    for text in TEXTS:
        tokens, offsets = tokenizer.tokenize(text)
        cuts.append([list(tokens), np.asarray(offsets).tolist(), [tokenizer.token_bytes(t).hex() for t in tokens]])
    return json.dumps([cuts, list(tokenizer.always_tokens)])


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
