"""Commands that list what is installed: ``models``, ``tokenizers`` and ``studies``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lmcompare.cli.app import app

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
    from lmcompare.processes import EndedError, RaisedError, TimeLimitError, call

    if plugins.MODELS.is_built_in(name):
        return plugins.summary(name)
    try:
        return str(call("lmcompare.cli.commands.listings:imported_summary", name, seconds=SECONDS))
    except TimeLimitError:
        return f"can't be loaded: importing it took longer than {SECONDS:g} s"
    except EndedError as ended:
        return f"can't be loaded: while it was imported, {ended}"
    except RaisedError as error:
        return f"can't be loaded: {error}"


def imported_summary(emit: object, name: str) -> str:
    """Import a plug-in and return its summary; runs in a process of its own."""
    from lmcompare import plugins

    return plugins.summary(name)


@app.command()
def tokenizers() -> None:
    """List the installed tokenizers."""
    from lmcompare.tokens.registered import listing

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
