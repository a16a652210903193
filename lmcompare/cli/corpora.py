"""``lmcompare corpora``: which corpora there are, and what is in one."""

from __future__ import annotations

from glob import glob
from pathlib import Path
from typing import Annotated, Any

import typer

from lmcompare.cli.app import App, app, say
from lmcompare.cli.options import READING, TOKENIZER, VOCABULARY, declared, settings_of
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError

SHOWN = (TOKENIZER, *VOCABULARY, *READING)
corpora = App()
app.add_typer(corpora, name="corpora")


@corpora.callback(invoke_without_command=True)
def _alone(context: typer.Context) -> None:
    """List the corpora that have a name and the formats of files, or show what is in a corpus."""
    if context.invoked_subcommand is None:
        list_()


@corpora.command("list")
def list_() -> None:
    """List the corpora that have a name, the formats of files, and what else can be read."""
    from lmcompare.corpora import catalogue, format_catalogue

    rows = [
        (entry.name, f"{entry.description}{'' if entry.available else f' (not available: {entry.reason})'}")
        for entry in catalogue()
    ]
    rows.append(("PATH", "a file or a folder of files, in one of these formats:"))
    for form in format_catalogue():
        said = form.description if form.available else f"not available: {form.reason}"
        rows.append(("", f"{form.name} ({', '.join(form.suffixes)}): {said}"))
    rows.append(("-", "standard input"))
    rows.append(("train=A,…", "train=A,valid=B,test=C: a file or folder for each split"))
    width = max(len(name) for name, _ in rows)
    for name, described in rows:
        print(f"{name:<{width}}  {described}")


@corpora.command()
@declared(*SHOWN)
def show(
    corpus: Annotated[str, typer.Argument(metavar="SPEC", help="A corpus, as for 'lmcompare run --corpus'.")],
    *,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PAGE.html", help="Write an HTML page, too.")
    ] = None,
    **options: Any,
) -> None:
    """Show what is in a corpus: sizes, unseen words, how words are distributed, what occurs twice, and samples."""
    from lmcompare.corpora import load
    from lmcompare.harness.experiment import parse_tokens
    from lmcompare.harness.overlay import HERE, under
    from lmcompare.harness.progress import display
    from lmcompare.report.survey.terminal import print_survey
    from lmcompare.survey import survey

    if out is not None and Path(out).suffix not in (".html", ".htm"):
        raise LmcompareError(f"--out must name a file that ends in .html, not '{out}'")
    if out is not None and Path(out).exists() and b'content="lmcompare ' not in _beginning(Path(out)):
        raise LmcompareError(f"{out} is there already and lmcompare did not write it; give another name with --out")
    if out is not None and _is_read(Path(out), corpus):
        raise LmcompareError(f"{out} would be a part of the corpus that is read; name another file with --out")
    given = settings_of(SHOWN, options)
    table = parse_tokens(under("tokens", given), HERE).completed(Path())
    read = CorpusOptions(**under("corpus", given))
    progress = display().say
    progress(f"Reading {corpus} …")
    loaded = load(corpus, read)
    if loaded.kind != "text":
        raise LmcompareError(
            f"{corpus} has series of numbers, and this page is about texts: see the series in the report of"
            f" 'lmcompare run --corpus {corpus}'"
        )
    found = survey(loaded, table.tokenizer, min_count=table.min_count, size=table.size, say=progress)
    print_survey(found)
    if out is not None:
        from lmcompare.report.survey.page import write_survey

        write_survey(found, Path(out))
        say(f"The page: {out}")


def _is_read(page: Path, corpus: str) -> bool:
    """Return whether a corpus has a page in it: as its file, in its folder, or as a match of its pattern."""
    places = [corpus, corpus.partition(":")[2], *(part.partition("=")[2] for part in corpus.split(","))]
    paths = [Path(found).resolve() for place in places if place for found in (place, *glob(place, recursive=True))]
    there = page.resolve()
    return any(path == there or (path.is_dir() and path in there.parents) for path in paths)


def _beginning(path: Path) -> bytes:
    """Return the first kilobytes of a file, where a page says what wrote it; nothing of a folder."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(4096)
