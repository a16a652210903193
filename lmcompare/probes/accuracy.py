"""How often a model gives the acceptable sentence of a minimal pair the higher probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.probes.pairs import Pair, Pairs
from lmcompare.runfolder.guards import locked, read_cell, see_that_it_is_there
from lmcompare.runfolder.probed import Accuracy, Probed, write_probed
from lmcompare.trained import TrainedModel

TIE = 1e-6  # bits; smaller differences are rounding
_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Judgement:
    """The code lengths that a model gives both sentences of a pair.

    Parameters
    ----------
    pair : Pair
    good_bits, bad_bits : float
        The bits of both sentences, the spelling of unknown words included.
    unknown : bool
        Whether the sentences differ in an unknown word, about which the model knows no more than its spelling.
    """

    pair: Pair
    good_bits: float
    bad_bits: float
    unknown: bool

    @property
    def score(self) -> float:
        """1 if the acceptable sentence has fewer bits, 0 if the other has, a half for a tie."""
        difference = self.bad_bits - self.good_bits
        return 0.5 if abs(difference) <= TIE else float(difference > 0)


def judged(model: TrainedModel, pairs: Sequence[Pair]) -> Iterator[Judgement]:
    """Score both sentences of each pair, each as a whole document."""
    sentences = documents_of(text for pair in pairs for text in (pair.good, pair.bad))
    scores = model.score_documents(sentences, ends=True)
    for pair, good, bad in zip(pairs, scores, scores, strict=True):
        unknown = [_unknown_words(scored.tokens, scored.unknown) for scored in (good, bad)]
        yield Judgement(pair, good.bits, bad.bits, unknown[0] != unknown[1])


def accuracies(judgements: Iterable[Judgement]) -> tuple[Accuracy, ...]:
    """Return the accuracy for each phenomenon, in the order of the pairs, and for all pairs together."""
    found = list(judgements)
    phenomena = list(dict.fromkeys(each.pair.phenomenon for each in found))
    parts = [(name, [each for each in found if each.pair.phenomenon == name]) for name in phenomena]
    if len(parts) > 1:
        parts.append(("", found))
    return tuple(_accuracy(name, part) for name, part in parts)


def ask(model: TrainedModel, pairs: Pairs) -> Probed:
    """Ask a model about minimal pairs."""
    return Probed(pairs.name, pairs.digest, accuracies(judged(model, pairs.pairs)))


def store(folder: Path, answers: Mapping[str, Probed], models: Mapping[str, TrainedModel]) -> None:
    """Store the answers of models with them, for the report.

    Parameters
    ----------
    folder : Path
        The run folder.
    answers, models : mapping
        The answers and the models, by name.

    Raises
    ------
    LmcompareError
        While another process writes to the folder, for a model that was trained again since it was opened, and as
        ``write_probed`` does.
    """
    see_that_it_is_there(folder)
    with locked(folder):
        for name, probed in answers.items():
            model = models[name]
            if model.place.is_dir() and read_cell(model.place).get("key") != model.key:
                raise LmcompareError(f"'{name}' was trained again while it was asked: run the same command again")
            write_probed(model.place, probed)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of ``n`` (Wilson 1927, *Probable inference, the law of succession, and
    statistical inference*, JASA 22).
    """
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _accuracy(phenomenon: str, judgements: Sequence[Judgement]) -> Accuracy:
    share = sum(each.score for each in judgements) / len(judgements)
    low, high = wilson(share, len(judgements))
    return Accuracy(phenomenon, len(judgements), sum(each.unknown for each in judgements), share, low, high)


def _unknown_words(tokens: Sequence[str], unknown: Sequence[bool]) -> list[str]:
    return sorted(token for token, is_unknown in zip(tokens, unknown, strict=True) if is_unknown)
