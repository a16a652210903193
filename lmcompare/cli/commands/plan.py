"""``lmcompare plan``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare.cli.app import app, say
from lmcompare.cli.commands.run import asked_for, run
from lmcompare.cli.options import like
from lmcompare.errors import OWN_TEMPORARY

if TYPE_CHECKING:
    from lmcompare.harness.run import Ahead
    from lmcompare.harness.runner import Cost

Costs = Mapping[str, "Cost | None"]  # by the identity of a job; None where the probe failed


@app.command()
@like(run)
def plan(**options: Any) -> None:
    """List what a run would train and what is finished already, with an estimate of time and memory.

    The options are those of run. What is not finished is trained for a moment; nothing is kept.
    """
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import in_scratch, look_ahead, smaller_parts
    from lmcompare.harness.runner import probe

    experiment, base, folder = asked_for(options["experiment"], options["out"], options)
    show = display(quiet=bool(options["quiet"]))
    costs: dict[str, Cost | None] = {}
    with tempfile.TemporaryDirectory(prefix=OWN_TEMPORARY) as made:
        parts: dict[str, list[Ahead]] = {}
        for place, part in {**smaller_parts(experiment), "": experiment}.items():
            scratch, force = Path(made) / place / "run", bool(options["force"])
            parts[place] = look_ahead(part, folder / place, scratch, base=base, force=force, show=show)
            for job in (each.job for each in parts[place] if not each.finished):
                if job.identity not in costs:
                    show.say(f"{job.name}: training for a moment …")
                    costs[job.identity] = probe(in_scratch(job, scratch))
    _print(parts, costs)


def _print(parts: Mapping[str, Sequence[Ahead]], costs: Costs) -> None:
    from rich.table import Table
    from rich.text import Text

    from lmcompare.errors import without_controls
    from lmcompare.render import numbers
    from lmcompare.report.terminal import print_table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("model", "seed", "what", "time", "memory"):
        right = head in ("seed", "time", "memory")
        table.add_column(head, justify="right" if right else "left", no_wrap=True)
    total, known = 0.0, True
    for place, each in ((place, each) for place, ahead in parts.items() for each in ahead):
        seconds, memory = _estimate(each, parts[place], costs)
        known = known and seconds is not None
        total += seconds or 0.0
        figures = (
            "?" if seconds is None else numbers.seconds(seconds),
            "?" if memory is None else numbers.size(memory),
        )
        name = "/".join(filter(None, [place, each.model if each.later else each.job.name]))
        row = name, str(each.job.seed), _what(each), *(("", "") if each.finished else figures)
        table.add_row(*(Text(without_controls(cell)) for cell in row))
    print_table(table)
    every = [each for ahead in parts.values() for each in ahead]
    done, trainings = sum(each.finished for each in every), sum(each.later or 1 for each in every)
    if done == trainings:
        say("Everything is finished.")
        return
    long = numbers.seconds(total)
    about = f"about {long}" if known else f"more than {long}, since not every time could be estimated"
    verb = "is" if trainings == 1 else "are"
    say(f"{done} of {numbers.plural(trainings, 'training')} {verb} finished; what is left takes {about}.")


def _what(each: Ahead) -> str:
    if each.finished:
        return "finished"
    if each.later:
        return f"up to {each.later} more settings, proposed from the results of these"
    if each.job.trial:
        return "train, score on validation text"
    return f"the best of {each.tried} settings, score on test text" if each.tried else "train, score on test text"


def _estimate(each: Ahead, ahead: Sequence[Ahead], costs: Costs) -> tuple[float | None, float | None]:
    """Return the seconds and the bytes of memory of a cell; None for a value that is not known."""
    from lmcompare.harness.runner import STARTING

    if each.finished:
        return 0.0, 0.0
    if each.tried:  # one of the settings of the same seed: the dearest is taken
        same = [other.job for other in ahead if other.job.trial and other.model == each.model]
        found = [costs[i] for i in {each.job.identity, *(job.identity for job in same)} if i in costs]
    else:
        found = [costs[each.job.identity]]
    if not found or any(cost is None for cost in found):
        return None, None
    dear = [cost for cost in found if cost is not None]
    taken = [cost.memory for cost in dear if cost.memory is not None]
    memory = max(taken) if len(taken) == len(dear) else None
    if each.tried:
        return STARTING + max(cost.valid + cost.test for cost in dear), memory
    (cost,) = dear
    if cost.training is not None and each.job.trial:
        return (each.later or 1) * (STARTING + cost.training + cost.valid), memory
    return cost.seconds, memory
