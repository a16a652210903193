"""Commands that use trained models: ``score``, ``generate``, ``export``, ``compress``, ``serve`` and ``lm-eval``."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from io import StringIO
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from lmcompare.cli.app import app, flag, note, say
from lmcompare.errors import LmcompareError, ordinary, suggest

if TYPE_CHECKING:
    from lmcompare.api import Comparison
    from lmcompare.corpora import Document
    from lmcompare.runfolder.cell import Cell
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


Row = dict[str, Any]
UNITS = ("text", "token", "word")
_PLACE = ("run", "model", "document")
FORMATS = ("jsonl", "csv", "parquet")
TOGETHER = 4096  # texts that are looked for in the training text at a time


class Asked(NamedTuple):
    """A model that is asked, with the name of its run."""

    run: str
    model: TrainedModel


def print_scores(
    asked: Sequence[Asked], documents: Sequence[Document], unit: str, table_format: str, ends: bool
) -> None:
    """Print the scores of texts as one table.

    Raises
    ------
    LmcompareError
        If there is no such unit or format, or Parquet would be printed to a terminal.
    """
    for what, given, known in (("--by", unit, UNITS), ("--format", table_format, FORMATS)):
        if given not in known:
            raise LmcompareError(f"{what} is {given!r}{suggest(given, known)}; give one of {', '.join(known)}")
    if table_format == "parquet" and sys.stdout.isatty():
        raise LmcompareError("a terminal can't show Parquet; write it to a file with > scores.parquet")
    if table_format == "csv":  # the table has the columns of all its rows
        keys = dict.fromkeys(key for document in documents for key in document.metadata)
        documents = [replace(each, metadata={key: each.metadata.get(key, "") for key in keys}) for each in documents]
    rows_of = {"text": _texts, "token": _tokens, "word": _words}[unit]
    rows = (
        {"run": run, "model": model.name} | row for run, model in asked for row in rows_of(model, documents, ends)
    )
    _print(rows, table_format)


def _is_no_json(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _print(rows: Iterator[Row], table_format: str) -> None:
    if table_format == "jsonl":
        for row in rows:
            valid = {key: None if _is_no_json(value) else value for key, value in row.items()}
            say(json.dumps(valid, ensure_ascii=False))
    elif table_format == "csv":
        columns: list[str] = []
        for row in rows:
            if not columns:
                columns = list(row)
                say(_csv(columns))
            say(_csv([row.get(column) for column in columns]))
    else:
        import pandas as pd

        sys.stdout.buffer.write(pd.DataFrame(list(rows)).to_parquet(index=False))


def _csv(cells: Iterable[object]) -> str:
    """Return a line of a CSV table without its end."""
    from lmcompare.runfolder.files import no_formula

    line = StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(map(no_formula, cells))  # a text with \r or \n is then quoted
    return line.getvalue().removesuffix("\r\n")


def _row(document: Document, values: Row) -> Row:
    """Return a row: the name of its text, the other columns of the table that it came from, and the values.

    If a column of the table has the name of a column of the result, ``_given`` is added to its name.
    """
    row: Row = {"document": document.name}
    taken = {*_PLACE, *values}
    for key, value in document.metadata.items():
        name = key
        while key in taken and (name in taken or name in document.metadata):
            name += "_given"
        row[name] = value
    return row | values


def _texts(model: TrainedModel, documents: Sequence[Document], ends: bool) -> Iterator[Row]:
    from lmcompare.measure.text_scores import TrainingText

    train, scores = TrainingText(model.corpus), model.score_documents(documents, ends=ends)
    unknown = tokens = size = 0
    known = 0.0
    for start in range(0, len(documents), TOGETHER):
        some = list(islice(scores, TOGETHER))
        for document, scored, share in zip(documents[start:], some, train.shares(some), strict=False):
            yield _row(document, {**scored.to_json(), "training_share": round(share, 4)})
            tokens, unknown = tokens + len(scored.tokens), unknown + sum(scored.unknown)
            bytes_ = len(scored.text.encode())
            size, known = size + bytes_, known + share * bytes_
    _note_tokens(model, unknown, tokens, "with --by token, overhead_bits")
    if known:
        note(
            f"{known / size:.1%} of the bytes were training text of '{model.name}' (training_share): such figures say"
            " how well it remembers, not how well it predicts, and an average over both kinds of text says neither"
        )


def _tokens(model: TrainedModel, documents: Sequence[Document], ends: bool) -> Iterator[Row]:
    unknown = tokens = 0
    for document, scored in zip(documents, model.score_documents(documents, ends=ends), strict=True):
        for position, row in enumerate(scored.rows()):
            yield _row(document, {"position": position} | row)
        tokens, unknown = tokens + len(scored.tokens), unknown + sum(scored.unknown)
    _note_tokens(model, unknown, tokens, "overhead_bits")


def _note_tokens(model: TrainedModel, unknown: int, tokens: int, where: str) -> None:
    if unknown:
        other = "; usually this means that the text is of another language or kind" if 2 * unknown > tokens else ""
        note(
            f"{unknown:,} of {tokens:,} tokens are unknown to '{model.name}': they have the surprisal of <unk>, any "
            f"unknown word, and {where} has the bits that spell them{other}"
        )


def _words(model: TrainedModel, documents: Iterable[Document], ends: bool) -> Iterator[Row]:
    words = unknown = 0
    documents = list(documents)
    for document, scored in zip(documents, model.word_scores(documents, ends=ends), strict=True):
        for position, word in enumerate(scored):
            words, unknown = words + (word.words > 0), unknown + word.unknown
            yield _row(document, {"position": position} | asdict(word) | {"bits": word.bits})
    if unknown:
        note(
            f"{unknown:,} of {words:,} words have a part that '{model.name}' does not know: surprisal_bits counts it "
            "as any unknown word, and spelling_bits has the bits that spell it; compare models by the sum of both"
        )


T = TypeVar("T")

SUFFIX = ".lmc"
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where the result goes.")]
Force = Annotated[bool, flag("--force", help="Replace a file that is there already.")]


@app.command()
def compress(
    folder: Dir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text file in UTF-8.")],
    model: ModelOption,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Compress a text with a trained model, by arithmetic coding.

    The file has about as many bits as the model needs for the text. The same model is needed to read it again.
    """
    from lmcompare.coding import compress as compressed
    from lmcompare.runfolder.guards import target_of

    data = ordinary(file).read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise LmcompareError(
            f"{file} is not UTF-8 ({error.reason}): convert it, as with iconv, or give a text file"
        ) from None
    target = _beside(file, target_of(out or file.with_name(file.name + SUFFIX), force))
    trained = trained_model(folder, model, seed, plugin)
    packed = _shown("Compressing", lambda progress: compressed(trained, text, progress))
    _write(target, packed)
    rate = f" ({8 * len(packed) / len(data):.3f} bits per byte)" if data else ""
    say(f"compressed {len(data):,} bytes to {len(packed):,} bytes{rate}: {target}")


