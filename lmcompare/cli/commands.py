"""The commands: each is a few lines over the Python API, and imports what it needs when it runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare import __version__
from lmcompare.cli.output import note, print_result, print_table
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.trained import TrainedModel


class InterruptedRunError(Exception):
    """Ctrl-C, with what to do next."""


app = typer.Typer(
    help="Language models of every generation on the same text: how well, at what cost, and why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def flag(*names: str, help: str) -> Any:
    """Return an option that takes no value; some versions of typer would write ``<bool>`` behind its name."""
    return typer.Option(*names, metavar="", help=help)


Dir = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="A model of the run.")]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Which of its seeds (default: the first).")
]

PluginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin", metavar="PLUGIN", help="The code of a model that is not installed, named again; repeat."
    ),
]


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, flag("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"lmcompare {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


@app.command()
def run(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file (default: the main job).")
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="A name, nltk:NAME, a file, a folder, - or train=A,valid=B,test=C."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME", help="Run these models only; repeat or comma."),
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="PRESET", help="quick, default or full.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="The run folder (default: reports/NAME).")
    ] = None,
    seed: Annotated[list[str] | None, typer.Option(metavar="N", help="The seeds; repeat or comma.")] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT=N", help="Equal parameters, steps, tokens, epochs or seconds; repeat or comma."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="MODEL.KEY=VALUE", help="A model's hyper-parameter (JSON value); repeat."),
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="DEVICE", help="cpu, cuda, mps or auto.")] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", min=1, help="Threads of each model.")] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes that train a neural model together.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="A model that takes longer is ended, and fails.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What the models go on from; repeat.")
    ] = None,
    word: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="A word to show in several contexts; repeat.")
    ] = None,
    documents: Annotated[str | None, typer.Option(metavar="HOW", help="file, line or blank-line.")] = None,
    sentences: Annotated[str | None, typer.Option(metavar="HOW", help="line or punkt.")] = None,
    tokens: Annotated[str | None, typer.Option(metavar="KIND", help="word, whitespace, char or byte.")] = None,
    min_count: Annotated[int | None, typer.Option(metavar="N", help="Least count in train of a known token.")] = None,
    vocabulary_size: Annotated[int | None, typer.Option(metavar="N", help="Greatest number of types.")] = None,
    lowercase: Annotated[bool, flag("--lowercase", help="Lower-case the text.")] = False,
    nfc: Annotated[bool, flag("--nfc", help="Normalise the text to Unicode NFC.")] = False,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="The files' encoding (default: utf-8).")
    ] = None,
    text_column: Annotated[str | None, typer.Option(metavar="NAME", help="The text's column in a table.")] = None,
    train_words: Annotated[int | None, typer.Option(metavar="N", min=1, help="Train is the first N words.")] = None,
    valid_words: Annotated[int | None, typer.Option(metavar="N", min=1, help="Valid is the next N words.")] = None,
    rare_count: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Words seen no oftener are rare.")
    ] = None,
    rare_word: Annotated[str | None, typer.Option(metavar="WORD", help="What takes the rare words' place.")] = None,
    force: Annotated[bool, flag("--force", help="Run finished cells again.")] = False,
    quiet: Annotated[bool, flag("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train and score models on a corpus and write the report.

    Finished cells are kept: the same command goes on where it was, and a model added later is run alone and joins
    the table.
    """
    from lmcompare.api import load
    from lmcompare.harness.overrides import Overrides, planned
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import run as run_experiment

    overrides = Overrides(
        corpus=corpus,
        models=_listed_plugins(model),
        preset=preset,
        seeds=_listed(seed),
        device=device,
        threads=threads,
        processes=processes,
        time_limit=time_limit,
        prompts=tuple(prompt or ()),
        words=tuple(word or ()),
        options={
            "documents": documents,
            "sentences": sentences,
            "lowercase": lowercase or None,
            "nfc": nfc or None,
            "encoding": encoding,
            "text_column": text_column,
            "train_words": train_words,
            "valid_words": valid_words,
            "rare_count": rare_count,
            "rare_word": rare_word,
        },
        tokens={"kind": tokens, "min_count": min_count, "size": vocabulary_size},
        match=_listed(match),
        hyperparameters=tuple(parameter or ()),
    )
    plan, base = planned(experiment, overrides)
    folder = Path("reports") / plan.name if out is None else _folder(out)
    try:
        outcome = run_experiment(
            plan,
            folder,
            base=base,
            force=force,
            show=display(quiet=quiet),
            command=shlex.join(["lmcompare", *sys.argv[1:]]),
        )
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"interrupted; what is finished lies in {folder}, and the same command goes on from there"
        ) from None
    print_table(outcome.folder)
    print(f"The report: {outcome.folder / 'report.html'}")
    failures, names = dict(outcome.failures), {table.name for table in plan.models}
    for cell, error in load(outcome.folder).failures.items():  # those that were kept, and whose files are damaged
        if cell.rpartition("/")[0] in names:
            failures.setdefault(cell, error)
    if failures:
        said = "; ".join(f"{cell}: {error}" for cell, error in failures.items())
        raise LmcompareError(f"{len(failures)} of the cells failed, the others are in the report: {said}")


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Run folders.")],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where that of several runs goes; else reports/joined."),
    ] = None,
) -> None:
    """Build the reports of a run folder again from what it stores, or one report of several runs.

    Runs on the same text stand in one table; others in tables of their own, with the reason.
    """
    from lmcompare.api import load
    from lmcompare.harness.reports import rebuild
    from lmcompare.report import write_joined_report

    if len(folders) > 1:
        failures = {folder: load(folder).failures for folder in folders}
        print(write_joined_report(folders, Path("reports") / "joined" if out is None else _folder(out)))
    elif out is not None:
        raise LmcompareError("--out is for the report of several runs: that of one run goes into its folder")
    else:
        page, failed_here = rebuild(folders[0])
        failures = {folders[0]: failed_here}
        print(page)
    for folder, failed in failures.items():
        for cell, error in failed.items():
            where = f"{folder}: " if len(folders) > 1 else ""
            note(f"{where}{cell} is not among the figures: {error}")


