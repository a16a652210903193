"""How many modules are on the way of a run to a scored cell, of scores to a row, and of a token to its loss?

    python benchmarks/walks.py [--list]

Each walk is traced with ``sys.setprofile`` while the program does real work on a small text, all of it in this
process. A module counts if a function of it is called on the walk; a module that is only imported, such as a list of
names or of constants, does not, and neither do the bodies of classes and modules that an import runs. The modules are
reported in two parts, which are both printed:

- *the way*: the rooms that do the work of the walk itself;
- *what it calls*: the other rooms, which a reader of the walk takes as given: plug-ins (corpora, tokenizers, models,
  studies), the checks, and small helpers such as ``errors`` and ``registry``.

The walks are: a run of ``unigram`` from ``lmcompare.harness.run.run`` to the sealed cell; the section of that run's
leaderboard, from ``load_run`` to its HTML; and the training steps of the transformer, each from the ids of its batch
to the loss.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

import lmcompare
from lmcompare import corpora, plugins
from lmcompare.harness.overlay import overlaid

PACKAGE = Path(lmcompare.__file__).parent
BODIES = {"<module>", "<lambda>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>"}

# The rooms of each walk, and how many of their modules it should pass at most
WALKS = {
    "a run to a scored cell": (("harness", "runfolder", "processes", "measure", "study"), 20),
    "scores to a row in HTML": (("runfolder", "analysis", "report", "render"), 12),
    "a token id to its loss": (("models", "training", "model"), 8),
}


@contextlib.contextmanager
def traced(found: Counter[str]) -> Iterator[None]:
    """Count the calls of functions of the package by module, in all threads that begin inside the context."""
    root = f"{PACKAGE}/"

    def profile(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root) and not _is_body(frame):
            found[code.co_filename.removeprefix(root).removesuffix(".py")] += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _is_body(frame: FrameType) -> bool:
    """Return whether a frame is the body of a module or of a class, or a part of such a body."""
    outer: FrameType | None = frame
    while outer is not None and outer.f_code.co_name in BODIES:
        if outer.f_code.co_name == "<module>":
            return True
        outer = outer.f_back
    return "__module__" in frame.f_locals and "__qualname__" in frame.f_locals


def called_here(function: str, *arguments: Any, **how: Any) -> Any:
    """Do in this process what ``lmcompare.processes.call`` does in another one."""
    module, _, name = function.partition(":")
    emit = how.get("on_event") or (lambda event: None)
    return getattr(import_module(module), name)(emit, *json.loads(json.dumps(arguments)))


def run_to_cell(folder: Path) -> Counter[str]:
    """Trace a run of a unigram model to its scored cell."""
    from lmcompare.harness import plan, run, runner
    from lmcompare.harness.experiment import shipped
    from lmcompare.harness.text import reading

    text = folder / "text.txt"
    lee = corpora.load("lee", corpora.CorpusOptions(fraction=0.05))
    text.write_text("\n\n".join(document.text for document in lee.train), encoding="utf-8")
    settings = {"corpus.source": str(text), "models": ["unigram"]}
    experiment = overlaid(shipped("quick"), settings.items())
    found = Counter[str]()
    here = [patch.object(module, "call", called_here) for module in (plan, reading, runner)]
    with contextlib.ExitStack() as stack:
        for each in here:
            stack.enter_context(each)
        with traced(found):
            outcome = run.run(experiment, folder / "run")
    assert not outcome.failures, outcome.failures
    return found


def scores_to_row(folder: Path) -> Counter[str]:
    """Trace the report of the run, from its scores to the row of the leaderboard in the page."""
    from lmcompare.analysis import load_run
    from lmcompare.report.data import ReportData
    from lmcompare.report.sections import leaderboard

    found = Counter[str]()
    with traced(found):
        leaderboard.build(ReportData(load_run(folder / "run")))
    return found


def token_to_loss(folder: Path) -> Counter[str]:
    """Trace training steps of the transformer, each from the ids of its batch to the loss."""
    import torch

    from lmcompare.model import Budget, Setting
    from lmcompare.runfolder.tokens import TokenizedCorpus
    from lmcompare.training import loop

    corpus = TokenizedCorpus(next((folder / "run/tokens").iterdir()), named=["word"])
    model = plugins.build("transformer", {}, "quick")
    found = Counter[str]()
    step, backward = loop.Training._train_step, torch.autograd.backward

    def train_step(*arguments: Any) -> float:
        with traced(found):
            return step(*arguments)

    def from_the_loss(*arguments: Any, **how: Any) -> None:
        sys.setprofile(None)  # the loss is there
        backward(*arguments, **how)

    with (
        patch.object(loop.Training, "_train_step", train_step),
        patch.object(torch.autograd, "backward", from_the_loss),
    ):
        model.fit(corpus.train, corpus.valid, Setting(vocabulary=corpus.vocabulary, budget=Budget(steps=2)))
    return found


def report(name: str, found: Counter[str], listed: bool) -> None:
    """Print how many modules were passed."""
    rooms, goal = WALKS[name]
    way = sorted(module for module in found if module.split("/")[0] in rooms)
    others = sorted(found.keys() - set(way))
    print(f"{name}: {len(way)} modules on the way (goal: {goal}), {len(others)} that it calls, {len(found)} in all")
    if listed:
        for title, modules in (("the way", way), ("what it calls", others)):
            print(f"  {title}: {', '.join(modules)}")


WORK: dict[str, Callable[[Path], Counter[str]]] = dict(
    zip(WALKS, (run_to_cell, scores_to_row, token_to_loss), strict=True)
)


def main() -> None:
    """Trace the walks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the modules, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        for name, work in WORK.items():
            report(name, work(Path(made)), given.list)


if __name__ == "__main__":
    main()
