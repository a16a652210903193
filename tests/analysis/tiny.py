"""Run folders of a few tokens, whose figures can be worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmcompare.analysis import Run, load_run
from lmcompare.runfolder.files import write_json
from lmcompare.runfolder.layout import (
    CELL_TABLES,
    CURVE_COLUMNS,
    DOCUMENT_COLUMNS,
    MANIFEST,
    SCHEMA_VERSION,
    SCORE_COLUMNS,
)
from lmcompare.runfolder.parquet import write_table
from lmcompare.runfolder.seals import seal

Array = np.ndarray[Any, Any]
SOUND = {"causal": True, "normalised": True, "adaptive": False, "carries_state": False, "pretrained": False}
PASSED = {"passed": True, "checks": [{"name": "sums to one", "passed": True, "figure": 0.0, "tolerance": 1e-4}]}


def tiny_run(
    path: Path,
    probabilities: Mapping[str, Sequence[Sequence[float] | Array]],
    *,
    documents: Sequence[Sequence[int]] = ((4,),),
    n_bytes: Sequence[int] | None = None,
    cells: Mapping[str, Mapping[str, Any]] | None = None,
    costs: Mapping[str, Mapping[str, Any]] | None = None,
    valid: Mapping[str, Sequence[Sequence[float] | Array]] | None = None,
    metadata: Sequence[Mapping[str, Any]] | None = None,
    **columns: Sequence[Any],
) -> Run:
    """Write and open a run of one tokenizer.

    Parameters: ``probabilities``, of every test token, by model and seed; ``valid``, the same on valid, which has
    as many tokens (default: those of test); ``documents``, the tokens of each sentence of each document;
    ``n_bytes``, of each document (default: one a token); ``cells``, ``costs``, what differs in the cell.json and
    cost.json of a model; ``columns``, of the token tables: overhead_bits, is_unknown, target_rank, reset
    (probabilities), train_count, seen_2 …, repeated.
    """
    rows = [(d, s, k) for d, lengths in enumerate(documents) for s, n in enumerate(lengths) for k in range(n)]
    document, sentence, within = (np.array(c) for c in zip(*rows, strict=True))
    n = len(rows)
    position = np.arange(n) - np.searchsorted(document, document)
    n_bytes = [sum(lengths) for lengths in documents] if n_bytes is None else n_bytes
    base = pd.DataFrame({"document": document, "position": position})

    def given(name: str, otherwise: Any) -> Any:
        return columns.get(name, [otherwise] * n)

    features = base.assign(
        token_id=0,
        train_count=given("train_count", 5),
        **{f"seen_{o}": given(f"seen_{o}", False) for o in range(2, 6)},
        sentence=sentence,
        position_in_sentence=within,
        repeated=given("repeated", False),
        overhead_bits=np.array(given("overhead_bits", 0.0), np.float64),
    )
    tokens = path / "tokens" / "fp"
    tokens.mkdir(parents=True)
    write_table(tokens / "features.parquet", _both(features))
    (tokens / "vocabulary.json").write_text('{"tokens": ["<unk>", "</s>", "word"], "counts": [1, 1, 1]}')
    table = pd.DataFrame(
        {
            "document": range(len(documents)),
            "name": [f"d{d}" for d in range(len(documents))],
            "bytes": list(n_bytes),
            "tokens": [sum(lengths) for lengths in documents],
            "sentences": [len(lengths) for lengths in documents],
            "metadata": [json.dumps(m) for m in (metadata or [{}] * len(documents))],
            "repeated": False,
            "repeats": "",
        }
    )
    write_table(tokens / "documents.parquet", _both(table)[list(DOCUMENT_COLUMNS)])
    seal(tokens, ("features.parquet", "documents.parquet", "vocabulary.json"))
    for name, seeds in probabilities.items():
        for seed, given_to in enumerate(seeds):
            on_valid = seeds[seed] if valid is None else valid[name][seed]
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
                both = _both(scores)
                both.loc[both["split"] == "valid", "log_prob"] = np.log(on_valid)
            cell = path / "cells" / name / str(seed)
            cell.mkdir(parents=True)
            write_table(cell / "scores.parquet", both[list(SCORE_COLUMNS)])
            info: dict[str, Any] = {"status": "done", "error": None, "traits": SOUND, "truth": PASSED, "notes": []}
            cost = {"train_seconds": 1.0, "microseconds_per_token": 2.0, "peak_memory_bytes": 3, "parameters": 4}
            cost |= {"model_bytes": 5} | dict((costs or {}).get(name, {}))
            (cell / "cell.json").write_text(json.dumps(info | dict((cells or {}).get(name, {}))))
            (cell / "cost.json").write_text(json.dumps(cost))
            (cell / "examples.json").write_text('{"prompts": [], "sentences": []}')
            (cell / "exhibits.json").write_text("[]")
            (cell / "curve.csv").write_text(",".join(CURVE_COLUMNS) + "\n")
            write_table(cell / "top.parquet", base.iloc[:0].assign(place=1, token="x", log_prob=0.0))
            seal(cell, CELL_TABLES)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "name": "tiny",
        "experiment": {},
        "corpus": {"fingerprint": "c"},
        "tokens": {"fp": {"spec": {"kind": "word"}, "description": "words"}},
        "models": [
            {
                "name": name,
                "plugin": name,
                "tokens_fingerprint": "fp",
                "seeds": list(range(len(seeds))),
                "cells": [f"cells/{name}/{seed}" for seed in range(len(seeds))],
            }
            for name, seeds in probabilities.items()
        ],
    }
    write_json(path / MANIFEST, manifest)
    seal(path, (MANIFEST,))
    return load_run(path)


def _both(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table.assign(split="valid"), table.assign(split="test")], ignore_index=True)


def bits(rate: float, seed: int) -> list[list[float]]:
    """400 tokens of ``rate`` bits each on average, up to 0.1 more or less."""
    noise = np.random.default_rng(seed).permutation(np.linspace(-0.1, 0.1, 400))
    return [(2.0 ** -(rate + noise)).tolist()]
