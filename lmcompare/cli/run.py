"""``lmcompare run``, and ``lmcompare plan``, which says what it would do."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare.cli.app import InterruptedRunError, app, flag, folder_named, note, say
from lmcompare.cli.options import EXPERIMENT, declared, like, settings_of
from lmcompare.errors import OWN_TEMPORARY, LmcompareError
from lmcompare.harness.environment import GIVES_AWAY

if TYPE_CHECKING:
    from lmcompare.harness.experiment import Experiment
    from lmcompare.harness.progress import Display
    from lmcompare.harness.run import Ahead
    from lmcompare.harness.runner import Cost


@app.command()
@declared(*EXPERIMENT)
def run(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file (default: the main job).")
    ] = None,
    *,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="The run folder (default: reports/NAME).")
    ] = None,
    force: Annotated[bool, flag("--force", help="Run finished cells again and replace them.")] = False,
    quiet: Annotated[bool, flag("--quiet", "-q", help="Show no progress.")] = False,
    show_page: Annotated[bool, flag("--open", help="Open the report in a browser as soon as there is one.")] = False,
    **options: Any,
) -> None:
    """Train and score models on a corpus and write the report.

    A first report is written as soon as the models that count are finished, and it is renewed as others follow.

    Finished cells are kept: the same command continues where it stopped, and what is added later, another model or
    another value of a hyper-parameter, is run alone and joins the table.
    """
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import run_with_fractions

    plan, base, folder = asked_for(experiment, out, options)
    show = display(quiet=quiet)
    page = _Page(folder, plan.report.studies or (), show, show_page)
    try:
        command = shlex.join(["lmcompare", *sys.argv[1:]])
        how: dict[str, Any] = {"base": base, "force": force, "show": show, "command": command}
        outcome = run_with_fractions(plan, folder, report=page.write_meanwhile, **how)
        show.say("Writing the report …")
        missing = page.write()
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; {page.kept()}, and the same command continues from there") from None
    from lmcompare.report.terminal import print_leaderboard

    print_leaderboard(folder)
    if plan.live_text:
        note(GIVES_AWAY)
    say(f"The report: {folder / 'report.html'}")
    failures = dict(outcome.failures)
    for cell, error in missing.items():  # also kept cells whose files are damaged
        if cell.rpartition("/")[0] in outcome.names.values():
            failures.setdefault(cell, error)
    if failures:
        sentences = "; ".join(f"{cell}: {error}" for cell, error in failures.items())
        raise LmcompareError(f"{len(failures)} of the cells failed, the others are in the report: {sentences}")


class _Page:
    """The report of a run, which is written while it goes on, at its end, and when it is interrupted."""

    def __init__(self, folder: Path, studies: Sequence[str], show: Display, opens: bool) -> None:
        self._folder, self._studies, self._show, self._opens = folder, studies, show, opens

    def write(self, **how: Any) -> dict[str, str]:
        """Write it, and open it if that was asked for; return by "name/seed" why a cell is not in it."""
        from lmcompare.report.write import write_reports

        path, missing = write_reports(self._folder, named=self._studies, **how)
        if self._opens:
            import webbrowser

            webbrowser.open(path.resolve().as_uri())
            self._opens = False
        return missing

    def write_meanwhile(self) -> None:
        """Write it while the run has the lock of the folder. The run goes on even if that fails."""
        try:
            self.write(held=True)
        except LmcompareError as error:
            self._show.say(f"There is no report yet: {error}.")
        else:
            self._show.say(f"A report of what is finished: {self._folder / 'report.html'}")

    def kept(self) -> str:
        """Write it for an interrupted run, and return what is kept."""
        if not self._folder.exists():
            return "nothing was finished yet"
        with suppress(LmcompareError, KeyboardInterrupt):  # whoever interrupts twice does not wait for it
            self.write()
            return f"finished models are kept in {self._folder}, with a report of them"
        return f"finished models are kept in {self._folder}"


def asked_for(file: Path | None, out: str | None, options: Mapping[str, Any]) -> tuple[Experiment, Path, Path]:
    """Return the experiment that the arguments of the command ask for, what its paths are relative to, and the run
    folder.
    """
    from lmcompare.corpora import from_working_directory
    from lmcompare.harness.experiment import load, shipped
    from lmcompare.harness.overlay import overlaid

    corpus = options["corpus"]
    if file is None:
        plan, base = shipped(options["preset"] or "default", corpus), Path()
    else:
        plan, base = load(file), file.parent
        corpus = None if corpus is None else from_working_directory(corpus)
    plan = overlaid(plan, settings_of(EXPERIMENT, {**options, "corpus": corpus}))
    return plan, base, Path("reports") / plan.name if out is None else folder_named(out)


Costs = Mapping[str, "Cost | None"]  # by the identity of a job; None where the probe failed


@app.command()
@like(run, "show_page")
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