@app.command()
def models() -> None:
    """List the models that are installed."""
    from lmcompare import plugins
    from lmcompare.cli.listing import summary

    installed = plugins.MODELS.installed()
    width = max(map(len, installed), default=0)
    for name, point in installed.items():
        print(f"{name:<{width}}  {summary(name)}  [{point.value}]")


@app.command()
def corpora() -> None:
    """List the corpora that need no download, and what else can be read."""
    from lmcompare.corpora import catalogue

    for entry in catalogue():
        print(f"{entry.name:<14} {entry.description}{'' if entry.available else f' (not here: {entry.reason})'}")
    print(
        f"{'nltk:NAME':<14} a corpus of NLTK's data, such as nltk:brown (python -m nltk.downloader brown fetches it)"
    )
    print(f"{'PATH':<14} a UTF-8 text file, a .csv, .tsv or .jsonl table, or a folder of text files")
    print(f"{'-':<14} standard input")
    print(f"{'train=A,…':<14} train=A,valid=B,test=C: three files or folders that are split already")


@app.command()
def score(
    folder: Dir,
    model: ModelOption,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text file, or - for standard input.")],
    seed: SeedOption = None,
    plugin: PluginOption = None,
    documents: Annotated[
        str, typer.Option(metavar="HOW", help="What is one text: line, blank-line or file.")
    ] = "line",
    tokens: Annotated[bool, flag("--tokens", help="Add each token with its surprisal in bits.")] = False,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="The file's encoding.")] = "utf-8",
) -> None:
    """Score texts with a trained model; one JSON line a text: log-probability (nats) and bits per byte."""
    import json

    from lmcompare import corpora

    options = corpora.CorpusOptions(documents=documents, encoding=encoding)  # type: ignore[arg-type]
    texts = corpora.read_documents(file, options)
    trained = _trained(folder, model, seed, plugin)
    for scored in trained.score_documents(texts):
        print(json.dumps(scored.to_json(tokens=tokens), ensure_ascii=False))


