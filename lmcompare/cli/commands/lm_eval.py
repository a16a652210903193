"""``lmcompare lm-eval``: a trained model in EleutherAI's lm-evaluation-harness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lmcompare.cli.app import app
from lmcompare.cli.commands.trained import Dir, ModelOption, PluginOption, SeedOption, trained_model
from lmcompare.errors import LmcompareError

NO_VERSION = (None, "Yaml")  # the harness's version of a task that has none


@app.command("lm-eval")
def lm_eval(
    folder: Dir,
    model: ModelOption,
    tasks: Annotated[str, typer.Option(metavar="A,B", help="Tasks of the harness, or YAML files of your own.")],
    seed: SeedOption = None,
    plugin: PluginOption = None,
    fewshot: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Solved examples before each question.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only N documents of each task.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the harness's results to a JSON file too.")
    ] = None,
) -> None:
    """Run tasks of EleutherAI's lm-evaluation-harness with a trained model."""
    import json

    from lmcompare.lm_evaluation import evaluated
    from lmcompare.runfolder.files import write_text

    named = [task.strip() for task in tasks.split(",") if task.strip()]
    if not named:
        raise LmcompareError("--tasks names no task: give names such as blimp,lambada_openai, or a YAML file")
    trained = trained_model(folder, model, seed, plugin)
    if out is not None:
        if out.exists():
            raise LmcompareError(f"{out} is there already: give another name with --out")
        out.parent.mkdir(parents=True, exist_ok=True)  # before the tasks, which may take hours
    found = evaluated(trained, named, fewshot=fewshot, limit=limit)
    _print_table(found)
    if out is not None:
        write_text(out, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _print_table(found: dict[str, Any]) -> None:
    from rich.table import Table

    from lmcompare.report.terminal import print_table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("task", "version", "few-shot", "metric", "value", "standard error"):
        table.add_column(heading, justify="right" if heading in ("value", "standard error") else "left", no_wrap=True)
    for task, figures in found["results"].items():
        for key, value in figures.items():
            metric, comma, filtered = key.partition(",")
            if not comma or metric.endswith("_stderr"):
                continue
            error = figures.get(f"{metric}_stderr,{filtered}")
            table.add_row(
                task,
                "" if (version := found["versions"].get(task)) in NO_VERSION else str(version),
                str(found["n-shot"].get(task, "")),
                metric if filtered == "none" else f"{metric} ({filtered})",
                f"{value:.4f}" if isinstance(value, float) else str(value),
                f"{error:.4f}" if isinstance(error, float) else "",
            )
    print_table(table)
