"""The conformance kit of tokenizers of values: one small promise per check."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from lmcompare.checks.kit import Check, Finding, check, checks_in
from lmcompare.checks.tokenizers import TokenizerProbe, kept_options
from lmcompare.corpora.series.values import line_of, text_of
from lmcompare.runfolder.states import load_state, save_state
from lmcompare.tokens import make_tokenizer
from lmcompare.tokens.values import ValueTokenizer

_STEPS = np.arange(120.0)
_NOISE = np.random.default_rng(0).standard_normal(120)
TRAINING = (text_of(10 + 3 * np.sin(_STEPS / 4) + _NOISE), text_of(-500 + 0.5 * _STEPS + 20 * _NOISE))
TEXTS = (
    *TRAINING,
    text_of([9.0, 11.5, 8.25, 10.0, 12.0, -40.0, 1e6], 4),
    text_of([1.0, float("nan"), 3.0, 4.0, float("nan"), 5.0], 3),
    text_of([0.0, 0.0, 0.0, 0.0], 2),
)
"""What the checks cut: series with a level and with a trend, far values, missing ones, and a constant."""
FUTURES = (0.0, -1e9, 3.5, 1e9, float("nan"))
MOST_OFF = 1e-9  # by which a density may miss one, and a value its bin


class ValueProbe(TokenizerProbe):
    """Makes and fits the tokenizers of values that the checks look at."""

    training = TRAINING

    @property
    def values(self) -> ValueTokenizer:
        """The tokenizer, fitted to the training series."""
        assert isinstance(self.fitted, ValueTokenizer)
        return self.fitted


@check("value-options-are-stored")
def value_options_are_stored(probe: ValueProbe) -> Finding:
    """Each option is stored under its own name, unchanged, and is a JSON value."""
    return kept_options(probe)


@check("a-token-for-each-value")
def a_token_for_each_value(probe: ValueProbe) -> Finding:
    """Every value has one token, at its place in the text, and every token is in ``always_tokens``."""
    always = set(probe.values.always_tokens)
    for text in TEXTS:
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
    for text in TEXTS:
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


@check("learnt-bins-can-be-stored")
def learnt_bins_can_be_stored(probe: ValueProbe) -> Finding:
    """A new tokenizer that restores the stored ``state`` gives the same tokens and the same densities."""
    with tempfile.TemporaryDirectory() as folder:
        save_state(probe.values.state(), Path(folder))
        again = make_tokenizer(probe.table, load_state(Path(folder)))
    assert isinstance(again, ValueTokenizer)
    same = _behaviour(again) == _behaviour(probe.values)
    return Finding(same, "" if same else "restored from its state, it cuts differently")


VALUE_CHECKS: tuple[Check[ValueProbe], ...] = checks_in(sys.modules[__name__])


def _behaviour(tokenizer: ValueTokenizer) -> str:
    """Return all that a tokenizer does with the series, to be compared."""
    cuts = [[tokenizer.tokenize(text)[0], tokenizer.steps(text).spread.tolist()] for text in TEXTS]
    return json.dumps([cuts, list(tokenizer.always_tokens)])
