"""The command line: each command is a few lines over the Python API, and imports what it needs when it runs."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare import __version__
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.api import TrainedModel

app = typer.Typer(
    help="Language models of every generation on the same text: how well, at what cost, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="A model of the run.")]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Which of its seeds (default: the first).")
]


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(f"lmcompare {__version__}")
        raise typer.Exit


@app.command()
def run(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file (default: the main job).")
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="A name, a file, a folder, - or train=A,valid=B,test=C."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME", help="Run these models only; repeat or comma."),
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="PRESET", help="quick, default or full.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="The run folder (default: reports/NAME).")
    ] = None,
    seed: Annotated[list[str] | None, typer.Option(metavar="N", help="The seeds; repeat or comma.")] = None,
    device: Annotated[str | None, typer.Option(metavar="DEVICE", help="cpu, cuda, mps or auto.")] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", min=1, help="Threads of each model.")] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What the models go on from; repeat.")
    ] = None,
    documents: Annotated[str | None, typer.Option(metavar="HOW", help="file, line or blank-line.")] = None,
    sentences: Annotated[str | None, typer.Option(metavar="HOW", help="line or punkt.")] = None,
    tokens: Annotated[str | None, typer.Option(metavar="KIND", help="word, whitespace, char or byte.")] = None,
    min_count: Annotated[int | None, typer.Option(metavar="N", help="Least count in train of a known token.")] = None,
    vocabulary_size: Annotated[int | None, typer.Option(metavar="N", help="Greatest number of types.")] = None,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Lower-case the text.")] = False,
    nfc: Annotated[bool, typer.Option("--nfc", help="Normalise the text to Unicode NFC.")] = False,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="The files' encoding (default: utf-8).")
    ] = None,
    text_column: Annotated[str | None, typer.Option(metavar="NAME", help="The text's column in a table.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run finished cells again.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train and score models on a corpus and write the report.

    Finished cells are kept: the same command goes on where it was, and a model added later is run alone and joins
    the table.
    """
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
        prompts=tuple(prompt or ()),
        options={
            "documents": documents,
            "sentences": sentences,
            "lowercase": lowercase or None,
            "nfc": nfc or None,
            "encoding": encoding,
            "text_column": text_column,
        },
        tokens={"kind": tokens, "min_count": min_count, "size": vocabulary_size},
    )
    plan, base = planned(experiment, overrides)
    folder = out or Path("reports") / plan.name
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
    _print_table(outcome.folder)
    print(f"The report: {outcome.folder / 'report.html'}")
    if outcome.failures:
        said = "; ".join(f"{cell}: {error}" for cell, error in outcome.failures.items())
        raise LmcompareError(f"{len(outcome.failures)} of the cells failed, the others are in the report: {said}")


@app.command()
def report(folder: Dir) -> None:
    """Build the reports of a run folder again from what it stores."""
    from lmcompare.api import load
    from lmcompare.harness.run import write_reports

    print(write_reports(folder))
    for cell, error in load(folder).failures.items():
        _note(f"{cell} is not among the figures: {error}")


@app.command()
def models() -> None:
    """List the models that are installed."""
    from lmcompare import plugins

    for name, point in plugins.installed().items():
        try:
            summary = plugins.summary(plugins.resolve(name))
        except LmcompareError as error:
            summary = f"can't be loaded: {error}"
        print(f"{name:<16} {summary}  [{point.value}]")


@app.command()
def corpora() -> None:
    """List the corpora that need no download, and what else can be read."""
    from lmcompare.corpora import catalogue

    for entry in catalogue():
        print(f"{entry.name:<14} {entry.description}{'' if entry.available else f' (not here: {entry.reason})'}")
    print(f"{'PATH':<14} a UTF-8 text file, a .csv, .tsv or .jsonl table, or a folder of text files")
    print(f"{'-':<14} standard input")
    print(f"{'train=A,…':<14} train=A,valid=B,test=C: three files or folders that are split already")


@app.command()
def score(
    folder: Dir,
    model: ModelOption,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text file, or - for standard input.")],
    seed: SeedOption = None,
    documents: Annotated[
        str, typer.Option(metavar="HOW", help="What is one text: line, blank-line or file.")
    ] = "line",
    tokens: Annotated[bool, typer.Option("--tokens", help="Add each token with its surprisal in bits.")] = False,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="The file's encoding.")] = "utf-8",
) -> None:
    """Score texts with a trained model; one JSON line a text: log-probability (nats) and bits per byte."""
    import json

    from lmcompare import corpora

    options = corpora.CorpusOptions(documents=documents, encoding=encoding)  # type: ignore[arg-type]
    texts = corpora.read_documents(file, options)
    trained = _trained(folder, model, seed)
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
    sampling_seed: Annotated[int, typer.Option(metavar="N", min=0, help="The seed of the draws.")] = 0,
) -> None:
    """Let a trained model go on from a prompt."""
    from lmcompare.harness.sampling import Sampling

    trained = _trained(folder, model, seed)
    print(prompt + trained.generate(prompt, length, Sampling(temperature, top_k, top_p, sampling_seed)))


