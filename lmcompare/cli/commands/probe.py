"""``lmcompare probe``: minimal pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lmcompare.cli.app import app, flag
from lmcompare.cli.commands.trained import Dir, PluginOption, SeedOption, trained_models

if TYPE_CHECKING:
    from lmcompare.probes import Accuracy


@app.command()
def probe(
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="Minimal pairs, a .jsonl file in BLiMP's format; or english.")
    ],
    folder: Dir,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Models of the run, a,b (default: all).")
    ] = None,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    json: Annotated[bool, flag("--json", help="Print JSON lines instead of a table.")] = False,
) -> None:
    """Ask which of two sentences a model finds likelier: accuracy on minimal pairs, by phenomenon.

    english is sixty pairs over six phenomena that come with lmcompare.
    """
    from dataclasses import asdict
    from json import dumps

    from lmcompare.probes import accuracies, judged, read_pairs

    asked = read_pairs(pairs)
    for name, trained in trained_models(folder, model, seed, plugin).items():
        rows = accuracies(name, judged(trained, asked))
        if json:
            for row in rows:
                print(dumps(asdict(row), ensure_ascii=False))
        else:
            _print_table(rows)
    if not json:
        print("Guessing is right for 50% of the pairs.")


def _print_table(rows: list[Accuracy]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", title=rows[0].model, title_justify="left")
    for heading in ("phenomenon", "accuracy", "95 %", "pairs", "with unknown words"):
        table.add_column(heading, justify="left" if heading == "phenomenon" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.phenomenon or "all",
            f"{row.accuracy:.0%}",
            f"{row.low:.0%}–{row.high:.0%}",
            f"{row.pairs:,}",
            f"{row.unknown:,}",
        )
    Console().print(table)
    print()
