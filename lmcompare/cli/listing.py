"""What an installed plug-in says of itself, asked in a process of its own.

Importing somebody's package may end the process, or never end. The list of models must stand all the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lmcompare import plugins
from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.processes import Event, end_with_parent, event_stream, how_it_ended, run_child

SECONDS = 20.0  # that importing a plug-in may take


def summary(name: str) -> str:
    """Return the sentence for the list of models; one that can't be loaded says why."""
    if plugins.MODELS.is_built_in(name):
        return plugins.summary(name)
    said: list[Event] = []
    try:
        code = run_child(__name__, {"name": name}, said.append, seconds=SECONDS)
    except TimeoutError:
        return f"can't be loaded: importing it took longer than {SECONDS:g} s"
    if not said:
        return f"can't be loaded: importing it {how_it_ended(code).replace('was ended', 'ended the process')}"
    return str(said[-1]["summary"])


def main(path: str) -> int:
    """Send the summary of a job file's plug-in."""
    name = json.loads(Path(path).read_text(encoding="utf-8"))["name"]
    with event_stream() as emit:
        try:
            emit({"event": "summary", "summary": plugins.summary(name)})
        except LmcompareError as error:
            emit({"event": "summary", "summary": f"can't be loaded: {error}"})
        except BaseException as error:  # KeyboardInterrupt and the like
            emit({"event": "summary", "summary": f"can't be loaded: {what_went_wrong(error)}"})
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1]))