@app.command()
def decompress(
    folder: Dir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that lmcompare compress wrote.")],
    plugin: PluginOption = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Read a compressed text again, with the model of the run that has compressed it."""
    from lmcompare.coding import Written, compressor
    from lmcompare.coding import decompress as decompressed
    from lmcompare.runfolder.guards import target_of
    from lmcompare.runfolder.run import load_run

    data = ordinary(file).read_bytes()
    try:
        written = Written.of(data)
    except LmcompareError as error:
        raise LmcompareError(f"{file}: {error}") from None
    if out is None and file.suffix != SUFFIX:
        raise LmcompareError(f"{file} does not end in {SUFFIX}: name the file to write the text to with --out")
    target = _beside(file, target_of(out or file.with_suffix(""), force))

    def has_written(cell: Cell) -> bool:
        with suppress(LmcompareError):  # a cell whose model is lost is not asked for
            return compressor(cell.path) == written.model
        return False

    of_model = filter(has_written, load_run(folder).cells)
    cell = next((cell for cell in of_model if cell.status == "done"), None)
    if cell is None:
        raise LmcompareError(f"no model in {folder} compressed {file}: give the run folder of the model that did")
    trained = trained_model(folder, cell.name, cell.seed, plugin)
    try:
        text = _shown("Decompressing", lambda progress: decompressed(trained, data, progress))
    except LmcompareError as error:
        raise LmcompareError(f"{file}: {error}") from None
    _write(target, text.encode())
    say(f"decompressed to {len(text.encode()):,} bytes: {target}")


def _beside(file: Path, target: Path) -> Path:
    """Return where to write what is made of a file. Raises ``LmcompareError`` if that is the file itself."""
    if target.exists() and target.samefile(file):
        raise LmcompareError(f"{target} is the file that is read: choose another --out")
    return target


def _write(file: Path, data: bytes) -> None:
    from lmcompare.runfolder.files import write_aside

    write_aside(file, lambda aside: aside.write_bytes(data))


def _shown(what: str, work: Callable[[Callable[[float], object]], T]) -> T:
    """Return what ``work`` returns, and show how much of it is done."""
    from lmcompare.harness.progress import display

    show = display()
    try:
        return work(lambda share: show.share(what, share))
    finally:
        show.share(what, 1.0)  # a bar hides the cursor of the terminal


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
