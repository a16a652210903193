"""``lmcompare serve``."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from lmcompare.cli.app import app, note, say
from lmcompare.cli.commands.trained import Dir, PluginOption, SeedOption, trained_models
from lmcompare.errors import LmcompareError


@app.command()
def serve(
    folder: Dir,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Models of the run, a,b (default: all).")
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on (default: only this machine).")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The port; 0 for any that is free.")
    ] = 8000,
    seed: SeedOption = None,
    plugin: PluginOption = None,
) -> None:
    """Show the report in a browser with the trained models behind it: they answer texts of your own.

    The address that it prints has a token; requests without the token are refused. Ctrl-C ends the server.
    """
    try:
        from lmcompare.serve.server import NOT_ENCRYPTED, is_local
        from lmcompare.serve.server import serve as answer
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "lmcompare":
            raise
        raise LmcompareError("the server is not installed; install it with: pip install 'lmcompare[serve]'") from None
    from lmcompare.report.page import Report
    from lmcompare.report.write import made_of
    from lmcompare.runfolder.run import load_run

    models = trained_models(folder, model, seed, plugin)
    with made_of(folder):
        page = Report(load_run(folder), page={"live": "served", "models": list(models)}).html()
    if not is_local(host):
        note(NOT_ENCRYPTED)
    with suppress(KeyboardInterrupt):  # which is how one ends it
        answer(page, models, host, port, lambda address: say(f"Open {address}", flush=True))
