"""Truth checks: is the model that was just scored a causal, normalised probability model? Sampled in every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.checks.measure import (
    AGREEMENT,
    BEYOND,
    as_sentence_number,
    differences,
    largest,
    place,
    probability_sums,
    sum_tolerance,
)
from lmcompare.harness.truth_future import future
from lmcompare.harness.truth_positions import sample
from lmcompare.harness.truth_view import Found, View, some
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.tokens import Encoded

AGAIN_TOKENS = 1_500  # of whole documents to be scored again
STREAM_TOKENS = 300

NAMES = (
    "sums to one",
    "the scores agree with next_log_probs",
    "stream agrees with log_probs",
    "the future leaves the past alone",
    "scoring again gives the same",
)
STORED_NAMES = ("the reset scores agree with next_log_probs", "the stored model scores the same")
RESET_POSITIONS = 32
STORED_TOKENS = 500  # of test and of valid


@dataclass(frozen=True)
class Stored:
    """What a run holds besides the scores of test. ``sentences``: test with every sentence a document of its own, and
    ``reset``, (N,) nats of it;
    ``valid``, ``valid_log_probs``: the split for choices with its scores; ``restore`` gives the stored model back.
    """

    sentences: Encoded
    reset: FloatArray
    valid: Encoded
    valid_log_probs: FloatArray
    restore: Callable[[], LanguageModel]


def truth_checks(
    model: LanguageModel,
    text: Encoded,
    log_probs: FloatArray,
    *,
    unigram_log_probs: FloatArray,
    seed: int = 0,
    positions: int = 48,
    stored: Stored | None = None,
) -> dict[str, Any]:
    """Check a trained model at sampled positions of the test text; return the JSON-able table of ``cell.json``.

    Parameters: ``log_probs``, (N,) nats, the scores: what the model gave each token of ``text`` in the run;
    ``unigram_log_probs``, (N,) nats of the unigram floor; ``seed`` and ``positions``, how many, of the sample;
    ``stored``: what else there is to hold against the model.

    Returns {"passed": bool, "checks": [{"name", "passed", "figure", "tolerance", "detail"}]}. ``figure`` is the
    largest deviation found: of a sum of probabilities from one, else in nats; 1e6 stands for no finite number.
    ``detail`` says in a sentence where it was found or what was covered. The work is bounded: a few dozen
    distributions, some thousand tokens read and scored again, whatever the size of the text. Whatever the model
    raises makes the check fail. A model that declares ``normalised=False`` is not held to what it never promised:
    "sums to one" is left out, and no other check adds up its figures; it is not ranked for what it declares. An
    adaptive model has no reset scores to be checked.
    """
    checks: list[dict[str, Any]] = []
    if len(text):
        generator = np.random.default_rng([seed, len(text)])
        chosen = sample(text, log_probs, unigram_log_probs, positions, generator)
        view = View(model, text, log_probs, chosen, generator)
        parts: tuple[Callable[[View], Found], ...] = (_sums, _agrees, _streams, future, _again)
        promised = 0 if model.traits.normalised else 1
        checks = [_run(name, part, view) for name, part in list(zip(NAMES, parts, strict=True))[promised:]]
        if stored is not None:
            more = (lambda view: _reset(view, stored), lambda view: _restored(view, stored))
            has_reset = 1 if model.traits.adaptive else 0
            checks += [
                _run(name, part, view) for name, part in list(zip(STORED_NAMES, more, strict=True))[has_reset:]
            ]
    return {"passed": all(c["passed"] for c in checks), "checks": checks}


def _run(name: str, part: Callable[[View], Found], view: View) -> dict[str, Any]:
    try:
        found = part(view)
    except Exception as error:
        said = " ".join(str(error).split())[:300] or "no message"
        found = Found(BEYOND, AGREEMENT, f"the model raised {type(error).__name__}: {said}", "")
    passed = found.figure <= found.tolerance
    return {
        "name": name,
        "passed": passed,
        "figure": found.figure,
        "tolerance": found.tolerance,
        "detail": found.covered if passed else found.where,
    }


def _sums(view: View) -> Found:
    rows = view.rows
    V = len(view.text.vocabulary)
    if rows.shape != (len(view.at), V):
        return Found(BEYOND, AGREEMENT, f"next_log_probs gave shape {rows.shape}, not {(len(view.at), V)}", "")
    sums = probability_sums(rows)
    gaps = np.minimum(np.nan_to_num(np.abs(sums - 1), nan=BEYOND, posinf=BEYOND), BEYOND)
    figure, row = largest(gaps)
    number = len(view.documents)
    kinds = ", ".join(f"{kind} {n}" for kind, n in view.chosen.kinds.items())
    return Found(
        figure,
        sum_tolerance(rows),
        f"the probabilities sum to {sums[row]:.6g} {place(view.text, int(view.at[row]))}",
        f"at {len(rows)} positions of {number} document{'s' * (number > 1)} ({kinds}; the end of the longest "
        f"document) the sums are within {figure:.2g} of 1",
    )


def _agrees(view: View) -> Found:
    at = view.at[view.at < len(view.text)]
    targets = view.text.ids[at]
    chain = view.rows[np.arange(len(at)), targets]
    figure, row = largest(differences(view.scores[at], chain))
    return Found(
        figure,
        AGREEMENT,
        f"the score of '{view.text.vocabulary[int(targets[row])]}' is {view.scores[at[row]]:.6g} nats and "
        f"next_log_probs gave {chain[row]:.6g} {place(view.text, int(at[row]))}",
        f"at {len(at)} positions the scores and next_log_probs are within {figure:.2g} nats",
    )


def _streams(view: View) -> Found:
    """Test is scored and ranked by ``stream``, valid by ``log_probs``: both must stand for the same distributions."""
    text, scores, what = some(view, view.whole, view.all_scores, STREAM_TOKENS)
    again = np.asarray(view.model.log_probs(text))
    gaps, sums = np.full(len(text), BEYOND), np.ones(len(text))
    tolerance = AGREEMENT
    for at, block in view.model.stream(text):
        own = block[np.arange(len(at)), text.ids[at]]
        gaps[at] = np.maximum(differences(own, again[at]), differences(own, scores[at]))
        if view.model.traits.normalised:
            sums[at] = probability_sums(block)
        tolerance = max(tolerance, sum_tolerance(block))
    off = np.minimum(np.nan_to_num(np.abs(sums - 1), nan=BEYOND, posinf=BEYOND), BEYOND)
    figure, row = largest(np.maximum(gaps, off))
    if off[row] >= gaps[row]:
        where = f"stream's probabilities sum to {sums[row]:.6g} {place(text, row)}"
    else:
        where = f"stream and log_probs differ by {as_sentence_number(figure)} nats {place(text, row)}"
    return Found(figure, tolerance, where, f"{what}: stream is within {figure:.2g} nats of log_probs")


def _again(view: View) -> Found:
    text, scores, what = some(view, view.whole, view.all_scores, AGAIN_TOKENS)
    figure, row = largest(differences(np.asarray(view.model.log_probs(text)), scores))
    return Found(
        figure,
        AGREEMENT,
        f"scored again, the token {place(text, row)} gets {as_sentence_number(figure)} nats more or less: its score "
        "does not depend on its document's past alone",
        f"{what} scored again: within {figure:.2g} nats",
    )


def _reset(view: View, stored: Stored) -> Found:
    sentences = stored.sentences
    at = np.sort(view.generator.permutation(len(sentences))[:RESET_POSITIONS])
    before = stored.reset[at]
    documents = np.unique(sentences.document_of(at))
    offsets = at - sentences.context_starts(at)
    part = sentences.select(documents)
    at = part.starts[np.searchsorted(documents, sentences.document_of(at))] + offsets
    sentences = part
    rows = view.model.next_log_probs(sentences, at.copy())
    figure, row = largest(differences(rows[np.arange(len(at)), sentences.ids[at]], before))
    return Found(
        figure,
        AGREEMENT,
        f"with every sentence on its own the score {place(sentences, int(at[row]))} is {before[row]:.6g} nats, "
        f"{as_sentence_number(figure)} off what next_log_probs gives",
        f"at {len(at)} positions the reset scores and next_log_probs are within {figure:.2g} nats",
    )


def _restored(view: View, stored: Stored) -> Found:
    """A model that went on learning while it was scored is not the one that is stored."""
    model, worst = stored.restore(), Found(0.0, AGREEMENT, "", "")
    for which, whole, scores in (
        ("valid", stored.valid, stored.valid_log_probs),
        ("test", view.whole, view.all_scores),
    ):
        text, before, what = some(view, whole, scores, STORED_TOKENS)
        figure, row = largest(differences(np.asarray(model.log_probs(text)), before))
        said = f"the stored model gives the token of {which} {place(text, row)} {as_sentence_number(figure)} nats "
        covered = f"{what} of {which}, and as many of valid, scored by the stored model: within {figure:.2g} nats"
        if figure >= worst.figure:
            worst = Found(figure, AGREEMENT, said + "more or less than the trained one gave", covered)
    return worst