@app.command()
def generate(
    folder: Dir,
    model: ModelOption,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="What it goes on from.")] = "",
    length: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens.")] = 50,
    temperature: Annotated[float, typer.Option(metavar="T", help="Above 0; 1 leaves the probabilities alone.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(metavar="K", min=1, help="Draw from the K likeliest.")] = 50,
    top_p: Annotated[float, typer.Option(metavar="P", help="Draw from the likeliest that hold this much.")] = 0.95,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    sampling_seed: Annotated[int, typer.Option(metavar="N", min=0, help="The seed of the draws.")] = 0,
) -> None:
    """Let a trained model go on from a prompt."""
    from lmcompare.harness.sampling import Sampling

    trained = _trained(folder, model, seed, plugin)
    print(prompt + trained.generate(prompt, length, Sampling(temperature, top_k, top_p, sampling_seed)))


@app.command()
def export(
    folder: Dir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write: .arpa, .arpa.gz or .safetensors.")],
    model: ModelOption,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    force: Annotated[bool, flag("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a trained n-gram model to a file that other tools read."""
    if file.exists() and not file.is_dir() and not force:
        raise LmcompareError(f"{file} is there already: choose another name, or --force to replace it")
    print(_trained(folder, model, seed, plugin).export(file, force=force))


@app.command()
def check(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN", help="A name, module:Class or ./file.py:Class.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A hyper-parameter (JSON value); repeat.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0)] = 0,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="Checks that take longer are ended (default: 600).")
    ] = 600.0,
) -> None:
    """Run the conformance kit against a plug-in: a line a check; exit 0, or 1 if one fails."""
    from lmcompare.checks.worker import run_checks_apart
    from lmcompare.harness.overrides import assignment

    parameters = dict(map(assignment, parameter or ()))
    results = run_checks_apart(plugin, parameters, seed, print_result, time_limit)
    excused = sum(result.ok and not result.passed for result in results)
    failed = sum(not result.ok for result in results)
    passed = len(results) - failed - excused
    print(f"{passed} of {len(results)} checks passed{f', {excused} failed as declared' if excused else ''}")
    if failed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plug-in's name, such as my-model.")],
    start: Annotated[
        str, typer.Option("--from", metavar="START", help="bigram (default), ngram, torch or gensim.")
    ] = "bigram",
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Where to make it.")] = ".",
) -> None:
    """Write a small working plug-in package with its test."""
    from lmcompare.scaffold import create

    print(create(name, _folder(out), start))


def _folder(out: str) -> Path:
    if not out:
        raise LmcompareError("--out names no folder: leave it out, or say where")
    return Path(out)


def _trained(folder: Path, model: str, seed: int | None, plugin: list[str] | None) -> TrainedModel:
    """Return a trained model of a run; one that is no valid probability model comes with a note."""
    from lmcompare.api import load

    trained = load(folder).model(model, seed, plugin=plugin or ())
    if not trained.truthful:
        note(f"'{model}' is not a valid probability model: it failed the truth checks of its run, see the report")
    if not trained.model.traits.normalised:
        note(f"'{model}' gives scores that need not sum to one: they are no probabilities, and may not be compared")
    return trained


def _listed(values: list[str] | None) -> tuple[str, ...]:
    """Return the values of a repeated option, each of which may hold several behind commas."""
    listed = tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())
    if values and not listed:
        raise LmcompareError("an option was given an empty value: leave it out, or say what it is")
    return listed


def _listed_plugins(values: list[str] | None) -> tuple[str, ...]:
    """The same for plug-ins; the path of a file may hold commas."""
    listed: list[str] = []
    for value in values or ():
        home, _, name = value.rpartition(":")
        whole = "," in home and "," not in name and Path(home).expanduser().is_file()
        listed += [value] if whole else _listed([value])
    return tuple(listed)
