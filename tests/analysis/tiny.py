"""Run folders of a few tokens, whose figures can be worked out by hand: a real one with other tables in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from lmcompare.analysis import Run, load_run
from lmcompare.runfolder.files import write_table
from lmcompare.runfolder.layout import HELD_OUT, MANIFEST
from tests.run_folder import reseal, write_run_folder

Array = np.ndarray[Any, Any]
SOUND = {"causal": True, "normalised": True, "adaptive": False, "carries_state": False, "pretrained": False}
PASSED = {
    "passed": True,
    "checks": [{"name": "probabilities sum to one", "passed": True, "figure": 0.0, "tolerance": 1e-4}],
}
COST = {
    "train_seconds": 1.0,
    "processor_seconds": 1.0,
    "microseconds_per_token": 2.0,
    "peak_memory_bytes": 3,
    "parameters": 4,
    "model_bytes": 5,
}


def tiny_run(
    path: Path,
    probabilities: Mapping[str, Sequence[Sequence[float] | Array]],
    *,
    documents: Sequence[Sequence[int]] = ((4,),),
    n_bytes: Sequence[int] | None = None,
    cells: Mapping[str, Mapping[str, Any]] | None = None,
    costs: Mapping[str, Mapping[str, Any]] | None = None,
    measured: Mapping[str, Mapping[str, Any]] | None = None,
    valid: Mapping[str, Sequence[Sequence[float] | Array]] | None = None,
    metadata: Sequence[Mapping[str, Any]] | None = None,
    repeated_spans: Sequence[Sequence[tuple[int, int]]] | None = None,
    **columns: Sequence[Any],
) -> Run:
    """Write and open a run of one tokenizer.

    Parameters: ``probabilities``, of every test token, by model and seed; ``valid``, the same on valid, which has
    as many tokens (default: those of test); ``documents``, the tokens of each sentence of each document;
    ``n_bytes``, of each document (default: one a token); ``repeated_spans``, the bytes of each that occur in earlier
    text; ``cells``, ``costs``, what differs in the cell.json and cost.json of a model; ``measured``, what studies
    have measured of it; ``columns``, of the token tables: overhead_bits, is_unknown, target_rank, reset
    (probabilities), train_count, seen_2 …, repeated.
    """
    rows = [(d, s, k) for d, lengths in enumerate(documents) for s, n in enumerate(lengths) for k in range(n)]
    document, sentence, within = (np.array(c) for c in zip(*rows, strict=True))
    position = np.arange(len(rows)) - np.searchsorted(document, document)
    n_bytes = [sum(lengths) for lengths in documents] if n_bytes is None else n_bytes
    base = pd.DataFrame({"document": document, "position": position})

    def given(name: str, otherwise: Any) -> Any:
        return columns.get(name, [otherwise] * len(rows))

    write_run_folder(path, models=["unigram"], seeds=[0], documents=1, sentences=1)
    (tokens,) = (path / "tokens").iterdir()
    _replace(
        tokens / "features.parquet",
        base.assign(
            token_id=0,
            train_count=given("train_count", 5),
            **{f"seen_{order}": given(f"seen_{order}", False) for order in range(2, 6)},
            sentence=sentence,
            position_in_sentence=within,
            repeated=given("repeated", False),
            overhead_bits=np.array(given("overhead_bits", 0.0), np.float64),
            spelling_bits=0.0,
        ),
    )
    texts = {
        "document": range(len(documents)),
        "name": [f"d{d}" for d in range(len(documents))],
        "bytes": list(n_bytes),
        "tokens": [sum(lengths) for lengths in documents],
        "sentences": [len(lengths) for lengths in documents],
        "metadata": [json.dumps(m) for m in (metadata or [{}] * len(documents))],
        "repeated_spans": [json.dumps(spans) for spans in (repeated_spans or [[]] * len(documents))],
    }
    _replace(tokens / "documents.parquet", pd.DataFrame(texts))
    made = (path / "cells").rename(path / "made") / "unigram" / "0"
    for name, seeds in probabilities.items():
        for seed, given_to in enumerate(seeds):
            cell = shutil.copytree(made, path / "cells" / name / str(seed))
            with np.errstate(divide="ignore"):
                scores = base.assign(
                    model=name,
                    seed=seed,
                    token="x",
                    byte_start=position,
                    byte_end=position + 1,
                    log_prob=np.log(given_to),
                    is_unknown=given("is_unknown", False),
                    log_prob_reset=np.log(given("reset", 0.25)),
                    target_rank=np.array(given("target_rank", 1), np.int32),
                )
                on_valid = np.log(seeds[seed] if valid is None else valid[name][seed])
            _replace(cell / "scores.parquet", scores, log_prob=on_valid)
            top = pd.read_parquet(cell / "top.parquet")
            write_table(cell / "top.parquet", top.iloc[:0])
            own = {"name": name, "identity": name, "seed": seed, "title": name, "summary": "", "notes": []}
            own |= {"traits": SOUND, "truth": PASSED, **(cells or {}).get(name, {})}
            update(cell / "cell.json", own)
            found = (measured or {}).get(name, {})
            (cell / "studies.json").write_text(
                json.dumps({study: {"measured": table} for study, table in found.items()})
            )
            update(cell / "cost.json", COST | dict((costs or {}).get(name, {})))
    shutil.rmtree(path / "made")

    def listed(manifest: dict[str, Any]) -> None:
        (row,) = manifest["models"]
        manifest["models"] = [
            {
                **row,
                "name": name,
                "plugin": name,
                "seeds": list(range(len(seeds))),
                "cells": [f"cells/{name}/{seed}" for seed in range(len(seeds))],
            }
            for name, seeds in probabilities.items()
        ]

    edit(path / MANIFEST, listed)
    return load_run(reseal(path))


def update(path: Path, values: Mapping[str, Any]) -> None:
    """Change values of a JSON file."""
    edit(path, lambda table: table.update(values))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the table of a JSON file."""
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")


def _replace(path: Path, rows: pd.DataFrame, **on_valid: Array) -> None:
    """Put these rows, on valid and on test, in place of those that the harness wrote, in the same columns."""
    columns = pq.read_schema(path).names
    both = [rows.assign(split=split, **(on_valid if split == "valid" else {})) for split in HELD_OUT]
    write_table(path, pd.concat(both, ignore_index=True)[columns])


def bits(rate: float, seed: int) -> list[list[float]]:
    """400 tokens of ``rate`` bits each on average, up to 0.1 more or less."""
    noise = np.random.default_rng(seed).permutation(np.linspace(-0.1, 0.1, 400))
    return [(2.0 ** -(rate + noise)).tolist()]
