"""Intervals and p-values by a paired, studentised bootstrap of ratios, the units that are resampled, and seeds.

The units are documents if there are enough of them, else blocks of their text. If much of the test text occurs in
earlier text, models are compared on the rest: a model that has memorised its training text would win by a text that
it has read. Models still read the repeated text as context. A token that is partly in it counts as repeated.

The figure is a ratio of sums over U units (documents): Σ bits / Σ bytes. A resample draws U units with replacement,
the same ones for every model. Plain percentile and BCa intervals cover too little for ratios over few units of
unequal length; the symmetric studentised interval keeps its level from ten units on (figures in docs/metrics.md).

Sources: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 12 (bootstrap-t); Hall (1988),
"On symmetric bootstrap confidence intervals", JRSS B 50 (symmetric); Cochran (1977), "Sampling Techniques", eq. 6.13
(standard error of a ratio); Holm (1979), Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lmcompare.analysis.blocks import blocks
from lmcompare.runfolder.files import Array, RunFolderError
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import Run, kept

RESAMPLES = 10_000
LEVEL = 0.95
LEAST_UNITS = 5  # with fewer, one resample in twenty may consist of a single unit
FARTHEST = 1_000  # standard errors: an interval that reaches further says that resamples without one unit hardly vary
CHUNK = 2**20  # counts in memory at a time


@dataclass(frozen=True)
class Bootstrap:
    """K ratios with their standard errors, and the (R, K) studentised deviations of R resamples.

    ``units`` (K,) is the number of units of each ratio, those with a denominator above zero.
    """

    estimate: Array
    error: Array
    deviations: Array
    units: Array

    def interval(self, level: float = LEVEL, least_units: int = LEAST_UNITS) -> tuple[Array, Array]:
        """(K,) lower and upper ends, symmetric about the estimate.

        NaN where there are too few units, or where nearly all of the variation is in one of them.
        """
        reach = np.quantile(np.abs(self.deviations), level, axis=0, method="higher")
        with np.errstate(invalid="ignore"):
            half = reach * self.error
        half = np.where(self.error <= _tiny(self.estimate), 0.0, half)
        half = np.where((self.units >= least_units) & (half <= FARTHEST * self.error), half, np.nan)
        return self.estimate - half, self.estimate + half

    def p_values(self) -> Array:
        """(K,) two-sided p-values of "the ratio is zero": the share of resamples that deviate as much.

        1 if there are too few units.
        """
        tiny = _tiny(self.estimate)
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = np.abs(self.estimate) / self.error
        observed = np.where(self.error > tiny, observed, np.where(np.abs(self.estimate) > 1e-12, np.inf, 0.0))
        as_far = np.where(np.isinf(observed), 0, (np.abs(self.deviations) >= observed).sum(axis=0))
        p = (1 + as_far) / (1 + len(self.deviations))
        return np.where((self.units >= LEAST_UNITS) & np.isfinite(self.estimate), p, 1.0)

    def with_trainings(self, error: Array, freedom: int, seed: int = 0) -> Bootstrap:
        """Return the same ratios with the variation between trainings added to that between texts.

        The two are independent, so a deviation is the sum of a resample's and one over seeds, which follows Student's
        t for means of normal figures. All ratios share the draws, as they share the resamples, so that equal ratios
        have equal intervals.

        Parameters
        ----------
        error : array of shape (K,)
            The standard error over seeds, 0 where no variation is known.
        freedom : int
            Its degrees of freedom.
        """
        drawn = np.random.default_rng(seed).standard_t(max(freedom, 1), (len(self.deviations), 1))
        whole = np.hypot(self.error, error)
        with np.errstate(divide="ignore", invalid="ignore"):
            both = (np.where(self.error > 0, self.deviations * self.error, 0.0) + drawn * error) / whole
        varies = error > _tiny(self.estimate)
        return replace(
            self, error=np.where(varies, whole, self.error), deviations=np.where(varies, both, self.deviations)
        )


def over_trainings(variances: Array, seeds: Array) -> tuple[Array, int]:
    """Return (M,) the squared standard errors of M models' means over seeds, and their common degrees of freedom.

    Few seeds estimate a variance poorly, so variances above zero are pooled, as in an analysis of variance; a model
    that varies more keeps its own.

    Parameters
    ----------
    variances : array of shape (M,)
        Over the S seeds of each model, with divisor S − 1; 0 if S is 1.
    seeds : array of shape (M,)
        S of each model.
    """
    varying = (variances > 0) & (seeds > 1)
    freedom = int((seeds - 1)[varying].sum())
    if not freedom:
        return np.zeros(len(variances)), 0
    pooled = float(((seeds - 1) * variances)[varying].sum() / freedom)
    return np.where(varying, np.maximum(variances, pooled) / seeds, 0.0), freedom


def ratio_bootstrap(
    numerators: Array, denominators: Array, *, resamples: int = RESAMPLES, seed: int = 0
) -> Bootstrap:
    """Resample units and studentise K ratios at once.

    A difference of two ratios with the same denominator is a ratio too: give the difference of their numerators.

    Parameters
    ----------
    numerators : array of shape (U, K)
        Finite.
    denominators : array of shape (U, K) or (U, 1)
        Finite and at least zero; (U, 1) if all ratios share it.
    """
    units = len(numerators)
    total = denominators.sum(axis=0)  # (K,) or (1,)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = numerators.sum(axis=0) / total
        residual = numerators - estimate * denominators  # (U, K); the deviation of a resample is linear in it
        scale = units / max(units - 1, 1)
        error = np.sqrt(scale * (residual**2).sum(axis=0)) / total
    residual = np.where(np.isfinite(residual), residual, 0.0)
    # side by side, since one product with the counts takes little more time than a fifth of this
    parts = (denominators, denominators**2, residual, residual * denominators, residual**2)
    side_by_side = np.concatenate(parts, axis=1)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    deviations = np.empty((resamples, numerators.shape[1]))
    done = 0
    for counts in resample_counts(units, resamples, np.random.default_rng(seed)):  # (B, U)
        drawn, drawn_squares, moved, crossed, around = np.split(counts @ side_by_side, ends, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = moved / drawn  # R* − R
            # Σ w (x − R* y)², written around R so that nothing cancels
            spread = around - 2 * shift * crossed + shift**2 * drawn_squares
            # less is rounding: a single unit, drawn again and again
            spread = np.where(spread > 1e-10 * around, spread, 0.0)
            studentised = shift * drawn / np.sqrt(scale * spread)
        # a resample without spread or without a denominator counts as infinitely far off
        deviations[done : done + len(counts)] = np.where(np.isnan(studentised), np.inf, studentised)
        done += len(counts)
    on = np.broadcast_to((denominators > 0).sum(axis=0), estimate.shape)
    return Bootstrap(estimate, np.broadcast_to(error, estimate.shape), deviations, on)


def resample_counts(units: int, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield (B, U) blocks, R rows in all: how often each unit is drawn in a resample of U draws."""
    rows = max(1, CHUNK // max(units, 1))
    for first in range(0, resamples, rows):
        size = min(rows, resamples - first)
        drawn = rng.integers(0, units, (size, units))
        drawn += units * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units).astype(np.float64)


