"""Commands for plug-ins: ``models``, ``tokenizers``, ``studies``; and for their authors ``check`` and ``new``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare.cli.app import app, flag, folder_named, note, say
from lmcompare.cli.options import assignment
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.checks import Result


SECONDS = 20.0  # that importing a plug-in may take


@app.command()
def models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the hyper-parameters of this model.")
    ] = None,
) -> None:
    """List the installed models, or the hyper-parameters of one."""
    from lmcompare import plugins

    if name is not None:
        _print_model(name)
        return
    installed = plugins.MODELS.installed()
    width = max(map(len, installed), default=0)
    for each, point in installed.items():
        print(f"{each:<{width}}  {summary(each)}  [{point.value}]")


def summary(name: str) -> str:
    """Return the sentence for the list of models; for a plug-in that can't be loaded, the reason.

    A plug-in that is not built in is imported in a process of its own: importing it may end the process or never
    return, and the list must be printed all the same.
    """
    from lmcompare import plugins
    from lmcompare.processes import CallError, call

    if plugins.MODELS.is_built_in(name):
        return plugins.summary(name)
    try:
        return str(call("lmcompare.cli.plugins:imported_summary", name, seconds=SECONDS))
    except CallError as error:
        return f"can't be loaded: {error}"


def imported_summary(emit: object, name: str) -> str:
    """Import a plug-in and return its summary; runs in a process of its own."""
    from lmcompare import plugins

    return plugins.summary(name)


@app.command()
def tokenizers() -> None:
    """List the installed tokenizers."""
    from lmcompare.tokens.tokenizer import listing

    rows = listing()
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, description, available in rows:
        print(f"{name:<{width}}  {description if available else f'not available: {description}'}")


@app.command()
def studies() -> None:
    """List the installed studies: the questions that a report answers."""
    from lmcompare.model import described
    from lmcompare.study import STUDIES, Unusable
    from lmcompare.study import studies as loaded

    installed, width = STUDIES.installed(), max(map(len, STUDIES.installed()), default=0)
    for name, study in loaded().items():
        said = f"can't be loaded: {study.why}" if isinstance(study, Unusable) else described(type(study).__doc__)
        print(f"{name:<{width}}  {said}  [{installed[name].value}]")


def _print_model(name: str) -> None:
    """Print a model's summary and a table of its hyper-parameters with their defaults and meanings."""
    import inspect

    from docstring_parser import DocstringStyle, parse
    from rich.console import Console
    from rich.table import Table

    from lmcompare import plugins

    cls = plugins.resolve(name)
    docstrings = [parse(base.__doc__ or "", DocstringStyle.NUMPYDOC) for base in reversed(cls.__mro__)]
    meanings = {p.arg_name: p.description or "" for docstring in docstrings for p in docstring.params}
    defaults: dict[str, Any] = {p.name: p.default for p in inspect.signature(cls).parameters.values()}
    print(plugins.summary(name))
    if not defaults:
        print("It has no hyper-parameters.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("hyper-parameter", "default", *cls.presets, "meaning"):
        table.add_column(heading, no_wrap=heading == "hyper-parameter", overflow="fold")
    for parameter in cls.parameter_names():
        presets = [_shown(preset[parameter]) if parameter in preset else "" for preset in cls.presets.values()]
        meaning = " ".join(meanings.get(parameter, "").split())
        table.add_row(parameter, _shown(defaults[parameter]), *presets, meaning)
    Console().print(table)
    print(f"Set one with --set {name}.{cls.parameter_names()[0]}=VALUE, or in an experiment file.")


def _shown(value: Any) -> str:
    """Return a value as an experiment file or ``--set`` takes it."""
    import inspect
    import json

    return "required" if value is inspect.Parameter.empty else json.dumps(value, ensure_ascii=False)


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
