"""The process of one cell: ``python -m lmcompare.harness.worker JOB.json``.

A process of its own gives a cell its own peak memory and threads, and keeps the others going if it crashes. Events
go to standard output, a JSON line each; whatever the plug-in prints goes to standard error, which the parent stores.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.cell import Event, Job, run_cell


def main(path: str) -> int:
    """Run the cell of a job file. Returns 0, or 1 if it failed; the last event says why."""
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def emit(event: Event) -> None:
        events.write(json.dumps(event, default=_plain) + "\n")

    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    try:
        run_cell(job, emit)
    except LmcompareError as error:
        traceback.print_exc()
        emit({"event": "failed", "error": str(error)})
        return 1
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        emit({"event": "failed", "error": what_went_wrong(error)})
        return 1
    emit({"event": "done"})
    return 0


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as a Python number."""
    return value.item() if hasattr(value, "item") else str(value)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    sys.exit(main(sys.argv[1]))
