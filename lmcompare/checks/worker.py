"""The kit in a process of its own, so that a plug-in that ends its process fails a check and does no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcompare import plugins
from lmcompare.checks import CHECKS, run_checks
from lmcompare.checks.kit import Result
from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.processes import Event, end_with_parent, event_stream, how_it_ended, run_child


def run_checks_apart(
    plugin: str,
    parameters: Mapping[str, Any],
    seed: int,
    on_result: Callable[[Result], None],
    seconds: float | None = None,
) -> list[Result]:
    """Run the kit as ``run_checks`` does, in a process of its own, which is ended after so many ``seconds``.

    Raises ``PluginError`` for a plug-in that can't be found, does not have these hyper-parameters or refuses them,
    and ``LmcompareError`` for one that ends the process; the results so far were given to ``on_result``.
    """
    results: list[Result] = []
    began: list[Event] = []
    ends: list[Event] = []

    def told(event: Event) -> None:
        kind = event.pop("event")
        if kind == "result":
            results.append(Result(**event))
            on_result(results[-1])
        else:
            (began if kind == "begins" else ends).append(event)

    try:
        job = {"plugin": plugin, "parameters": dict(parameters), "seed": seed}
        code = run_child(__name__, job, told, seconds=seconds)
        error = ends[-1]["error"] if ends else f"the process {how_it_ended(code)}"
    except TimeoutError as late:
        error = str(late)
    if error is None:
        return results
    if ends and ends[-1]["usage"]:
        raise LmcompareError(error)
    if not began:
        at = " while it was imported and built"
    else:
        at = f" in the check '{CHECKS[len(results)].name}'" if len(results) < len(CHECKS) else ""
    raise LmcompareError(f"the plug-in stopped the checks{at}: {error}")


def main(path: str) -> int:
    """Run the kit of a job file. Returns 0, or 1 if the checks could not come to their end."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    with event_stream() as emit:
        try:
            cls = plugins.resolve(job["plugin"])
            model = plugins.build(job["plugin"], job["parameters"], "quick")  # a wrong value is no failed check
            for name in model.files:
                if getattr(model, name) == "":
                    raise LmcompareError(
                        f"{job['plugin']} reads a file, and none is given: name it by --set {name}=PATH"
                    )
            emit({"event": "begins"})
            run_checks(
                cls,
                parameters=job["parameters"],
                seed=job["seed"],
                on_result=lambda result: emit({"event": "result", **asdict(result)}),
            )
        except LmcompareError as error:
            emit({"event": "end", "error": str(error), "usage": True})
            return 1
        except BaseException as error:  # SystemExit, GeneratorExit and the like
            emit({"event": "end", "error": what_went_wrong(error), "usage": False})
            return 1
        emit({"event": "end", "error": None, "usage": False})
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1]))
