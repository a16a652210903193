"""What a study loads to measure a model, seen in a process that has loaded no more than a cell has."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcompare import plugins
from lmcompare.processes import Emit
from lmcompare.runfolder.states import restored
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.study import STUDIES, Finished, Study, options_of


def finished(job: Mapping[str, Any], study: Study) -> Finished:
    """Return what a study is given to measure; ``job`` has the fields of a finished job and its "path"."""
    model = restored(plugins.build(job["plugin"], job["hyperparameters"]), Path(job["path"]) / "model")
    corpus = TokenizedCorpus(Path(job["folder"]) / "tokens" / job["tokens_fingerprint"])
    return Finished(model, corpus, job["seed"], Path(job["path"]), options_of(study, job["options"]))


def loaded_by(emit: Emit, name: str, job: dict[str, Any], path: list[str]) -> list[str]:
    """Return the modules that are loaded after a study has measured; runs in a process of its own.

    ``path`` are the folders in which its caller finds modules.
    """
    sys.path += [each for each in path if each not in sys.path]
    study = STUDIES.resolve(name)()
    study.measure(finished(job, study))
    return sorted(sys.modules)
