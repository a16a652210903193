"""Commands that use the trained models of a run: ``score``, ``generate`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcompare.cli.app import app, flag, note
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.trained import TrainedModel

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="A model of the run.")]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Which of its seeds (default: the first).")
]

PluginOption = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="PLUGIN", help="The code of a model that is not installed; repeat."),
]


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
    tokens: Annotated[bool, flag("--tokens", help="Add each token, with its surprisal in bits.")] = False,
    words: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Print a table of words instead: csv, jsonl or parquet.")
    ] = None,
    ends: Annotated[bool, flag("--ends", help="Each text ends its document: score the end as well.")] = False,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="The file's encoding.")] = "utf-8",
) -> None:
    """Score texts with a trained model; one JSON line a text: log-probability (nats), bits and bits per byte.

    With --words, print a table of the surprisal per word instead; --model may then be several models: a,b.
    """
    import json
    from dataclasses import replace

    from lmcompare import corpora

    options = corpora.CorpusOptions(documents=documents, encoding=encoding)  # type: ignore[arg-type]
    texts = corpora.read_documents(file, options)
    if documents == "line":  # the line end separates the texts and is no part of them
        texts = tuple(replace(text, text=text.text.rstrip("\r\n")) for text in texts)
    if words is not None:
        from lmcompare.cli.word_table import print_words

        print_words(trained_models(folder, model, seed, plugin), texts, words, ends)
        return
    if "," in model:
        raise LmcompareError("several models are scored with --words only: give one model, or --words csv")
    trained = _trained(folder, model, seed, plugin)
    n_tokens = n_unknown = 0
    for scored in trained.score_documents(texts, ends=ends):
        print(json.dumps(scored.to_json(tokens=tokens), ensure_ascii=False))
        n_tokens += len(scored.tokens)
        n_unknown += sum(scored.unknown)
    if n_unknown:
        note(
            f"{n_unknown:,} of {n_tokens:,} tokens are unknown to '{model}': their surprisal is that of <unk>, any "
            "unknown word, and overhead_bits has the bits that spell them"
        )


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
    trained = _trained(folder, model, seed, plugin)
    drawn = trained.generate(prompt, length, temperature=temperature, top_k=top_k, top_p=top_p, seed=sampling_seed)
    print(prompt + drawn)


@app.command()
def export(
    folder: Dir,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="tokenizer.json, or a name with the suffix .arpa, .arpa.gz, .safetensors or .vec; a name without a "
            "suffix is a folder for Hugging Face's transformers.",
        ),
    ],
    model: ModelOption,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    force: Annotated[bool, flag("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a trained model, its word vectors or its tokenizer to a file that other tools read."""
    trained = _trained(folder, model, seed, plugin)
    written = trained.export(file, force=force)
    if written.is_dir() and not (written / "tokenizer.json").exists():
        try:
            trained.tokenizer_json()
        except LmcompareError as error:
            note(f"{written} has no tokenizer: {error}")
    print(written)


def trained_models(
    folder: Path, names: str | None, seed: int | None, plugin: list[str] | None
) -> dict[str, TrainedModel]:
    """Return models of a run by name, those that ``names`` lists with commas or all of them."""
    from lmcompare.api import load

    listed = load(folder).models if names is None else [name.strip() for name in names.split(",")]
    return {name: _trained(folder, name, seed, plugin) for name in listed}


def _trained(folder: Path, model: str, seed: int | None, plugin: list[str] | None) -> TrainedModel:
    """Return a trained model of a run; print a note if it is not a valid probability model."""
    from lmcompare.api import load

    trained = load(folder).model(model, seed, plugin=plugin or ())
    if not trained.truthful:
        note(f"'{model}' is not a valid probability model: it failed the validity checks of its run, see the report")
    if not trained.model.traits.normalised:
        note(f"the scores of '{model}' need not sum to one: they are not probabilities and cannot be compared")
    return trained
