"""The validity checks of a run: the checks of the conformance kit at sampled positions of the test text.

The work is bounded whatever the size of the text: some fifty distributions, and a few thousand tokens that are read
and scored again. So a run's checks cost about one percent of its time, and the same seed looks at the same positions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lmcompare.checks.agreement import scored_the_same, scores_agree, stream_is_the_same
from lmcompare.checks.asked import AGREEMENT, BEYOND, Asked, as_sentence_number, others, scores
from lmcompare.checks.causality import Future, alter, changed, nothing, past_unchanged
from lmcompare.checks.kit import Finding, Result
from lmcompare.checks.probability import row_sums
from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.model import FloatArray, LanguageModel, streamed
from lmcompare.tokens import Encoded, IntArray

READ_TOKENS = 6_000  # read to reach the sampled positions, besides the longest document
CUT_TOKENS = 3_000  # read again to reach the cuts, for each way to alter the future
CUTS = 6
HEAD = 600  # where documents are too long, cuts are among their first tokens, as many as this
SENTENCE_STARTS = 4
PATIENCE = 50  # positions tried for each position that is wanted


@dataclass(frozen=True)
class Sample:
    """The sampled positions of a text.

    Attributes
    ----------
    positions : array of int
        Where distributions are asked for, in ascending order.
    cuts : array of int
        The positions from which the future is altered; they are among ``positions``.
    kinds : dict
        How many positions were sampled for each reason.
    """

    positions: IntArray
    cuts: IntArray
    kinds: dict[str, int]


def sample(
    text: Encoded, log_probs: FloatArray, unigram_log_probs: FloatArray, count: int, generator: np.random.Generator
) -> Sample:
    """Choose about ``count`` positions of a text of N tokens.

    A third is uniform, a third follows the rarest contexts, and a third is where the model gains most over the
    unigram model. Added to these are a few beginnings of sentences, where some n-gram models are known to be wrong,
    and the first and the last position of the longest document. A recurrent model reads a document up to the
    position; positions that would make it read too much are left out.

    Parameters
    ----------
    text : Encoded
        The text.
    log_probs, unigram_log_probs : array, shape (N,)
        The score of each token under the model and under the unigram model, in nats.
    count : int
        The number of positions.
    generator : numpy.random.Generator
        Where random numbers come from.
    """
    longest = int(np.argmax(text.ends - text.starts))
    read = np.zeros(text.n_documents, np.int64)  # how far each document is read already
    read[longest] = text.ends[longest] - text.starts[longest]
    chosen = {int(text.starts[longest]), int(text.ends[longest]) - 1}
    third = -(-count // 3)
    tried = PATIENCE * third
    orders = {
        "uniform": generator.permutation(len(text))[:tried].copy(),
        "rarest contexts": _rarest(text, tried, generator),
        "greatest gains": _least(unigram_log_probs - log_probs, tried),
        "sentence starts": generator.permutation(text.sentence_starts())[: PATIENCE * SENTENCE_STARTS],
    }
    wanted = dict.fromkeys(orders, third) | {"sentence starts": SENTENCE_STARTS}
    kinds = {}
    for kind, order in orders.items():
        left, found = READ_TOKENS // len(orders), 0
        documents = text.document_of(order)
        for position, d, offset in zip(order, documents, order - text.starts[documents], strict=True):
            cost = max(0, int(offset) - int(read[d]))
            if cost > left or int(position) in chosen:
                continue
            chosen.add(int(position))
            left -= cost
            read[d] = max(read[d], offset)
            found += 1
            if found == wanted[kind]:
                break
        kinds[kind] = found
    positions = np.array(sorted(chosen), np.int64)
    cuts = _cuts(text, positions, generator)
    before = np.concatenate([cuts - 1, cuts - 3])
    inside = before >= np.tile(text.context_starts(cuts), 2)
    return Sample(np.unique(np.concatenate([positions, cuts, before[inside]])), cuts, kinds)


def _rarest(text: Encoded, number: int, generator: np.random.Generator) -> IntArray:
    """Return ``number`` positions after the rarest tokens, or all, those after the rarest first.

    The order is by the training count of the last token of the context, then of the token before it, then random.
    Beginnings of documents come last.
    """
    counts = text.vocabulary.counts[text.ids]
    often = np.iinfo(np.int64).max
    last = np.append(often, counts[:-1])
    last[text.starts[text.starts < len(text)]] = often
    random = generator.random(len(text))
    at = _not_above(last, number)
    before = np.where(at - text.context_starts(at) >= 2, counts[np.maximum(at - 2, 0)], often)
    return at[np.lexsort((random[at], before, last[at]))][:number]


def _least(values: FloatArray, number: int) -> IntArray:
    """Return where the ``number`` least values are, the least first, or all; equal ones in their order."""
    at = _not_above(values, number)
    return at[np.argsort(values[at], kind="stable")][:number]


def _not_above(values: FloatArray | IntArray, number: int) -> IntArray:
    """Return in rising order where the ``number`` least values are, and those equal to the greatest of them."""
    if number >= len(values):
        return np.arange(len(values))
    return np.flatnonzero(values <= np.partition(values, number - 1)[number - 1])


def _cuts(text: Encoded, positions: IntArray, generator: np.random.Generator) -> IntArray:
    """Return some of the positions that are cheap to reach, and near the beginnings of documents if too few are."""
    offsets = positions - text.context_starts(positions)
    left = CUT_TOKENS
    cuts: list[int] = []
    for k in generator.permutation(len(positions)):
        if len(cuts) < CUTS and offsets[k] <= min(left, CUT_TOKENS // 2):
            cuts.append(int(positions[k]))
            left -= int(offsets[k])
    for position in positions[generator.permutation(len(positions))]:
        if len(cuts) >= CUTS // 2:
            break
        d = int(text.document_of(np.array([position]))[0])
        length = min(int(text.ends[d] - text.starts[d]), HEAD)
        cuts.append(int(text.starts[d]) + int(generator.integers(length)))
    return np.unique(np.array(cuts, np.int64))


POSITIONS = 48  # whose distributions are looked at, and a few more
AGAIN_TOKENS = 1_500  # of whole documents that are scored again
STREAM_TOKENS, STREAM_POSITIONS = 300, 4  # tokens that are streamed; positions whose whole distributions are compared
SENTENCE_POSITIONS = 32  # of sentences that are documents of their own
STORED_TOKENS = 500  # of the validation and of the test text, scored by the stored model
FUTURE_TOKENS = 800  # of documents with another future that log_probs scores
TAIL = 64  # tokens after a cut where the future is changed
RANDOM_TOKENS, RANDOM_GAIN = 300, 30.0  # tokens drawn at random, and the nats by which a model may seem to know them
EXTENSION = 200  # tokens after a cut where the future is replaced by a longer one
ADAPTIVE_CUTS = 2  # for a model that learns from earlier documents: each costs the reading of all of them


@dataclass(frozen=True)
class Scored:
    """What a run has stored of a trained model.

    Attributes
    ----------
    text : Encoded
        The test text, N tokens.
    log_probs : array, shape (N,)
        The score of each token, in nats.
    unigram_log_probs : array, shape (N,)
        Each token's score under the unigram model, in nats.
    sentences : Encoded, optional
        The test text with every sentence a document of its own.
    sentence_log_probs : array, shape (N,), optional
        The score of each token of ``sentences``, in nats.
    valid : Encoded, optional
        The validation text.
    valid_log_probs : array, optional
        The score of each token of ``valid``, in nats.
    restore : callable, optional
        Returns the model that was stored.
    """

    text: Encoded
    log_probs: FloatArray
    unigram_log_probs: FloatArray
    sentences: Encoded | None = None
    sentence_log_probs: FloatArray | None = None
    valid: Encoded | None = None
    valid_log_probs: FloatArray | None = None
    restore: Callable[[], LanguageModel] | None = None


class SampledProbe:
    """A trained model asked at sampled positions of the test text.

    The documents of the sampled positions make a text of their own, the longest document last, so that the position
    after its end can be asked for. A model that learns from earlier documents is asked in the whole text instead.
    """

    def __init__(self, model: LanguageModel, scored: Scored, seed: int) -> None:
        self.model, self.scored, self.adaptive, self.seed = model, scored, model.traits.adaptive, seed
        self.generator = np.random.default_rng([seed, len(scored.text)])
        text = scored.text
        self.chosen: Sample = sample(text, scored.log_probs, scored.unigram_log_probs, POSITIONS, self.generator)
        documents = np.unique(text.document_of(self.chosen.positions))
        if self.adaptive:
            documents = np.arange(text.n_documents)
        else:
            documents = documents[np.argsort((text.ends - text.starts)[documents], kind="stable")]
        self._documents: IntArray = documents
        part, log_probs = _selected(text, scored.log_probs, documents)
        self._part = part
        at = np.append(self.here(self.chosen.positions), [] if self.adaptive else [len(part)]).astype(np.int64)
        self.asked = Asked(model, part, np.sort(at), log_probs)

    def here(self, positions: IntArray) -> IntArray:
        """Return positions of the whole text as positions of the asked one."""
        text, documents = self.scored.text, self.scored.text.document_of(positions)
        order = np.argsort(self._documents, kind="stable")
        index = order[np.searchsorted(self._documents, documents, sorter=order)]
        return self._part.starts[index] + positions - text.starts[documents]

    def part_of(self, text: Encoded, log_probs: FloatArray, tokens: int) -> Asked:
        """Return whole documents of at most ``tokens`` tokens, or the beginning of one, with the scores they had.

        For a model that learns from earlier documents it is the beginning of the text.
        """
        lengths = text.ends - text.starts
        order = np.arange(text.n_documents) if self.adaptive else self.generator.permutation(text.n_documents)
        order = order[lengths[order] > 0]
        if not self.adaptive and len(order) > 1:  # without the longest, on which a padded batch would depend
            order = order[order != np.argmax(lengths)]
        taken: list[int] = []
        left = tokens
        for d in order.tolist():
            if lengths[d] <= left:
                taken.append(d)
                left -= int(lengths[d])
            elif self.adaptive:
                break
        if taken:
            part, before = _selected(text, log_probs, taken)
            return Asked(self.model, part, [], before)
        d = int(order[0]) if self.adaptive else int(order[np.argmin(lengths[order])])
        start = int(text.starts[d])
        part = Encoded.from_documents([text.ids[start : start + tokens]], text.vocabulary)
        return Asked(self.model, part, [], log_probs[start : start + tokens])


Check = Callable[[SampledProbe], Finding | None]  # None: the model promises nothing of the kind


def run_sampled_checks(model: LanguageModel, scored: Scored, *, seed: int = 0) -> list[Result]:
    """Check a trained model at sampled positions of the test text.

    Parameters
    ----------
    model : LanguageModel
        The trained model.
    scored : Scored
        The test text and what the run stored of the model.
    seed : int
        The seed of the sample.

    Returns
    -------
    list of Result
        A result for each check; none for a text without tokens. ``figure`` is the largest deviation: of a sum of
        probabilities from one, else in nats; 1e6 is the figure for what is not finite. Whatever the model raises
        makes the check fail. A model that declares ``normalised=False`` is not asked for sums of one.
    """
    if not len(scored.text):
        return []
    probe = SampledProbe(model, scored, seed)
    results = [_result(name, check, probe) for name, check in CHECKS.items()]
    return [result for result in results if result is not None]


def _result(name: str, check: Check, probe: SampledProbe) -> Result | None:
    started = time.perf_counter()
    try:
        found = check(probe)
    except Exception as error:
        raised = "" if isinstance(error, LmcompareError) else "the model raised "
        found = Finding(False, raised + what_went_wrong(error))
    if found is None:
        return None
    figure = (0.0 if found.passed else BEYOND) if found.figure is None else found.figure
    tolerance = AGREEMENT if found.tolerance is None else found.tolerance
    return Result(found.passed, found.reason, figure, tolerance, name, seconds=time.perf_counter() - started)


def _sums(probe: SampledProbe) -> Finding | None:
    if not probe.model.traits.normalised:
        return None
    found = row_sums(probe.asked)
    number = probe.asked.text.n_documents
    kinds = ", ".join(f"{kind} {n}" for kind, n in probe.chosen.kinds.items())
    where = f" ({number} document{'s' * (number > 1)}: {kinds}; the end of the longest document)"
    return Finding(found.passed, found.reason + where * found.passed, found.figure, found.tolerance)


def _stream(probe: SampledProbe) -> Finding:
    """Test is scored by ``stream`` and the validation text by ``log_probs``: both must give the same."""
    part = probe.part_of(probe.scored.text, probe.scored.log_probs, STREAM_TOKENS)
    text = part.text
    at = np.unique(np.linspace(0, len(text) - 1, STREAM_POSITIONS).astype(np.int64))
    return stream_is_the_same(Asked(probe.model, text, at), [scores(probe.model, text), part.scores])


def _future(probe: SampledProbe) -> Finding:
    asked, text, generator = probe.asked, probe.asked.text, probe.generator
    cuts = probe.here(probe.chosen.cuts)
    documents = text.document_of(cuts)
    groups = [list(range(len(cuts)))]
    if probe.adaptive:  # each cut in its own document, after the documents before
        groups = [[k] for k in np.argsort(documents, kind="stable")[:ADAPTIVE_CUTS].tolist()]
    futures: list[Future] = []
    for how, tails in (
        ("changed", [changed(text, int(cut), TAIL, generator) for cut in cuts]),
        ("cut off", [nothing() for _ in cuts]),
        ("extended", [others(text, EXTENSION, generator) for _ in cuts]),
    ):
        for group in groups:
            earlier = list(text.documents())[: documents[group[0]]] if probe.adaptive else []
            chosen = [int(cuts[k]) for k in group], [tails[k] for k in group]
            futures.append(alter(asked, how, *chosen, earlier=earlier, compare="distributions"))
    if not probe.adaptive:
        lengths = cuts - text.context_starts(cuts)
        taken: list[int] = []
        for k in np.argsort(lengths, kind="stable").tolist():
            if not taken or lengths[[*taken, k]].sum() <= FUTURE_TOKENS:
                taken.append(k)
        tails = [others(text, TAIL, generator) for _ in taken]
        futures.append(alter(asked, "changed", [int(cuts[k]) for k in taken], tails, compare="scores"))
    return past_unchanged(asked, futures)


def _again(probe: SampledProbe) -> Finding:
    part = probe.part_of(probe.scored.text, probe.scored.log_probs, AGAIN_TOKENS)
    return scored_the_same(part, "scored again", ": the score does not depend on the document's past alone")


def _sentences(probe: SampledProbe) -> Finding | None:
    sentences, log_probs = probe.scored.sentences, probe.scored.sentence_log_probs
    if sentences is None or log_probs is None or probe.adaptive:
        return None
    at = np.sort(probe.generator.permutation(len(sentences))[:SENTENCE_POSITIONS])
    documents = sentences.document_of(at)
    kept = np.unique(documents)
    part, before = _selected(sentences, log_probs, kept)
    moved = part.starts[np.searchsorted(kept, documents)] + at - sentences.context_starts(at)
    return scores_agree(Asked(probe.model, part, moved, before))


def _stored(probe: SampledProbe) -> Finding | None:
    """Return whether the stored model is the trained one: it is not if the model learned while it was scored."""
    scored = probe.scored
    if scored.restore is None:
        return None
    model = scored.restore()
    findings = []
    for which, text, log_probs in (
        ("validation", scored.valid, scored.valid_log_probs),
        ("test", scored.text, scored.log_probs),
    ):
        if text is not None and log_probs is not None and len(text):
            part = probe.part_of(text, log_probs, STORED_TOKENS)
            asked = Asked(model, part.text, [], part.scores)
            findings.append(scored_the_same(asked, f"scored by the stored model ({which} text)"))
    return max(findings, key=lambda found: found.figure or 0.0)


def _random(probe: SampledProbe) -> Finding | None:
    """Return whether tokens drawn at random surprise the model: one that looks at what it scores is not surprised.

    Under any distributions that do not depend on the token itself, the expected product of V p over random tokens is
    one, so that a gain of 30 nats over equal probabilities has a probability below exp(-30) (Markov's inequality).
    """
    if not probe.model.traits.normalised:
        return None
    vocabulary = probe.scored.text.vocabulary
    ids = others(probe.scored.text, RANDOM_TOKENS, np.random.default_rng([probe.seed, RANDOM_TOKENS]))
    text = Encoded.from_documents([ids], vocabulary)
    given = {"log_probs": scores(probe.model, text), "stream": np.zeros(len(text))}
    for at, block in streamed(probe.model, text):
        given["stream"][at] = block[np.arange(len(at)), ids[at]]
    gains = {name: float(np.sum(nats + np.log(len(vocabulary)))) for name, nats in given.items()}
    name = max(gains, key=lambda which: gains[which])
    gain = max(gains[name], 0.0)
    how = (
        f"{len(text)} random tokens get {as_sentence_number(gain)} nats more by {name} than equal probabilities give"
    )
    if gain <= RANDOM_GAIN:
        return Finding(True, f"{how}; less than {RANDOM_GAIN:g} are allowed", gain, RANDOM_GAIN)
    return Finding(False, f"{how}: it knows what it is asked to predict", gain, RANDOM_GAIN)


def _selected(text: Encoded, log_probs: FloatArray, documents: IntArray | list[int]) -> tuple[Encoded, FloatArray]:
    """Return some documents as a text, and their tokens' scores."""
    parts = [log_probs[text.starts[d] : text.ends[d]] for d in documents]
    return text.select(documents), np.concatenate(parts)


CHECKS: dict[str, Check] = {
    "probabilities sum to one": _sums,
    "scores match the probabilities": lambda probe: scores_agree(probe.asked),
    "read in parts: same scores": _stream,
    "later words change no earlier score": _future,
    "scored again: same scores": _again,
    "single sentences: scores match": _sentences,
    "stored and loaded: same scores": _stored,
    "random words surprise the model": _random,
}
