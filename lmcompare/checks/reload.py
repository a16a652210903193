"""The fresh process of a check: ``python -m lmcompare.checks.reload FOLDER`` loads, scores and trains again."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.checks.persistence import DOCUMENTS, TEXT_KEY, TOKENS
from lmcompare.checks.probe import SHORT, Probe
from lmcompare.model import LanguageModel
from lmcompare.processes import end_with_parent
from lmcompare.runfolder.states import load_state, save_state


def main(folder: Path) -> None:
    """Write ``scores.npy`` of the model stored in ``model`` and, in ``there``, the state of one trained here."""
    job: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    cls = _class(job)

    def make() -> LanguageModel:
        return plugins.build(cls, job["parameters"])

    probe = Probe(make, job["seed"], device=job["device"])
    model = make().restore(load_state(folder / "model"))
    np.save(folder / "scores.npy", probe.scores(probe.texts.text(TEXT_KEY, DOCUMENTS, TOKENS), model))
    save_state(probe.train(probe.seed, SHORT).state(), folder / "there")


def _class(job: dict[str, Any]) -> type[LanguageModel]:
    try:
        importable = importlib.util.find_spec(job["module"]) is not None
    except (ImportError, ValueError):
        importable = False
    if importable and job["module"] != "__main__":
        return plugins.resolve(f"{job['module']}:{job['name']}")
    return plugins.resolve(f"{job['file']}:{job['name']}")


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]))
