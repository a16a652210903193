"""Commands that use the trained models of a run: ``score``, ``generate`` and ``export``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcompare.cli.app import app, flag, note, say
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.api import Comparison
    from lmcompare.cli.score_table import Asked
    from lmcompare.trained import TrainedModel

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="A model of the run.")]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Which of its seeds (default: the first).")
]

PluginOption = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="PLUGIN", help="The code of a model that is not installed; can be repeated."),
]


@app.command()
def score(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="One or more run folders.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text file or table, or - for standard input.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Models of the runs, a,b (default: all).")
    ] = None,
    by: Annotated[str, typer.Option(metavar="UNIT", help="One row for each text, token or word.")] = "text",
    table_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="How the table is printed: jsonl, csv or parquet.")
    ] = "jsonl",
    seed: SeedOption = None,
    plugin: PluginOption = None,
    documents: Annotated[
        str, typer.Option(metavar="HOW", help="What counts as one text: line, blank-line or file.")
    ] = "line",
    ends: Annotated[bool, flag("--ends", help="Score the end of the document after each text, too.")] = False,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="The file's encoding.")] = "utf-8",
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column of a table that has the texts.")
    ] = None,
) -> None:
    """Score texts with trained models, as one table of texts, tokens or words.

    A text has its log-probability in nats, its bits and its bits per byte; a token or word has its surprisal in bits.
    """
    from lmcompare import corpora
    from lmcompare.cli.score_table import print_scores
    from lmcompare.run_mark import is_run_folder

    if file != "-" and is_run_folder(Path(file)):
        raise LmcompareError(f"{file} is a run folder, and the text comes last: write 'lmcompare score DIR FILE'")
    if named := [folder for folder in folders if folder.is_file()]:
        raise LmcompareError(
            f"{named[0]} is a file, and 'lmcompare score DIR FILE' reads one text, the last argument: join the"
            " texts, or give a folder of them"
        )
    options = corpora.CorpusOptions(documents=documents, encoding=encoding, text_column=text_column)  # type: ignore[arg-type]
    texts = corpora.read_documents(file, options, note=note)
    if documents == "line" and _leaves_out_lines(text.name for text in texts):
        note("lines without text have no row: the column document names the line of each text")
    print_scores(_of_runs(folders, model, seed, plugin), texts, by, table_format, ends)


def _leaves_out_lines(names: Iterable[str]) -> bool:
    """Return whether some lines of a text file have no text; a text is named "FILE:LINE".

    Tables do not count, because one row may have several lines.
    """
    lines: dict[str, list[int]] = {}
    for name in names:
        found = re.fullmatch(r"(.+?):(\d+)(:\d+)?", name, re.DOTALL)
        if found and not found[3]:
            lines.setdefault(found[1], [0]).append(int(found[2]))
    return any(after - before > 1 for each in lines.values() for before, after in pairwise(each))


@app.command()
def generate(
    folder: Dir,
    model: ModelOption,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="The text to continue.")] = "",
    length: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens.")] = 50,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Above 0; 1 leaves the probabilities unchanged.")
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(metavar="K", min=1, help="Draw from the K most likely tokens.")] = 50,
    top_p: Annotated[
        float, typer.Option(metavar="P", help="Draw from the fewest tokens with this probability in total.")
    ] = 0.95,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    sampling_seed: Annotated[int, typer.Option(metavar="N", min=0, help="The seed of the draws.")] = 0,
) -> None:
    """Continue a prompt with a trained model."""
    from lmcompare.measure.sampling import Sampling

    sampling = Sampling(temperature, top_k, top_p, sampling_seed)
    said = prompt
    for part in trained_model(folder, model, seed, plugin).stream(prompt, length, sampling):
        say(said + part, end="", flush=True)
        said = ""
    say("")


@app.command()
def export(
    folder: Dir,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="tokenizer.json, or a name with a suffix that the model has: .arpa, .arpa.gz, .safetensors or .vec; "
            "a name without a suffix is a folder for Hugging Face's transformers.",
        ),
    ],
    model: ModelOption,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    force: Annotated[bool, flag("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a trained model, its word vectors or its tokenizer to a file that other tools read."""
    trained = trained_model(folder, model, seed, plugin)
    written = trained.export(file, force=force)
    if written.is_dir() and not (written / "tokenizer.json").exists():
        try:
            trained.tokenizer_json()
        except LmcompareError as error:
            note(f"{written} has no tokenizer: {error}")
    say(str(written))


def trained_models(
    folder: Path, names: str | None, seed: int | None, plugin: list[str] | None
) -> dict[str, TrainedModel]:
    """Return models of a run by name: all of them, or the ones that ``names`` lists with commas."""
    from lmcompare.api import load

    return _opened(load(folder), None if names is None else _listed(names), seed, plugin)


def _of_runs(folders: list[Path], names: str | None, seed: int | None, plugin: list[str] | None) -> list[Asked]:
    """Return the models of several runs: all, or those in ``names``, from each run that has them."""
    from lmcompare.api import load
    from lmcompare.cli.score_table import Asked

    places = [folder.resolve() for folder in folders]
    if twice := [folder for folder in folders if places.count(folder.resolve()) > 1]:
        raise LmcompareError(f"{twice[0]} is given twice: give each run folder once")
    labels = [place.name for place in places]
    if len(set(labels)) < len(labels):
        labels = [str(folder) for folder in folders]
    wanted = None if names is None else _listed(names)
    runs = [load(folder) for folder in folders]
    asked: list[list[str] | None] = [wanted] * len(runs)
    if wanted is not None and len(runs) > 1:
        has = [run.models for run in runs]
        there = [[name for name in wanted if name in models] for models in has]
        there[0] += [name for name in wanted if not any(name in models for models in has)]  # to be refused
        asked = [*there]
    return [
        Asked(label, model)
        for label, run, listed in zip(labels, runs, asked, strict=True)
        for model in _opened(run, listed, seed, plugin).values()
    ]


def _listed(names: str) -> list[str]:
    """Return the names of models that are listed with commas, each once."""
    return list(dict.fromkeys(name.strip() for name in names.split(",")))


def trained_model(folder: Path, model: str, seed: int | None, plugin: list[str] | None) -> TrainedModel:
    """Return a trained model of a run, as ``trained_models`` does."""
    from lmcompare.api import load

    if "," in model:
        raise LmcompareError(f"this command takes one model, not '{model}': run it once for each model")
    return _opened(load(folder), [model], seed, plugin)[model]


def _opened(
    run: Comparison, names: list[str] | None, seed: int | None, plugin: list[str] | None
) -> dict[str, TrainedModel]:
    """Return trained models by name, all or these; print a note on each that is not a valid probability model."""
    found = run.trained_models(names, seed, plugin=plugin or ())
    for name, trained in found.items():
        if not trained.truthful:
            note(
                f"'{name}' is not a valid probability model: it failed the validity checks of its run, see the report"
            )
        if not trained.model.traits.normalised:
            note(f"the scores of '{name}' need not sum to one: they are not probabilities and cannot be compared")
    return found
