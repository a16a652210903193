"""The process of one cell: ``python -m lmcompare.harness.worker JOB.json``.

A process of its own gives a cell its own peak memory and threads, and keeps the others going if it crashes. What the
plug-in prints goes to standard error, which the parent stores.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.cell import run_cell
from lmcompare.harness.job import Job
from lmcompare.processes import end_with_parent, event_stream


def main(path: str) -> int:
    """Run the cell of a job file. Returns 0, or 1 if it failed; the last event says why."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    with event_stream() as emit:
        try:
            run_cell(job, emit)
        except BaseException as error:  # whatever a plug-in raises, SystemExit included
            traceback.print_exc()
            said = str(error) if isinstance(error, LmcompareError) else what_went_wrong(error)
            emit({"event": "failed", "error": said})
            return 1
        emit({"event": "done"})
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1]))
