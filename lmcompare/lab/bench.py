"""The bench of an experiment: its trained models, the text, and how conditions are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from lmcompare import plugins
from lmcompare.analysis.intervals import LEAST_UNITS
from lmcompare.analysis.metrics import LN2, sums
from lmcompare.analysis.units import units_of
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit, from_json
from lmcompare.lab.contract import LEAST_SEEDS, Condition
from lmcompare.lab.contrasts import Contrast, Measured, contrasts, corrected
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run
from lmcompare.runfolder.states import restored
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Network

LONGEST = 256  # the most tokens of a context
BLOCK = 128  # positions that are asked for at a time


@dataclass(frozen=True)
class Sample:
    """Positions of the test text.

    Parameters
    ----------
    text : Encoded
        The test text.
    at : array of int, shape (n,)
        The positions, in rising order.
    units : array of int, shape (n,)
        The resampling unit of each position.
    n_units : int
        U: how many units the text has.
    overhead : array of float, shape (n,)
        The bits that each token is charged beside the model's own.
    bytes : array of float, shape (n,)
        The bytes of each token, with the white space before it.
    """

    text: Encoded
    at: IntArray
    units: IntArray
    n_units: int
    overhead: Array
    bytes: Array

    @classmethod
    def of(cls, run: Run, corpus: TokenizedCorpus, positions: int) -> Sample:
        """Draw at most ``positions`` positions, each with the same probability."""
        text, units = corpus.test, units_of(run)
        at = np.arange(len(text))
        assert text.spans is not None
        begins, ends = text.spans.astype(np.int64).T
        document = text.document_of(at)
        last = np.flatnonzero(np.diff(document, append=-1))
        ends = ends.copy()
        ends[last] = corpus.documents_of("test")["bytes"].to_numpy(np.int64)[document[last]]  # with the white space
        before = np.append(0, ends[:-1])
        before[text.starts[text.starts < len(text)]] = 0
        charged = np.concatenate(
            [block["overhead_bits"] for block in corpus.feature_blocks("test", ["overhead_bits"])]
        )
        n_bytes = (ends - before).astype(np.float64)
        return cls(text, at, units.of(document, begins), len(units), charged, n_bytes).chosen(at, positions)

    def chosen(self, where: IntArray, most: int | None = None) -> Sample:
        """Return the positions with these indices, or ``most`` of them, drawn at random."""
        kept = np.asarray(where) if most is None else drawn(where, most)
        each = (self.overhead[kept], self.bytes[kept])
        return Sample(self.text, self.at[kept], self.units[kept], self.n_units, *each)

    @property
    def sizes(self) -> Array:
        """(U,) the bytes of the tokens at the positions, in each unit."""
        return np.bincount(self.units, self.bytes, minlength=self.n_units)

    @property
    def counts(self) -> Array:
        """(U,) the positions in each unit."""
        return np.bincount(self.units, minlength=self.n_units)

    def by_part(
        self, scores: Mapping[str, Sequence[Array]], parts: Mapping[str, Array], baseline: str
    ) -> dict[tuple[str, str], Contrast]:
        """Return by part and condition how many bits a word differs from the baseline, with one correction for all.

        Parameters
        ----------
        scores : mapping of str to sequence of arrays of shape (N,)
            By condition, the log-probabilities in nats of the whole text for each training.
        parts : mapping of str to bool array of shape (n,)
            Which positions each part has; one without any is left out.
        baseline : str
            The condition that the others are compared with.
        """
        found: dict[tuple[str, str], Contrast] = {}
        for name, chosen in parts.items():
            if chosen.any():
                part = self.chosen(np.flatnonzero(chosen))
                needs = {each: part.surprisals(nats) for each, nats in scores.items()}
                others = contrasts(needs.pop(baseline), needs, part.counts)
                found |= {(name, each): contrast for each, contrast in others.items()}
        return corrected(found)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def targets(self) -> IntArray:
        """(n,) the tokens at the positions."""
        return self.text.ids[self.at]

    def contexts(self, longest: int = LONGEST) -> Iterator[IntArray]:
        """Yield the last ``longest`` tokens before each position, of its document."""
        for position, start in zip(self.at.tolist(), self.text.context_starts(self.at).tolist(), strict=True):
            yield self.text.ids[max(start, position - longest) : position]

    def bits(self, log_probs: Iterable[Array]) -> Measured:
        """Return the bits that a condition charges, given the (n,) log-probabilities in nats of its S trainings."""
        return self.amounts([-nats / LN2 + self.overhead for nats in log_probs])

    def surprisals(self, log_probs: Iterable[Array]) -> Measured:
        """Return the surprisals in bits, given the log-probabilities in nats of the whole text for S trainings."""
        return self.amounts([-nats[self.at] / LN2 for nats in log_probs])

    def amounts(self, found: Iterable[Array]) -> Measured:
        """Return a condition, given (n,) amounts at the positions for each of its S trainings."""
        return Measured.of(np.stack([np.bincount(self.units, row, minlength=self.n_units) for row in found]))


def drawn(where: IntArray, most: int) -> IntArray:
    """Return at most ``most`` of some numbers, drawn at random, in rising order."""
    return np.sort(np.random.default_rng([0, len(where)]).permutation(where)[:most])


def distributions(model: LanguageModel, contexts: Iterable[IntArray], text: Encoded) -> Iterator[Array]:
    """Yield the (V,) distribution, in nats, of the token after each context; the text ends with it, so that a model
    can't see what follows.

    Parameters
    ----------
    model : LanguageModel
    contexts : sequence of arrays of int
    text : Encoded
        A text with the vocabulary of the ids.
    """
    for context in contexts:
        alone = Encoded.from_documents([context], text.vocabulary)
        yield model.next_log_probs(alone, np.array([len(context)]))[0]


def log_probs_one_by_one(model: LanguageModel, sample: Sample, contexts: Sequence[IntArray]) -> Array:
    """Return the (n,) log-probability, in nats, of each token of a sample after the context that is given for it."""
    found = zip(distributions(model, contexts, sample.text), sample.targets.tolist(), strict=True)
    return np.array([distribution[target] for distribution, target in found], np.float64)


def log_probs_after(model: LanguageModel, sample: Sample, contexts: Sequence[IntArray]) -> Array:
    """Return what ``log_probs_one_by_one`` returns, many contexts at a time: for models that can't see what follows.

    Each context is a document with the token behind it, as in a text that is scored.
    """
    nats = np.empty(len(sample))
    for first in range(0, len(sample), BLOCK):
        rows = slice(first, first + BLOCK)
        documents = [np.append(c, t) for c, t in zip(contexts[rows], sample.targets[rows], strict=True)]
        together = Encoded.from_documents(documents, sample.text.vocabulary)
        last = together.ends - 1
        block = model.next_log_probs(together, last)
        nats[rows] = block[np.arange(len(last)), sample.targets[rows]]
    return nats


T = TypeVar("T")
Share = Callable[[float], None]


class Bench:
    """What an experiment measures with.

    Parameters
    ----------
    run : Run
        The run folder with the trained conditions.
    names : mapping of str to str
        By the names of the conditions, the names of their models in the run.
    share : callable
        Is called from time to time with the share of the measurement that is done, from 0 to 1.
    """

    def __init__(self, run: Run, names: Mapping[str, str], share: Share = lambda done: None) -> None:
        self.run, self.share = run, share
        self._names = dict(names)
        self._step = (0.0, 1.0)  # where the present step begins, and its length, as shares of the measurement

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and tell after each of them which share of the measurement is done.

        A loop within a loop makes up one step of the outer one. The loop over ``models`` is such a loop.
        """
        steps = list(items)
        begin, length = self._step
        try:
            for k, item in enumerate(steps):
                self._step = begin + length * k / len(steps), length / len(steps)
                yield item
                self.share(begin + length * (k + 1) / len(steps))
        finally:  # the loop may end before its last step
            self._step = begin, length

    def entry(self, condition: Condition) -> ModelEntry:
        """Return the condition's model as the run has stored it.

        Raises ``PluginError`` for a condition that the experiment does not list in ``conditions``.
        """
        if condition.name not in self._names:
            raise PluginError(f"the condition '{condition.name}' was not trained: conditions must list it")
        return self.run.model(self._names[condition.name])

    @cached_property
    def corpus(self) -> TokenizedCorpus:
        """The text under the tokenizer of the baseline, which is that of all conditions that name no other."""
        return self.run.tokens[self.run.model(next(iter(self._names.values()))).tokens_fingerprint]

    def corpus_of(self, condition: Condition) -> TokenizedCorpus:
        """Return the text under the tokenizer of a condition."""
        return self.run.tokens[self.entry(condition).tokens_fingerprint]

    @property
    def seeds(self) -> int:
        """The least number of trainings that a condition has."""
        return min(len(self.run.model(name).seeds) for name in self._names.values())

    @property
    def decides(self) -> bool:
        """Whether there are enough trainings for a verdict."""
        return self.seeds >= LEAST_SEEDS

    def model(self, condition: Condition, seed: int | None = None) -> LanguageModel:
        """Return the trained model of a condition, restored; by default that of its first seed."""
        entry = self.entry(condition)
        cell = next((cell for cell in entry.done if seed in (None, cell.seed)), None)
        if cell is None:
            seeds = ", ".join(map(str, entry.seeds))
            raise PluginError(
                f"the condition '{condition.name}' was trained with the seeds {seeds}, not {seed}: ask for one of"
                " these"
            )
        model = plugins.build(entry.plugin, cell.info["hyperparameters"])
        return restored(model, cell.path / "model")

    def models(self, condition: Condition) -> Iterable[LanguageModel]:
        """Yield the trained models of a condition, one for each seed."""
        return (self.model(condition, seed) for seed in self.each(self.entry(condition).seeds))

    def networks(self, condition: Condition) -> Iterator[tuple[TorchLanguageModel, Network]]:
        """Yield the trained models of a condition with their networks."""
        for model in self.models(condition):
            assert isinstance(model, TorchLanguageModel)
            yield model, model.trained_network()

    def exhibits(self, condition: Condition) -> list[Exhibit]:
        """Return the exhibits of a condition, those of its first training."""
        return [from_json(each) for each in self.entry(condition).done[0].measured("exhibits")]

    def bits(self, condition: Condition, *, by_sentence: bool = False) -> Measured:
        """Return the bits that a condition charges for the test text.

        Parameters
        ----------
        condition : Condition
        by_sentence : bool
            Whether every sentence is scored as a document of its own.

        Raises
        ------
        LmcompareError
            If the test text was so long that only a part of it was scored by sentence.
        """
        found = sums(self.run, "test")[self.entry(condition).name]
        if not by_sentence:
            return Measured(found.unit_bits, found.bits)
        if found.reset != found.tokens:
            raise LmcompareError(
                f"{self.run.path} has scores of single sentences for only a part of its test text: use a shorter test"
                " text"
            )
        return Measured(
            found.unit_reset_nats / LN2 + found.unit_overhead_bits, -found.log_prob_reset / LN2 + found.overhead_bits
        )

    def log_probs(self, condition: Condition, split: Split = "test") -> list[Array]:
        """Return the (N,) log-probabilities of a held-out text in nats, for each training of a condition."""
        cells = self.entry(condition).done
        return [cell.scores(split, ["log_prob"])["log_prob"].to_numpy(np.float64) for cell in cells]

    def sample(self, positions: int) -> Sample:
        """Return at most this many positions of the test text, drawn at random."""
        return Sample.of(self.run, self.corpus, positions)

    @cached_property
    def whole(self) -> Sample:
        """All positions of the test text."""
        return self.sample(len(self.corpus.test))

    @cached_property
    def unit_bytes(self) -> Array:
        """(U,) the bytes of each resampling unit of the test text."""
        return units_of(self.run).bytes

    @property
    def remarks(self) -> tuple[str, ...]:
        """What limits every measurement on this text."""
        if np.count_nonzero(self.unit_bytes) < LEAST_UNITS:
            return ("The test text is too short for intervals: give a longer one.",)
        return ()

    def needs(self, condition: Condition) -> str:
        """Return the bits per byte that a condition needs on the test text, as text."""
        return numbers.bits_per_byte(self.bits(condition).figure(self.unit_bytes))

    def rows(
        self, baseline: Condition, changed: Mapping[str, Condition], sayings: Mapping[str, str] = {}
    ) -> dict[str, Contrast]:
        """Return a row for each changed condition: the bits per byte that the change costs.

        Parameters
        ----------
        baseline : Condition
        changed : mapping of str to Condition
            The conditions by the names of their rows.
        sayings : mapping of str to str
            By the names of rows, the ideas in one sentence.
        """
        others = {name: self.bits(condition) for name, condition in changed.items()}
        found = contrasts(self.bits(baseline), others, self.unit_bytes)
        return {name: replace(each, saying=sayings.get(name, "")) for name, each in found.items()}
