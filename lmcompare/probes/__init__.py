"""Probes: what a trained model knows, asked by pairs of sentences, one of them right."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from lmcompare.corpora import documents_of, has_utf8
from lmcompare.errors import LmcompareError, expanded, not_parsed, ordinary, suggest, usable_path
from lmcompare.runfolder.guards import locked, read_cell, see_that_it_is_there
from lmcompare.runfolder.probed import Accuracy, Probed, write_probed
from lmcompare.trained import TrainedModel

SHIPPED = ("english",)
_GOOD, _BAD = "sentence_good", "sentence_bad"


@dataclass(frozen=True)
class Pair:
    """An acceptable sentence, one that is not, and the phenomenon that they differ in."""

    good: str
    bad: str
    phenomenon: str


@dataclass(frozen=True)
class Pairs:
    """A set of minimal pairs, and what it is called."""

    name: str
    pairs: tuple[Pair, ...]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that tell these pairs from others."""
        rows = [(pair.good, pair.bad, pair.phenomenon) for pair in self.pairs]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def read_pairs(source: str) -> Pairs:
    """Read minimal pairs.

    Parameters
    ----------
    source : str
        The path of a ``.jsonl`` file with ``sentence_good`` and ``sentence_bad`` in each line, and the phenomenon as
        ``linguistics_term`` or ``UID``; of a folder of such files, which are read together; or "english", sixty pairs
        over six phenomena that come with lmcompare.

    Raises
    ------
    LmcompareError
        If there is no such file, or a line is not such a pair.
    """
    path = expanded(usable_path(source, "minimal pairs are a .jsonl file, a folder of such files, or english"))
    source = os.fspath(source)
    if source in SHIPPED and not path.exists():
        shipped = resources.files("lmcompare.probes") / f"{source}.jsonl"
        return Pairs(source, tuple(_pairs(shipped.read_text(encoding="utf-8"), source)))
    if not path.is_dir():
        return Pairs(path.stem, tuple(_pairs(_content(path, source), source)))
    files = sorted(path.glob("*.jsonl"))
    if not files:
        raise LmcompareError(
            f"{source} is a folder without .jsonl files of minimal pairs; give PAIRS first, then the run folder"
        )
    read = (pair for file in files for pair in _pairs(_content(file, str(file)), str(file)))
    return Pairs(path.resolve().name, tuple(read))


def _content(path: Path, source: str) -> str:
    try:
        return ordinary(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = f"{source} cannot be read as minimal pairs, because it is not UTF-8"
        if isinstance(error, FileNotFoundError):
            said = f"there is no file or folder {source} of minimal pairs{suggest(source, SHIPPED)}"
        elif isinstance(error, OSError):
            said = f"{source} cannot be read ({error.strerror or error})"
        raise LmcompareError(
            f"{said}; give a .jsonl file, or 'english' for the pairs that come with lmcompare"
        ) from None


def _pairs(content: str, source: str) -> list[Pair]:
    lines = enumerate(content.split("\n"), 1)
    pairs = [_pair(line, f"line {number:,} of {source}") for number, line in lines if line.strip()]
    if not pairs:
        raise LmcompareError(f"{source} has no minimal pair in it; write one JSON object on each line")
    return pairs


def _pair(line: str, where: str) -> Pair:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LmcompareError(
            f"{where} is not JSON ({not_parsed(error)}); write one JSON object on each line"
        ) from None
    if not isinstance(row, dict):
        raise LmcompareError(f"{where} is not a JSON object; write one with {_GOOD} and {_BAD}")
    for key in (_GOOD, _BAD):
        text = row.get(key)
        if not isinstance(text, str) or not text.strip() or not has_utf8(text):
            raise LmcompareError(f"{where} has no text under '{key}'; write both sentences of the pair")
    if row[_GOOD] == row[_BAD]:
        raise LmcompareError(f"{where} has the same sentence twice; write two that differ")
    phenomenon = row.get("linguistics_term") or row.get("UID") or "all pairs"
    return Pair(row[_GOOD], row[_BAD], str(phenomenon))


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