@app.command()
def check(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN", help="A name, module:Class or ./file.py:Class.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A hyper-parameter (JSON value); repeat.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0)] = 0,
) -> None:
    """Run the conformance kit against a plug-in: a line a check; exit 0, or 1 if one fails."""
    from lmcompare import plugins
    from lmcompare.checks import run_checks

    cls = plugins.resolve(plugin)
    parameters = dict(_assignment(text) for text in parameter or ())
    plugins.build(plugin, parameters, "quick")  # a wrong hyper-parameter is a usage error, not a failed check
    try:
        results = run_checks(cls, parameters=parameters, seed=seed, on_result=_print_result)
    except SystemExit as stop:
        raise LmcompareError(f"the plug-in ended the process (exit code {stop.code}): let it raise") from None
    excused = sum(result.ok and not result.passed for result in results)
    failed = sum(not result.ok for result in results)
    passed = len(results) - failed - excused
    print(f"{passed} of {len(results)} checks passed{f', {excused} failed as declared' if excused else ''}")
    if failed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plug-in's name, such as my-model.")],
    folder: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to make it.")] = Path(),
) -> None:
    """Write a small working plug-in package with its test."""
    from lmcompare.scaffold import create

    print(create(name, folder))


class InterruptedRunError(Exception):
    """Ctrl-C, with what to do next."""


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2, Ctrl-C is 130."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal can't show
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(standalone_mode=True)
    except LmcompareError as error:
        _stop(str(error), 2)
    except (KeyboardInterrupt, InterruptedRunError) as stop:
        _stop(str(stop) or "interrupted", 130)
    except BrokenPipeError:  # the reader of our output has gone, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _stop(f"{error.filename or 'a file'} can't be used: {error.strerror or error}", 2)


def _trained(folder: Path, model: str, seed: int | None) -> TrainedModel:
    """Return a trained model of a run; one that failed its truth checks comes with a note."""
    from lmcompare.api import load

    trained = load(folder).model(model, seed)
    if not trained.truthful:
        _note(f"'{model}' is not a valid probability model: it failed the truth checks of its run, see the report")
    return trained


def _note(sentence: str) -> None:
    print(f"lmcompare: note: {sentence}", file=sys.stderr)


def _terminated(*_: object) -> None:
    """Go the way of Ctrl-C, so that a running cell is ended too."""
    raise KeyboardInterrupt


def _stop(sentence: str, code: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not change the exit code
    print(f"lmcompare: {sentence}", file=sys.stderr)
    sys.exit(code)


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


def _assignment(text: str) -> tuple[str, Any]:
    import json

    key, equals, value = text.partition("=")
    if not equals:
        raise LmcompareError(f"--set takes KEY=VALUE, not '{text}'")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _print_result(result: Any) -> None:
    mark = "ok  " if result.passed else "xfail" if result.ok else "FAIL"
    said = "; ".join(part for part in (result.reason, result.expected_failure) if part)
    print(f"{mark:<5} {result.name}{f': {said}' if said else ''}", flush=True)


def _print_table(folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from lmcompare.storage import read_json

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("rank", "model", "bits/byte", "95 %", "perplexity", "top-1", "train s", "µs/token"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    rows = read_json(folder / "results.json")["models"]
    for row in sorted(rows, key=lambda r: (r["rank"] or len(rows) + 1, r["bits_per_byte"] or float("inf"))):
        low, high = _shown(row["bits_per_byte_low"], "{:.2f}"), _shown(row["bits_per_byte_high"], "{:.2f}")
        table.add_row(
            _shown(row["rank"], "{}"),
            row["name"],
            _shown(row["bits_per_byte"], "{:.3f}"),
            low if low == high else f"{low}–{high}",
            _shown(row["perplexity"], "{:,.1f}"),
            _shown(row["top1_accuracy"], "{:.1%}"),
            _shown(row["train_seconds"], "{:.1f}" if (row["train_seconds"] or 0) >= 1 else "{:.3f}"),
            _shown(row["microseconds_per_token"], "{:.1f}"),
        )
    Console().print(table)
    for row in rows:
        if row["rank"] is None and row["unranked_reason"]:
            print(f"{row['name']} is not ranked: {row['unranked_reason']}.")


def _shown(value: float | None, how: str) -> str:
    return "–" if value is None else how.format(value)


if __name__ == "__main__":
    main()
