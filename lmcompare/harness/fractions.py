"""The models of an experiment trained on growing shares of its training text, each in a run folder of its own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError
from lmcompare.harness.experiment import Experiment, FractionTable
from lmcompare.harness.progress import Display
from lmcompare.harness.run import Outcome, run
from lmcompare.runfolder.layout import FRACTIONS
from lmcompare.runfolder.ownership import claim, refuse_link

NO_EXAMPLES = {"prompts": (), "words": (), "sentences": 0}  # the report shows the examples of the whole text


def run_with_fractions(experiment: Experiment, folder: Path, *, show: Display, **how: Any) -> Outcome:
    """Run an experiment: first on each smaller share of the training text, if it has any, then on the whole.

    Vocabulary, tokenizer and sentences are learnt from each share anew, and a sweep chooses for each of them.

    Parameters
    ----------
    experiment, folder, show, **how
        As ``run`` takes them.

    Returns
    -------
    Outcome
        With the failures of all shares; those of the smaller ones are named "fractions/0.1: ngram/0".

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained, and for a share that holds too little text.
    """
    failures: dict[str, str] = {}
    if parts := smaller_parts(experiment):
        claim(folder)
        for place in parts:
            refuse_link(folder / place)
        for place, part in parts.items():
            show.say(f"With {100 * float(Path(place).name):g} % of the training text:")
            found = run(part, folder / place, show=show, aside=True, **how)
            failures |= {f"{place}: {cell}": error for cell, error in found.failures.items()}
        show.say("With the whole training text:")
    outcome = run(experiment, folder, show=show, **how)
    return Outcome(failures | outcome.failures, outcome.names)


def smaller_parts(experiment: Experiment) -> dict[str, Experiment]:
    """Return the experiment on each smaller share of its training text, by the place of its run within the folder.

    Raises ``LmcompareError`` for a text that can't be read several times.
    """
    if experiment.fractions and experiment.corpus.source == "-":
        raise LmcompareError(
            "standard input can be read only once, not for each fraction: write the text to a file and give its path"
        )
    return {f"{FRACTIONS}/{each.share:g}": _on(each, experiment) for each in experiment.fractions[:-1]}


def _on(fraction: FractionTable, experiment: Experiment) -> Experiment:
    """Return the experiment on a share of its training text, without what only a report shows."""
    share = fraction.share * (experiment.corpus.fraction or 1)
    return experiment.replace(
        f"the fraction {fraction.share:g}",
        corpus=asdict(experiment.corpus) | {"fraction": share},
        seeds=fraction.seeds,
        fractions=(),
        examples=NO_EXAMPLES,
        live="none",
        live_text=False,
    )