def holm(p_values: Array) -> Array:
    """Return the p-values of m tests adjusted by Holm's step-down method, in the order given.

    The i-th smallest (from 1) is multiplied by m − i + 1, never falls below a smaller one's and never exceeds 1.
    """
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (m - np.arange(m)))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def rank_ranges(estimates: Array, apart: Array) -> tuple[Array, Array]:
    """Return the lowest and the highest rank that the data allow each of M models; less is better.

    At first, the lowest rank is 1 + the number of models that are significantly better, and the highest is M − the
    number of models that are significantly worse. A model with a worse figure can then have a better rank, since it
    can be tied with a model that is significantly better than the other one. So the lowest rank becomes the smallest
    among the model and all with worse figures, and the highest the largest among the model and all with better ones.

    Parameters
    ----------
    estimates : array of shape (M,)
    apart : bool array of shape (M, M)
        Whether two models differ significantly.
    """
    better = estimates[:, None] < estimates[None, :]  # [i, j]: i has a better figure than j
    size = len(estimates)
    low = 1 + (better & apart).sum(axis=0)
    high = size - (better & apart).sum(axis=1)
    lowest = np.where(better, size, low[:, None]).min(axis=0, initial=size)  # over all i that are not better than j
    highest = np.where(better, 1, high[None, :]).max(axis=1, initial=1)  # over all j that are not worse than i
    return lowest, highest


def _tiny(estimate: Array) -> Array:
    """Standard errors up to here are rounding: the units do not differ at all."""
    return np.asarray(1e-12 * (1.0 + np.abs(estimate)))


LEAST_DOCUMENTS = 30
BLOCK_SENTENCES = 20
BLOCK_BYTES = 2_000  # about as long as 20 sentences, for texts with long lines
MOST_UNITS = 2_000
BLOCKS, LEAST_STEPS = 60, 4  # of series: about how many blocks, and the least steps of each


