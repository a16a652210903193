"""What experiments of the laboratory found, as it is stored: one JSON file for each experiment."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from lmcompare.analysis.comparison import SIGNIFICANCE
from lmcompare.runfolder.files import RunFolderError, read_object
from lmcompare.runfolder.layout import FINDINGS

FINDINGS_VERSION = 1
ROWS, LONGEST, LARGEST = 500, 5_000, 1e12  # of findings: rows (also tables, remarks), characters of a text, numbers
FIRST = (
    "ideas",
    "order",
    "unseen",
    "positions",
    "mask",
    "gradient",
    "attention",
    "ontology",
    "neurons",
    "grammar",
    "rules",
    "letters",
    "inference",
    "diffusion",
)  # the order in which experiments are shown; the rest follows by name


@dataclass(frozen=True)
class Row:
    """A measured quantity with its interval.

    Parameters
    ----------
    name : str
        What was changed or measured, in a few words.
    saying : str
        The idea in one sentence.
    value, low, high : float or None
        The estimate with its 95 % interval; None where it is undefined or there is no interval.
    p_holm : float or None
        The p-value of "it is zero", after Holm's correction for all rows; None for a row that is not tested.
    figure : float or None
        The quantity of the condition itself, from which that of the baseline was subtracted.
    remark : str
        What a reader has to know of this row, such as that the condition is not a language model.
    explained_by : str
        The name of an experiment that explains it; "" for none.
    """

    name: str
    saying: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p_holm: float | None = None
    figure: float | None = None
    remark: str = ""
    explained_by: str = ""

    @property
    def amount(self) -> float:
        """The estimate, 0 where it is undefined."""
        return self.value or 0.0

    @property
    def level(self) -> float:
        """The quantity of the condition itself, 0 where it is undefined."""
        return self.figure or 0.0

    @property
    def found(self) -> bool:
        """Whether the quantity differs from zero, at the 5 % level after the correction."""
        return self.p_holm is not None and self.p_holm < SIGNIFICANCE

    @property
    def spoken(self) -> str:
        """The name as it is written inside a sentence: without its capital letter, but "ALiBi"."""
        return self.name if self.name[1:2].isupper() else self.name[:1].lower() + self.name[1:]

    def below(self, bound: float) -> bool | None:
        """Return whether the amount is below a bound; None if its interval does not decide it."""
        # if the text is too short for intervals, only the value decides
        low, high = (self.amount if end is None else end for end in (self.low, self.high))
        return True if high < bound else False if low > bound else None

    def above(self, bound: float) -> bool | None:
        """Return whether the amount is above a bound; None if its interval does not decide it."""
        is_below = self.below(bound)
        return None if is_below is None else not is_below


@dataclass(frozen=True)
class Figures:
    """A table of measured quantities in one unit, which is also drawn as a chart.

    Parameters
    ----------
    title : str
        The claim that the table supports, or what it shows.
    rows : tuple of Row
    unit : str
        The unit of ``value``.
    note : str
        How it was measured.
    differences : bool
        Whether the values are differences, which are written with their sign.
    row_name : str
        The name of the first column.
    figure_name : str
        The name and the unit of the column ``figure``; "" for none.
    floor : float
        The part of each ``figure`` that no condition can reduce, such as the spelling of unknown words; 0 for none.
    """

    title: str
    rows: tuple[Row, ...]
    unit: str
    note: str = ""
    differences: bool = True
    row_name: str = ""
    figure_name: str = ""
    floor: float = 0.0


@dataclass(frozen=True)
class Amounts:
    """What was measured of one condition.

    Parameters
    ----------
    trainings : tuple of float
        The amount of the whole text for each training, such as bits.
    units : tuple of float
        The amount in each resampling unit, averaged over the trainings.
    """

    trainings: tuple[float, ...]
    units: tuple[float, ...]


Of = TypeVar("Of")
Sizes = TypeVar("Sizes")


@dataclass(frozen=True)
class Comparison(Generic[Of, Sizes]):
    """Conditions that were compared together, so that their variation over trainings was pooled.

    Parameters
    ----------
    pairs : mapping of str to pair of Of
        By the names of the conditions: what each was compared with, and the condition itself. Stored findings have
        the numbers of two ``amounts``.
    sizes : Sizes
        The size of each unit; in stored findings the number of the ``sizes``.
    same_trainings : bool, default=False
        Whether both of a pair were measured with the same trained models. Then differences up to a millionth of an
        amount, the accuracy of float32, count as 0.
    """

    pairs: Mapping[str, tuple[Of, Of]]
    sizes: Sizes
    same_trainings: bool = False


@dataclass(frozen=True)
class Evidence:
    """What the value, the interval and the p-value of each row were computed from.

    Parameters
    ----------
    amounts : tuple of Amounts
    sizes : tuple of tuple of float
        The sizes of the resampling units: bytes or tokens.
    comparisons : tuple of Comparison
    rows : tuple of (int, int, int, str, float, tuple of float)
        For each row that is a contrast: the numbers of its table, of its row and of its comparison, the name of its
        condition there, its p-value before the correction, and all p-values that were corrected together.
    """

    amounts: tuple[Amounts, ...] = ()
    sizes: tuple[tuple[float, ...], ...] = ()
    comparisons: tuple[Comparison[int, int], ...] = ()
    rows: tuple[tuple[int, int, int, str, float, tuple[float, ...]], ...] = ()


@checked(frozen=True, config=ConfigDict(allow_inf_nan=False))
class StoredFindings:
    """The findings of one experiment.

    Parameters
    ----------
    schema_version : int
    name, title, question, prediction : str
        Of the experiment.
    key : str
        A digest of everything that the findings depend on: the trained cells and the code of the experiment.
    verdict : str
        As in ``Findings``; for a preview, what the numbers of one training look like.
    held : bool or None
        As in ``Findings``; None for a preview.
    seeds : int
        The trainings of each condition.
    decides : bool
        Whether these are enough for a verdict.
    tables : tuple of Figures
    exhibits : tuple of dict
        As ``lmcompare.exhibits.to_json`` gives them.
    remarks : tuple of str
    train_seconds, measure_seconds : float
        The seconds of all trainings, those that other experiments share included, and of the measurement.
    checksum : str
        A digest of all other fields.
    text : str
        The fingerprint of the corpus; "" in findings of versions that did not store it.
    claims : tuple of (str, bool or None)
        As in ``Findings``; empty for a preview, and in findings of versions that did not store them.
    evidence : Evidence
        Empty in findings of versions that did not store it.
    differences : tuple of (str, str, tuple of str)
        For each condition but the first, its name, the name of its reference, and how it differs from it; empty in
        findings of versions that did not store them.
    """

    schema_version: int
    name: str
    title: str
    question: str
    prediction: str
    key: str
    verdict: str
    held: bool | None
    seeds: int
    decides: bool
    tables: tuple[Figures, ...]
    exhibits: tuple[dict[str, Any], ...]
    remarks: tuple[str, ...]
    train_seconds: float
    measure_seconds: float
    checksum: str
    text: str = ""
    claims: tuple[tuple[str, bool | None], ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    differences: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


STORED = TypeAdapter(StoredFindings)


def out_of_bounds(table: Mapping[str, Any]) -> str:
    """Return what is too long or too large for a page, "" if nothing is."""
    rows = [row for figures in table["tables"] for row in figures["rows"]]
    if max(len(rows), *(len(table[name]) for name in ("tables", "remarks", "claims"))) > ROWS:
        return f"more than {ROWS} rows, tables, remarks or claims"
    texts = [table["verdict"], *table["remarks"], *(claim for claim, _ in table["claims"])]
    texts += [value for each in (*table["tables"], *rows) for value in each.values() if isinstance(value, str)]
    if any(len(text) > LONGEST for text in texts):
        return f"a text of more than {LONGEST:,} characters"
    values = [value for row in rows for value in row.values() if isinstance(value, int | float)]
    if any(abs(value) > LARGEST for value in values):
        return f"a number beyond {LARGEST:g}"
    return ""


def digest_of(table: Mapping[str, Any]) -> str:
    """Return a digest of all fields but the checksum."""
    rest = {key: value for key, value in table.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]


def read_findings(path: Path) -> StoredFindings | None:
    """Return the findings in a file; None if there is no file.

    Raises
    ------
    RunFolderError
        If it is not as lmcompare has written it.
    """
    if not os.path.lexists(path):
        return None
    try:
        table = read_object(path, "schema_version", "key", "checksum")
        if table["checksum"] == digest_of(table) and not out_of_bounds(
            asdict(found := STORED.validate_python(table))
        ):
            return found
    except (ValueError, RecursionError, RunFolderError):
        pass
    raise RunFolderError(f"{path} is not as it was written")


def findings_in(folder: Path) -> tuple[list[StoredFindings], list[Path]]:
    """Return the findings in the folder of a laboratory, in their order, and the files that are not as written."""
    found, broken = [], []
    for path in sorted((folder / FINDINGS).glob("*.json"), key=lambda path: order_of(path.stem)):
        try:
            each = read_findings(path)
        except RunFolderError:
            broken.append(path)
        else:
            found += [] if each is None else [each]
    return found, broken


def order_of(name: str) -> tuple[int, str]:
    """Return the sort key of an experiment."""
    return (FIRST.index(name) if name in FIRST else len(FIRST)), name
