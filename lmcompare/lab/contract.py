"""What an experiment of the laboratory is: a question, a prediction, controlled conditions, and findings.

An experiment is one file, found by an entry point in the group ``lmcompare.lab``. docs/lab.md shows how to write one.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lmcompare.analysis.findings import Figures, Row, order_of
from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.registry import Registry

if TYPE_CHECKING:
    from lmcompare.lab.bench import Bench

__all__ = [
    "EXPERIMENTS",
    "LEAST_SEEDS",
    "Condition",
    "Figures",
    "Findings",
    "LabExperiment",
    "Row",
    "experiment_names",
]

LEAST_SEEDS = 3  # the least trainings of each condition for a verdict


@dataclass(frozen=True)
class Condition:
    """A model that an experiment trains. Experiments that name the same model with the same settings share it.

    Parameters
    ----------
    name : str
        The name of the model in the run folder, such as "transformer one head".
    plugin : str
        The model's plug-in.
    settings : mapping
        The hyper-parameters that differ from those of the preset.
    tokens : str, mapping or None
        The kind of its tokens, such as "char" or "bpe:4000", or a table such as {"kind": "word", "min_count": 3};
        None for those of all.
    inputs : str
        What it reads, or how it is scored, where that differs from what its plug-in does; "" where it does not.
    reference : Condition or None
        The condition from which it differs in one thing; None for the baseline of its experiment.
    """

    name: str
    plugin: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokens: str | Mapping[str, Any] | None = None
    inputs: str = ""
    reference: Condition | None = None


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Parameters
    ----------
    verdict : str
        The answer, made from the numbers, in one or two sentences that a teacher can say aloud. If nothing was found,
        it says so first.
    claims : mapping of str to bool or None
        Each claim of the prediction, in one sentence, and whether the numbers agree with it; None if they leave it
        open. What one training gives is shown without them.
    tables : tuple of Figures
    exhibits : tuple of Exhibit
    remarks : tuple of str
        Sentences on what limits the answer.
    """

    verdict: str
    claims: Mapping[str, bool | None] = field(default_factory=dict)
    tables: tuple[Figures, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def held(self) -> bool | None:
        """Whether all claims of the prediction held; None if there is none, or if the numbers leave it open."""
        found = set(self.claims.values())
        return False if False in found else None if None in found or not found else True


class LabExperiment(ABC):
    """A controlled experiment.

    Attributes
    ----------
    title : str
        What it is about, in a few words.
    question : str
        The question that it answers.
    prediction : str
        What its author expected, written before the first run, and never changed after it.
    corpus : str
        The corpus that it needs, as ``--corpus`` names it; "" if it can be run on any.
    conditions : tuple of Condition
        The models that it compares; the first one is the baseline.
    measuring : float
        About how long ``measure`` takes, as a share of the time of the trainings; for the estimate before a start.
    """

    title: ClassVar[str]
    question: ClassVar[str]
    prediction: ClassVar[str]
    conditions: ClassVar[Sequence[Condition]]
    corpus: ClassVar[str] = ""
    measuring: ClassVar[float] = 0.01

    @abstractmethod
    def measure(self, bench: Bench) -> Findings:
        """Measure the trained conditions.

        Parameters
        ----------
        bench : Bench
            The trained models, the text, and what is common to all measurements.
        """

    def lacks(self) -> str:
        """Return what it needs and this machine lacks, with the command that fetches it; "" if nothing is lacking."""
        return ""


def _checked(found: Any, name: str) -> type[LabExperiment]:
    if not (inspect.isclass(found) and issubclass(found, LabExperiment)) or inspect.isabstract(found):
        raise PluginError(f"'{name}' is not an experiment: make it a class derived from lmcompare.lab.LabExperiment")
    for attribute in ("title", "question", "prediction", "corpus"):
        if not isinstance(getattr(found, attribute, None), str):
            raise PluginError(f"the experiment '{name}' has no {attribute}: set it to a text")
    return found


def experiment_names() -> list[str]:
    """Return the names of the installed experiments, in the order in which they are listed, run and shown."""
    return sorted(EXPERIMENTS.installed(), key=order_of)


EXPERIMENTS: Registry[type[LabExperiment]] = Registry("lmcompare.lab", "experiment", _checked)
