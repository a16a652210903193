"""Truth checks: is the model that was just scored a causal, normalised probability model? Sampled in every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.checks.measure import (
    AGREEMENT,
    BEYOND,
    as_sentence_number,
    differences,
    largest,
    others,
    place,
    probability_sums,
    sum_tolerance,
)
from lmcompare.harness.truth_positions import Sample, sample
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.tokens import Encoded, IntArray

AGAIN_TOKENS = 1_500  # of whole documents to be scored again
FUTURE_TOKENS = 800  # of documents with another future to be scored by log_probs
STREAM_TOKENS = 300
TAIL = 64  # tokens that follow a cut where the future is changed
EXTENSION = 200  # where it is extended

NAMES = (
    "sums to one",
    "the scores agree with next_log_probs",
    "stream agrees with log_probs",
    "the future leaves the past alone",
    "scoring again gives the same",
)


def truth_checks(
    model: LanguageModel,
    text: Encoded,
    log_probs: FloatArray,
    *,
    unigram_log_probs: FloatArray,
    seed: int = 0,
    positions: int = 48,
) -> dict[str, Any]:
    """Check a trained model at sampled positions of the test text; return the JSON-able table of ``cell.json``.

    Parameters: ``log_probs``, (N,) nats, the scores: what the model gave each token of ``text`` in the run;
    ``unigram_log_probs``, (N,) nats of the unigram floor; ``seed`` and ``positions``, how many, of the sample.

    Returns {"passed": bool, "checks": [{"name", "passed", "figure", "tolerance", "detail"}]}. ``figure`` is the
    largest deviation found: of a sum of probabilities from one, else in nats; 1e6 stands for no finite number.
    ``detail`` says in a sentence where it was found or what was covered. The work is bounded: a few dozen
    distributions, some thousand tokens read and scored again, whatever the size of the text. Whatever the model
    raises makes the check fail.
    """
    checks: list[dict[str, Any]] = []
    if len(text):
        generator = np.random.default_rng([seed, len(text)])
        chosen = sample(text, log_probs, unigram_log_probs, positions, generator)
        view = _View(model, text, log_probs, chosen, generator)
        parts: tuple[Callable[[_View], _Found], ...] = (_sums, _agrees, _streams, _future, _again)
        checks = [_run(name, part, view) for name, part in zip(NAMES, parts, strict=True)]
    return {"passed": all(c["passed"] for c in checks), "checks": checks}


@dataclass(frozen=True)
class _Found:
    figure: float
    tolerance: float
    where: str  # of the largest deviation
    covered: str


class _View:
    """The documents that hold the sampled positions, as a text of their own, and the distributions there.

    The longest document stands last, so that the position behind its end can be asked for. A model that learns from
    the documents before is asked in the whole text instead.
    """

    def __init__(
        self,
        model: LanguageModel,
        text: Encoded,
        log_probs: FloatArray,
        chosen: Sample,
        generator: np.random.Generator,
    ) -> None:
        self.model, self.whole, self.generator = model, text, generator
        self.adaptive = model.traits.adaptive
        self.chosen = chosen
        documents = np.unique(text.document_of(chosen.positions))
        if self.adaptive:
            documents = np.arange(text.n_documents)
        else:
            lengths = (text.ends - text.starts)[documents]
            documents = documents[np.argsort(lengths, kind="stable")]
        self.documents: IntArray = documents
        self.text = text.select(documents)
        self.scores = np.concatenate([log_probs[text.starts[d] : text.ends[d]] for d in documents])
        self.all_scores = log_probs
        self.at = np.append(self.here(chosen.positions), [] if self.adaptive else [len(self.text)]).astype(np.int64)
        self.at.sort()
        self._rows: FloatArray | None = None

    @property
    def rows(self) -> FloatArray:
        """(B, V) nats at ``at``, asked for once."""
        if self._rows is None:
            self._rows = np.asarray(self.model.next_log_probs(self.text, self.at.copy()))
        return self._rows

    def here(self, positions: IntArray) -> IntArray:
        """The positions of the whole text as positions of this one."""
        documents = self.whole.document_of(positions)
        order = np.argsort(self.documents, kind="stable")
        index = order[np.searchsorted(self.documents, documents, sorter=order)]
        return self.text.starts[index] + positions - self.whole.starts[documents]

    def row_of(self, position: int) -> int:
        """Which row stands for a position of this text."""
        return int(np.searchsorted(self.at, position))


def _run(name: str, part: Callable[[_View], _Found], view: _View) -> dict[str, Any]:
    try:
        found = part(view)
    except Exception as error:
        said = " ".join(str(error).split())[:300] or "no message"
        found = _Found(BEYOND, AGREEMENT, f"the model raised {type(error).__name__}: {said}", "")
    passed = found.figure <= found.tolerance
    return {
        "name": name,
        "passed": passed,
        "figure": found.figure,
        "tolerance": found.tolerance,
        "detail": found.covered if passed else found.where,
    }


def _sums(view: _View) -> _Found:
    rows = view.rows
    V = len(view.text.vocabulary)
    if rows.shape != (len(view.at), V):
        return _Found(BEYOND, AGREEMENT, f"next_log_probs gave shape {rows.shape}, not {(len(view.at), V)}", "")
    sums = probability_sums(rows)
    gaps = np.minimum(np.nan_to_num(np.abs(sums - 1), nan=BEYOND, posinf=BEYOND), BEYOND)
    figure, row = largest(gaps)
    number = len(view.documents)
    kinds = ", ".join(f"{kind} {n}" for kind, n in view.chosen.kinds.items())
    return _Found(
        figure,
        sum_tolerance(rows),
        f"the probabilities sum to {sums[row]:.6g} {place(view.text, int(view.at[row]))}",
        f"at {len(rows)} positions of {number} document{'s' * (number > 1)} ({kinds}; the end of the longest "
        f"document) the sums are within {figure:.2g} of 1",
    )


def _agrees(view: _View) -> _Found:
    at = view.at[view.at < len(view.text)]
    targets = view.text.ids[at]
    chain = view.rows[np.arange(len(at)), targets]
    figure, row = largest(differences(view.scores[at], chain))
    return _Found(
        figure,
        AGREEMENT,
        f"the score of '{view.text.vocabulary[int(targets[row])]}' is {view.scores[at[row]]:.6g} nats and "
        f"next_log_probs gave {chain[row]:.6g} {place(view.text, int(at[row]))}",
        f"at {len(at)} positions the scores and next_log_probs are within {figure:.2g} nats",
    )


def _streams(view: _View) -> _Found:
    """Test is scored and ranked by ``stream``, valid by ``log_probs``: both must stand for the same distributions."""
    text, scores, what = _some(view, STREAM_TOKENS)
    again = np.asarray(view.model.log_probs(text))
    gaps, sums = np.full(len(text), BEYOND), np.ones(len(text))
    tolerance = AGREEMENT
    for at, block in view.model.stream(text):
        own = block[np.arange(len(at)), text.ids[at]]
        gaps[at] = np.maximum(differences(own, again[at]), differences(own, scores[at]))
        sums[at] = probability_sums(block)
        tolerance = max(tolerance, sum_tolerance(block))
    off = np.minimum(np.nan_to_num(np.abs(sums - 1), nan=BEYOND, posinf=BEYOND), BEYOND)
    figure, row = largest(np.maximum(gaps, off))
    if off[row] >= gaps[row]:
        where = f"stream's probabilities sum to {sums[row]:.6g} {place(text, row)}"
    else:
        where = f"stream and log_probs differ by {as_sentence_number(figure)} nats {place(text, row)}"
    return _Found(figure, tolerance, where, f"{what}: stream is within {figure:.2g} nats of log_probs")


def _future(view: _View) -> _Found:
    figure, where, compared = 0.0, "", 0
    cuts = view.here(view.chosen.cuts)
    documents = view.text.document_of(cuts)
    prefixes = [view.text.ids[view.text.starts[d] : cut] for d, cut in zip(documents, cuts, strict=True)]
    for how, tails in (
        ("changed", [_changed(view, int(cut)) for cut in cuts]),
        ("cut off", [np.zeros(0, np.int32)] * len(cuts)),
        ("extended", [others(view.text, EXTENSION, view.generator) for _ in cuts]),
    ):
        for group in _groups(view, documents):
            earlier = list(view.text.documents())[: documents[group[0]]] if view.adaptive else []
            altered = Encoded.from_documents(
                [*earlier, *(np.append(prefixes[k], tails[k]) for k in group)], view.text.vocabulary
            )
            at, original = _before(view, altered, len(earlier), [int(cuts[k]) for k in group])
            gaps = differences(view.model.next_log_probs(altered, at.copy()), view.rows[original])
            gap, row = largest(gaps)
            compared += len(at)
            if gap > figure:
                figure = gap
                where = place(view.text, int(view.at[original[row]]))
                where = (
                    f"the distribution {where} changes by {as_sentence_number(gap)} nats when what follows is {how}"
                )
    gap, told, scored = _future_of_scores(view, cuts, documents, prefixes)
    if gap > figure:
        figure, where = gap, told
    return _Found(
        figure,
        AGREEMENT,
        where,
        f"changed, cut off and extended behind {len(cuts)} positions, the future moves {compared} distributions and "
        f"{scored:,} scores before it by at most {figure:.2g} nats",
    )


def _groups(view: _View, documents: IntArray) -> list[list[int]]:
    """Which cuts go into one text: all, or for a model that learns from earlier documents each into its own."""
    if view.adaptive:
        return [[k] for k in np.argsort(documents, kind="stable")[:2].tolist()]
    return [list(range(len(documents)))]


def _changed(view: _View, cut: int) -> IntArray:
    """What follows a cut with its first token changed; a token where nothing follows."""
    d = int(view.text.document_of(np.array([cut]))[0])
    tail = view.text.ids[cut : min(cut + TAIL, int(view.text.ends[d]))].copy()
    if not len(tail):
        return others(view.text, 1, view.generator)
    V = len(view.text.vocabulary)
    tail[0] = (tail[0] + view.generator.integers(1, V)) % V
    return tail


def _before(view: _View, altered: Encoded, first: int, cuts: Sequence[int]) -> tuple[IntArray, IntArray]:
    """The positions at and before each cut in the altered text, and the rows that hold their first distributions.

    The document of cut k is document ``first`` + k of the altered text. What stands behind a document that was cut
    off can only be asked for at the end of the text.
    """
    at: list[int] = []
    rows: list[int] = []
    for k, cut in enumerate(cuts):
        d = int(view.text.document_of(np.array([cut]))[0])
        start = int(view.text.starts[d])
        known = view.at[(view.at >= start) & (view.at <= cut)]
        there = altered.starts[first + k] + known - start
        last = altered.ends[first + k]
        askable = (there < last) | (first + k == altered.n_documents - 1)
        at.extend(there[askable].tolist())
        rows.extend(view.row_of(int(p)) for p in known[askable])
    return np.array(at, np.int64), np.array(rows, np.int64)


def _future_of_scores(
    view: _View, cuts: IntArray, documents: IntArray, prefixes: Sequence[IntArray]
) -> tuple[float, str, int]:
    """The same by ``log_probs``, on the shortest of the altered documents: gap, where, how many scores."""
    if view.adaptive:
        return 0.0, "", 0
    taken: list[int] = []
    for k in sorted(range(len(cuts)), key=lambda k: len(prefixes[k])):
        if not taken or sum(len(prefixes[j]) for j in taken) + len(prefixes[k]) <= FUTURE_TOKENS:
            taken.append(k)
    tails = [others(view.text, TAIL, view.generator) for _ in taken]
    altered = Encoded.from_documents(
        [np.append(prefixes[k], tail) for k, tail in zip(taken, tails, strict=True)], view.text.vocabulary
    )
    scores = np.asarray(view.model.log_probs(altered))
    worst, where = 0.0, ""
    for k, start in zip(taken, altered.starts, strict=True):
        n, first = len(prefixes[k]), int(view.text.starts[documents[k]])
        gap, row = largest(differences(scores[start : start + n], view.scores[first : first + n]))
        if gap > worst:
            worst = gap
            where = (
                f"the score of the token {place(view.text, first + row)} changes by {as_sentence_number(gap)} nats"
            )
            where += " when what follows later is changed"
    return worst, where, sum(len(prefixes[k]) for k in taken)


def _again(view: _View) -> _Found:
    text, scores, what = _some(view, AGAIN_TOKENS)
    figure, row = largest(differences(np.asarray(view.model.log_probs(text)), scores))
    return _Found(
        figure,
        AGREEMENT,
        f"scored again, the token {place(text, row)} gets {as_sentence_number(figure)} nats more or less: its score "
        "does not depend on its document's past alone",
        f"{what} scored again: within {figure:.2g} nats",
    )


def _some(view: _View, tokens: int) -> tuple[Encoded, FloatArray, str]:
    """Whole documents of at most so many tokens, or the beginning of one, with the scores they had.

    For a model that learns from the documents before: the beginning of the text.
    """
    whole = view.whole
    lengths = whole.ends - whole.starts
    order = np.arange(whole.n_documents) if view.adaptive else view.generator.permutation(whole.n_documents)
    order = order[lengths[order] > 0]
    if not view.adaptive and len(order) > 1:  # without the longest, on which a padded batch would depend
        order = order[order != np.argmax(lengths)]
    taken: list[int] = []
    left = tokens
    for d in order.tolist():
        if lengths[d] <= left:
            taken.append(d)
            left -= int(lengths[d])
        elif view.adaptive:
            break
    if taken:
        part = whole.select(taken)
        scores = np.concatenate([view.all_scores[whole.starts[d] : whole.ends[d]] for d in taken])
        return part, scores, f"{len(part):,} tokens of {len(taken)} whole document{'s' * (len(taken) > 1)}"
    d = int(order[0]) if view.adaptive else int(order[np.argmin(lengths[order])])
    start = int(whole.starts[d])
    part = Encoded.from_documents([whole.ids[start : start + tokens]], whole.vocabulary)
    return part, view.all_scores[start : start + tokens], f"the first {len(part):,} tokens of a document"
