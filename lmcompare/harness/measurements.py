"""What studies measure of a finished model, in one file of its cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lmcompare.errors import what_went_wrong
from lmcompare.harness.job import Job
from lmcompare.model import LanguageModel
from lmcompare.runfolder.files import RunFolderError, read_object, write_json
from lmcompare.runfolder.layout import MEASURED
from lmcompare.runfolder.ownership import see_that_it_is_there
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.study import Finished, options_of, studies

MOST = 100_000_000  # characters of a measurement, written as JSON


def measure_studies(job: Job, corpus: TokenizedCorpus, model: LanguageModel) -> dict[str, str]:
    """Write what the studies measure of a model, and return the digests of the code that has measured.

    What the same code has measured before is kept. A study that fails leaves the reason in place of its measurement.
    """
    path = job.path / MEASURED
    try:
        found: dict[str, Any] = read_object(path)
    except RunFolderError:
        found = {}
    again = job.unmeasured()
    kept = {name: found[name] for name in job.studies if name in found and name not in again}
    for name in job.studies.keys() - kept.keys():
        try:
            study = studies()[name]
            finished = Finished(model, corpus, job.seed, job.path, options_of(study, job.options))
            measured = study.measure(finished)
            size = len(json.dumps(measured, allow_nan=False))
        except (Exception, SystemExit) as error:
            kept[name] = {"failed": what_went_wrong(error)}
            continue
        kept[name] = {"measured": measured, "notes": finished.notes}
        if size > MOST:
            kept[name] = {"failed": f"what it measured has more than {MOST:,} characters"}
    see_that_it_is_there(Path(job.folder))
    write_json(path, {name: kept[name] for name in sorted(kept)})
    return dict(job.studies)
