"""Commands for authors of plug-ins: ``check`` and ``new``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lmcompare.cli.app import app, flag, folder_named, note, say
from lmcompare.cli.options import assignment
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.checks import Result


@app.command()
def check(
    plugin: Annotated[
        str,
        typer.Argument(
            metavar="PLUGIN",
            help="A model, tokenizer or study: its name, bpe:PIECES, module:Class or ./file.py:Class.",
        ),
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A hyper-parameter (a JSON value); can be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0)] = 0,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="Checks that take longer are ended (default: 600).")
    ] = 600.0,
) -> None:
    """Run the conformance kit against a plug-in: prints one line for each check, and exits with 1 if one fails."""
    from lmcompare.conformance.worker import run_checks_apart

    parameters = dict(map(assignment, parameter or ()))
    results = run_checks_apart(plugin, parameters, seed, _print, time_limit)
    excused = sum(result.ok and not result.passed for result in results)
    failed = sum(not result.ok for result in results)
    passed = len(results) - failed - excused
    print(f"{passed} of {len(results)} checks passed{f', {excused} failed as declared' if excused else ''}")
    if failed:
        raise typer.Exit(1)


def _print(result: Result) -> None:
    mark = "ok  " if result.passed else "xfail" if result.ok else "FAIL"
    said = "; ".join(part for part in (result.reason, result.expected_failure) if part)
    say(f"{mark:<5} {result.name}{f': {said}' if said else ''}", flush=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plug-in's name, such as my-model.")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="START", help="bigram (default), ngram, torch or gensim.")
    ] = None,
    study: Annotated[bool, flag("--study", help="Write a study, in place of a model.")] = False,
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Where to make it.")] = ".",
) -> None:
    """Write a small working plug-in package with its test."""
    from lmcompare.scaffold import create

    if study and start is not None:
        raise LmcompareError(
            "--from chooses a model to start from, and --study writes a study: leave out one of the two"
        )
    made = create(name, folder_named(out), "study" if study else start or "bigram")
    say(str(made))
    note(f"{made / 'README.md'} says how to test the {'study' if study else 'model'}, check it and run it")