@dataclass(frozen=True)
class Units:
    """The U resampling units of the test text, the same for every model whatever its tokenizer.

    Parameters
    ----------
    kind : str
        "documents", "blocks of 20 sentences", "blocks of 2,000 bytes" or, of series, "blocks of about … steps".
    bytes : array of shape (U,)
        The UTF-8 bytes of each unit.
    begins : array of shape (U0,)
        Where each unit begins before they are grouped: the key of its document and byte, in rising order.
    group : array of shape (U0,)
        From unit to group. More than 2,000 units are distributed at random over 2,000 groups, which leaves the
        estimates unchanged.
    whole_documents : bool
        Whether every unit is a whole document.
    """

    kind: str
    bytes: Array
    begins: Array
    group: Array
    whole_documents: bool

    def __len__(self) -> int:
        return len(self.bytes)

    def of(self, document: Array, byte_start: Array) -> Array:
        """(N,) the unit of each token, given its document and the byte of the document at which it begins."""
        return np.asarray(self.group[np.searchsorted(self.begins, placed(document, byte_start), side="right") - 1])


def units_of(run: Run) -> Units:
    """Divide the test text of a run into resampling units.

    The units are documents if 30 or more of them contain text. Otherwise they are blocks of 20 sentences, where a
    remainder of fewer than 10 sentences belongs to the block before it; or blocks of 2,000 bytes, if the sentences
    are so long that there are more of these and fewer than 30 of the others.

    Raises
    ------
    RunFolderError
        If the tokenizers of the run do not charge the same bytes.
    """
    used = list(dict.fromkeys(model.tokens_fingerprint for model in run.scored))
    tables = [run.tokens[fp] for fp in used]
    sizes = [table.documents_of("test")["bytes"].to_numpy(np.int64) for table in tables]
    for table, other in zip(tables, sizes, strict=True):
        if not np.array_equal(other, sizes[0]):
            raise RunFolderError(
                f"{table.path / 'documents.parquet'} counts other bytes than "
                f"{tables[0].path / 'documents.parquet'}: repeat the lmcompare run that wrote it"
            )
    if not sizes:
        none = np.zeros(0, np.int64)
        return Units("documents", none, none, none, True)
    n_bytes = sizes[0]
    if run.rules.blocks == "tokens":
        return _of_steps(run, used[0], n_bytes)
    if (n_bytes > 0).sum() >= LEAST_DOCUMENTS:
        return _grouped("documents", n_bytes, np.ones(len(n_bytes), np.int64), np.zeros(len(n_bytes), np.int64))
    sentences, byte_start = _sentences(run, used[0])
    counts = np.bincount(sentences[:, 0], minlength=len(n_bytes))
    blocks = np.maximum(1, (counts + BLOCK_SENTENCES // 2) // BLOCK_SENTENCES)
    by_bytes = np.maximum(1, (n_bytes + BLOCK_BYTES // 2) // BLOCK_BYTES)
    if blocks.sum() < min(LEAST_DOCUMENTS, by_bytes.sum()):
        index = np.arange(by_bytes.sum()) - np.repeat(np.cumsum(by_bytes) - by_bytes, by_bytes)
        return _grouped(f"blocks of {BLOCK_BYTES:,} bytes", n_bytes, by_bytes, index * BLOCK_BYTES)
    document, index = sentences.T
    opens = (index % BLOCK_SENTENCES == 0) & (index // BLOCK_SENTENCES < blocks[document])
    begins = np.zeros(int(blocks.sum()), np.int64)
    at = (np.cumsum(blocks) - blocks)[document[opens]] + index[opens] // BLOCK_SENTENCES
    begins[at] = np.where(index[opens] == 0, 0, byte_start[opens])
    return _grouped(f"blocks of {BLOCK_SENTENCES} sentences", n_bytes, blocks, begins)


def _of_steps(run: Run, fingerprint: str, steps: Array) -> Units:
    """Return blocks of scored steps of series, about ``BLOCKS`` of them and each of ``LEAST_STEPS`` or more.

    Steps that follow each other are alike, so that blocks are drawn and not steps (Künsch 1989).
    """
    length = max(LEAST_STEPS, -(-int(steps.sum()) // BLOCKS))
    parts = np.maximum(1, (steps + length // 2) // length)
    text = run.tokens[fingerprint].test
    scored = np.flatnonzero(run.tokens[fingerprint].scored_steps("test"))
    assert text.spans is not None, "text was encoded"
    document, at = text.document_of(scored), text.spans[scored, 0]
    first = np.searchsorted(document, np.arange(len(steps)))  # of each document, the place of its first scored step
    begins, units, number = np.zeros(int(parts.sum()), np.int64), np.zeros(int(parts.sum()), np.int64), 0
    for which, (count, own) in enumerate(zip(steps.tolist(), parts.tolist(), strict=True)):
        ends = np.linspace(0, count, own + 1).astype(int)
        units[number : number + own] = np.diff(ends)
        begins[number + 1 : number + own] = at[first[which] + ends[1:-1]]
        number += own
    group = dealt(len(begins))
    sizes = summed(units[:, None], group)[:, 0].astype(np.int64)
    keys = placed(np.repeat(np.arange(len(parts)), parts), begins)
    return Units(f"blocks of about {length:,} steps", sizes, keys, group, not (parts > 1).any())


def _sentences(run: Run, fingerprint: str) -> tuple[Array, Array]:
    """(S, 2) document and index of every test sentence, in order, and (S,) the byte at which each begins."""
    model = next(model for model in run.scored if model.tokens_fingerprint == fingerprint)
    pairs, starts = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    columns = ("sentence", "position_in_sentence")
    for block in blocks(run, [model], "test", features=columns, scores=("byte_start",), seeds=1):
        begins = block.features["position_in_sentence"] == 0
        pairs.append(np.stack([block.features[name][begins] for name in ("document", "sentence")], axis=1))
        starts.append(block.stacked(0, "byte_start")[0][begins])
    return np.concatenate(pairs), np.concatenate(starts)


def dealt(units: int) -> Array:
    """(units,) the group of each unit: its own, or a random one if there are more than ``MOST_UNITS``."""
    return np.arange(units) if units <= MOST_UNITS else np.random.default_rng(0).permutation(units) % MOST_UNITS


def summed(values: Array, group: Array) -> Array:
    """(G, L) the sums of (U, L) values over groups of rows, given the group of each row."""
    if len(group) <= MOST_UNITS:  # every row is its own group
        return values
    size = int(group.max()) + 1
    return np.stack([np.bincount(group, column, minlength=size) for column in values.T], axis=1)


def _grouped(kind: str, n_bytes: Array, blocks: Array, begins: Array) -> Units:
    """Return the units, given the bytes and number of units of each document (D,), and where units begin (U0,)."""
    document = np.repeat(np.arange(len(blocks)), blocks)
    ends = np.append(begins[1:], 0)
    ends[np.cumsum(blocks) - 1] = n_bytes
    group = dealt(len(begins))
    summed_bytes = summed((ends - begins)[:, None], group)[:, 0].astype(np.int64)
    return Units(kind, summed_bytes, placed(document, begins), group, not (blocks > 1).any())


def placed(document: Array, at: Array) -> Array:
    """Return a number for each place in the test text, in the order of documents and of bytes or positions."""
    return (np.asarray(document, np.int64) << 40) + np.asarray(at, np.int64)


FEW = 0.005  # of the bytes: so much or less occurs in texts that nobody has copied, and changes no rank
MOST = 0.5  # with more of the test text repeated, no model is ranked


@dataclass(frozen=True)
class Repeats:
    """The parts of a split that repeat earlier text.

    Parameters
    ----------
    begins, ends : array of shape (R,)
        Where each part begins and ends: the keys of its document and byte, in rising order.
    documents, of : int
        How many documents have such a part, and how many there are.
    share : float
        Their share of the split's bytes.
    """

    begins: Array
    ends: Array
    documents: int
    of: int
    share: float

    @property
    def are_left_out(self) -> bool:
        """Whether models are compared without them: there is too much to ignore, and enough is left."""
        return FEW < self.share <= MOST

    def cover(self, document: Array, byte_start: Array, byte_end: Array) -> Array:
        """(N,) whether a part of each token is in them, given the token's document and bytes."""
        after = np.searchsorted(self.ends, placed(document, byte_start), side="right")  # the first that ends later
        begins = np.append(self.begins, np.iinfo(np.int64).max)
        return np.asarray(begins[after] < placed(document, byte_end))

    def bytes_in(self, units: Units) -> Array:
        """(U,) how many bytes of them are in each resampling unit."""
        sizes = self.ends - self.begins
        upto = np.append(0, np.cumsum(sizes))
        number = np.searchsorted(self.begins, units.begins)  # of the parts that begin before each unit
        before = upto[number] - (np.append(0, self.ends)[number] - units.begins).clip(0)
        inside = np.diff(np.append(before, upto[-1]))
        return np.asarray(summed(inside[:, None], units.group)[:, 0].astype(np.int64))


@kept
def repeats(run: Run, split: Split) -> Repeats:
    """Return what a split repeats of the texts before it; of series nothing is."""
    tables = next((run.tokens[model.tokens_fingerprint] for model in run.scored), None)
    if tables is None or not run.rules.every_token:
        return Repeats(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 0, 0.0)
    documents = tables.documents_of(split)
    spans = [json.loads(text) for text in documents["repeated_spans"]]
    found = [(d, *span) for d, of in enumerate(spans) for span in of]
    document, begins, ends = np.array(found, np.int64).reshape(-1, 3).T
    size = int(documents["bytes"].sum())
    share = float((ends - begins).sum() / size) if size else 0.0
    return Repeats(placed(document, begins), placed(document, ends), sum(map(bool, spans)), len(spans), share)
