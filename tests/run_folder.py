"""A synthetic run folder, complete and consistent, for the tests of all that reads one.

Scores, ranks, top lists, continuations, features and costs agree with one another as they do in a real run, because
all of them come from real distributions over real (if dull) text: see ``tests/synthetic.py``.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmcompare.exhibits import to_json
from tests.synthetic import (
    END,
    MODELS,
    RARE,
    RECIPES,
    TOPICS,
    UNKNOWN,
    Array,
    Grammar,
    Language,
    Synthetic,
    Texts,
    features,
    overhead_bits,
    read,
)
from tests.synthetic_exhibits import exhibits_of

PROMPTS = ("How to make Thai", "The river bank", "The central bank")
SUMMARIES = {
    "unigram": "The floor: every word by how often it stands in train.",
    "ngram": "Interpolated modified Kneser-Ney.",
    "transformer": "Causal multi-head self-attention.",
}


def write_run_folder(
    path: Path,
    *,
    seed: int = 0,
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1),
    failed: Sequence[str] = ("crashing",),
    invalid: Sequence[str] = ("leaky",),
    documents: int = 40,
    sentences: int = 5,
) -> Path:
    """Write a run folder without results and reports, and return its path.

    Parameters: ``seed``, of text and models; ``models``, names of ``RECIPES`` or any others, in order (a name that
    begins with "char" gets the character tokenizer); ``seeds``, of every model; ``failed``, models all of whose cells
    failed, or "name/seed" for one cell; ``invalid``, models that fail a truth check; ``documents``, in test (valid
    has half as many); ``sentences``, in each document on the average.
    """
    path.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    grammar = Grammar(rng)
    drawn, topics = {}, {}
    for split, size in {"train": 150, "valid": max(1, documents // 2), "test": documents}.items():
        topics[split] = rng.integers(0, TOPICS, size)
        mean = 5 if split == "train" else sentences
        drawn[split] = [grammar.document(t, 1 + int(rng.poisson(mean - 1)), rng) for t in topics[split]]
    coded = {
        chars: Coded(path, drawn, topics, grammar, chars)
        for chars in sorted({name.startswith("char") for name in models})
    }
    for name in models:
        for s in seeds:
            folder = path / "cells" / name / str(s)
            folder.mkdir(parents=True, exist_ok=True)
            broke = name in failed or f"{name}/{s}" in failed
            write_cell(folder, name, s, coded[name.startswith("char")], broke, name in invalid)
    split_sizes = {
        split: {
            "documents": len(docs),
            "sentences": sum(map(len, docs)),
            "bytes": sum(len(" ".join(words).encode()) + 1 for d in docs for words in d),
            "words": sum(len(words) for d in docs for words in d),
        }
        for split, docs in drawn.items()
    }
    manifest = {
        "schema_version": 1,
        "lmcompare": "0.1.0",
        "name": "synthetic",
        "created": "2025-01-02T03:04:05+00:00",
        "command": "lmcompare run synthetic.toml",
        "seconds": 123.4,
        "experiment": {
            "name": "synthetic",
            "seeds": list(seeds),
            "corpus": {"source": "synthetic"},
            "tokens": {"kind": "word", "min_count": 2},
            "models": [{"plugin": plugin_of(name), "name": name} for name in models],
            "examples": {"prompts": list(PROMPTS)},
        },
        "preset": "quick",
        "corpus": {
            "name": "synthetic",
            "source": "synthetic",
            "fingerprint": hashlib.sha256(repr(drawn).encode()).hexdigest()[:16],
            "notes": ["1 document stands in both train and test."],
            "splits": split_sizes,
        },
        "tokens": {c.fingerprint: c.entry() for c in coded.values()},
        "models": [
            {
                "name": name,
                "plugin": plugin_of(name),
                "tokens_fingerprint": coded[name.startswith("char")].fingerprint,
                "seeds": list(seeds),
                "cells": [f"cells/{name}/{s}" for s in seeds],
            }
            for name in models
        ],
        "versions": {"python": "3.11.7", "numpy": np.__version__, "pandas": pd.__version__},
        "hardware": {
            "cpu": "A processor",
            "cores": 2,
            "memory_bytes": 8 * 2**30,
            "platform": "Linux-x86_64",
            "device": "cpu",
            "threads": 2,
        },
    }
    write_json(path / "manifest.json", manifest)
    return path


class Coded:
    """The corpus under one tokenizer, written to ``tokens/<fingerprint>/``."""

    def __init__(
        self, path: Path, drawn: dict[str, Any], topics: dict[str, Array], grammar: Grammar, chars: bool
    ) -> None:
        counts: dict[str, int] = {}
        for sentences in drawn["train"]:
            for words in sentences:
                for token in list(" ".join(words)) if chars else words:
                    counts[token] = counts.get(token, 0) + 1
        kept = sorted((t for t, n in counts.items() if n >= 2 and t not in RARE[:8]), key=lambda t: (-counts[t], t))
        self.chars, self.tokens = chars, ["<unk>", "</s>", *kept]
        self.train, self.valid, self.test = (
            read(split, drawn[split], topics[split], self.tokens, chars) for split in ("train", "valid", "test")
        )
        self.language = Language(self.train, None if chars else grammar, self.tokens)
        self.parts = {t.split: self.language.components(t, t.starts) for t in (self.valid, self.test)}
        self.reset = self.language.components(self.test, self.test.sentence_starts)
        self.spec = {"kind": "char" if chars else "word", "min_count": 2}
        self.fingerprint = hashlib.sha256(json.dumps([self.spec, self.tokens]).encode()).hexdigest()[:16]
        folder = path / "tokens" / self.fingerprint
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "tokenizer.json", self.spec)
        train_counts = np.bincount(self.train.ids, minlength=len(self.tokens)).tolist()
        write_json(folder / "vocabulary.json", {"tokens": self.tokens, "counts": train_counts})
        tables = [features(t, self.train, overhead_bits(t, chars), len(self.tokens)) for t in (self.valid, self.test)]
        pd.concat(tables).to_parquet(folder / "features.parquet", index=False)
        pd.concat([document_table(t) for t in (self.valid, self.test)]).to_parquet(
            folder / "documents.parquet", index=False
        )

    def entry(self) -> dict[str, Any]:
        """What the manifest says of this tokenizer."""
        texts = (self.train, self.valid, self.test)
        return {
            "spec": self.spec,
            "description": "single characters" if self.chars else "words and marks, seen twice or more in train",
            "types": len(self.tokens),
            "tokens": {t.split: len(t.ids) for t in texts},
            "unknown": {t.split: int((t.ids == UNKNOWN).sum()) for t in texts},
        }


def document_table(text: Texts) -> pd.DataFrame:
    """One row a document: its sizes and its metadata."""
    d = np.arange(len(text.raw))
    genres = ("news", "fiction", "travel", "food")
    return pd.DataFrame(
        {
            "split": text.split,
            "document": d,
            "name": text.names,
            "bytes": [len(raw.encode()) for raw in text.raw],
            "tokens": np.bincount(text.document, minlength=len(d)),
            "sentences": [raw.count("\n") for raw in text.raw],
            "metadata": [
                json.dumps({"genre": genres[t], "folder": f"part-{i % 3}"}) for i, t in enumerate(text.topics)
            ],
            "repeated": False,
            "repeats": "",
        }
    )


def plugin_of(name: str) -> str:
    """The plug-in that stands behind the name of a model."""
    return RECIPES[name][0] if name in RECIPES else "./other.py:Other"


def write_cell(folder: Path, name: str, seed: int, coded: Coded, broke: bool, wrong: bool) -> None:
    """Write all that one cell stores; a failed one stores why and no more."""
    model = Synthetic(name, seed)
    cell = {
        "key": hashlib.sha256(f"{name}/{seed}/{coded.fingerprint}".encode()).hexdigest()[:16],
        "status": "failed" if broke else "done",
        "error": f"{name} stopped in fit: division by zero" if broke else None,
        "name": name,
        "plugin": model.plugin,
        "seed": seed,
        "hyperparameters": {"order": 3} if name == "ngram" else {"width": 128, "dropout": 0.1},
        "tokens_fingerprint": coded.fingerprint,
    }
    if broke:
        write_json(folder / "cell.json", cell)
        (folder / "log.txt").write_text("Traceback (most recent call last): …\n", encoding="utf-8")
        return
    usual = {"causal": True, "normalised": True, "adaptive": False, "carries_state": False, "pretrained": False}
    cell |= {
        "summary": SUMMARIES.get(model.plugin, f"The model {name}."),
        "traits": usual | model.traits,
        "notes": ["Words seen once are read as <unk> half of the time."] if "t" in name else [],
        "truth": truth(wrong),
    }
    write_json(folder / "cell.json", cell)
    texts = (coded.valid, coded.test)
    given = {t.split: model.mix(t, coded.parts[t.split]) for t in texts}
    reset = model.mix(coded.test, coded.reset)
    pd.concat([score_table(name, seed, t, given[t.split], reset) for t in texts]).to_parquet(
        folder / "scores.parquet", index=False
    )
    top_table(coded, given["test"]).to_parquet(folder / "top.parquet", index=False)
    write_json(folder / "examples.json", examples(model, coded, given["test"], seed))
    write_json(folder / "exhibits.json", [to_json(e) for e in exhibits_of(model.plugin, coded.tokens)])
    write_json(folder / "cost.json", cost(name, len(coded.test.ids) + len(coded.valid.ids)))
    curve(name, seed).to_csv(folder / "curve.csv", index=False)
    (folder / "model").mkdir(exist_ok=True)
    write_json(folder / "model" / "values.json", {"seed": seed})


def truth(wrong: bool) -> dict[str, Any]:
    """What a run's checks found; a wrong model looks one token ahead."""
    found = [("sums to one", 3e-7, 1e-4), ("the scores agree with next_log_probs", 2e-6, 1e-4)]
    found += [
        ("stream agrees with log_probs", 1e-6, 1e-4),
        ("the future leaves the past alone", 3.2 if wrong else 0.0, 1e-4),
        ("scoring again gives the same", 0.0, 1e-6),
    ]
    checks = [
        {
            "name": name,
            "passed": figure <= tolerance,
            "figure": figure,
            "tolerance": tolerance,
            "detail": f"greatest difference {figure:g} nats at 96 sampled positions of the test text",
        }
        for name, figure, tolerance in found
    ]
    return {"passed": not wrong, "checks": checks}


def score_table(name: str, seed: int, text: Texts, given: Array, reset: Array) -> pd.DataFrame:
    """One row a token: its log-probabilities and its rank."""
    rows = np.arange(len(text.ids))
    mine = given[rows, text.ids]
    rank = 1 + (given > mine[:, None]).sum(axis=1)
    return pd.DataFrame(
        {
            "split": text.split,
            "model": name,
            "seed": seed,
            "document": text.document,
            "position": text.positions,
            "token": text.tokens,
            "byte_start": text.spans[:, 0],
            "byte_end": text.spans[:, 1],
            "log_prob": np.log(mine),
            "is_unknown": text.ids == UNKNOWN,
            "log_prob_reset": np.log(reset[rows, text.ids]) if text.split == "test" else np.nan,
            "target_rank": (rank if text.split == "test" else np.zeros(len(rows))).astype(np.int32),
        }
    )


def top_table(coded: Coded, given: Array) -> pd.DataFrame:
    """The five likeliest tokens at every position of every fifth test document, up to eight of them."""
    rows = np.flatnonzero((coded.test.document % 5 == 0) & (coded.test.document < 40))
    best = np.argsort(-given[rows], axis=1, kind="stable")[:, :5]
    return pd.DataFrame(
        {
            "document": np.repeat(coded.test.document[rows], 5),
            "position": np.repeat(coded.test.positions[rows], 5),
            "place": np.tile(np.arange(1, 6), len(rows)),
            "token": [coded.tokens[i] for i in best.ravel()],
            "log_prob": np.log(np.take_along_axis(given[rows], best, axis=1)).ravel(),
        }
    )


def examples(model: Synthetic, coded: Coded, given: Array, seed: int) -> dict[str, Any]:
    """What comes next after the prompts, continuations, and held-out sentences token by token."""
    rng = np.random.default_rng(seed)
    prompts = []
    for prompt in PROMPTS:
        tokens = list(prompt) if coded.chars else prompt.split()
        first = next_token(model, tokens, coded)
        best = np.argsort(-first)[:10]
        said = list(tokens)
        while len(said) < len(tokens) + 15:
            said.append(coded.tokens[rng.choice(len(first), p=next_token(model, said, coded))])
        joined = ("" if coded.chars else " ").join(said[len(tokens) :]).replace("</s>", "\n")
        prompts.append(
            {
                "prompt": prompt,
                "next": [{"token": coded.tokens[i], "probability": float(first[i])} for i in best],
                "continuation": joined,
                "sampling": {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": seed, "tokens": 15},
            }
        )
    test, shown = coded.test, []
    for document in range(0, min(8, len(test.raw)), 2):
        rows = np.flatnonzero((test.document == document) & (test.sentence == 0))
        surprisal = -np.log2(given[rows, test.ids[rows]])
        shown.append(
            {
                "document": document,
                "first": int(test.positions[rows[0]]),
                "tokens": [test.tokens[i] for i in rows],
                "surprisal_bits": surprisal.tolist(),
            }
        )
    return {"prompts": prompts, "sentences": shown, "words": words(model, coded, seed)}


def words(model: Synthetic, coded: Coded, seed: int) -> list[dict[str, Any]]:
    """Words of the text in contexts: of one vector under word2vec, of several under nets, of none under others."""
    if coded.chars:
        return []
    test, tables = coded.test, []
    for which, count in ((2, 5), (3, 4), (4, 1)):
        rows = np.flatnonzero(test.ids == which)[:count]
        contexts = []
        for row in rows:
            line = np.flatnonzero((test.document == test.document[row]) & (test.sentence == test.sentence[row]))
            place = {"document": int(test.document[row]), "position": int(test.positions[row])}
            before = " ".join(test.tokens[i] for i in line if i < row)
            after = " ".join(test.tokens[i] for i in line[:-1] if i > row)
            contexts.append({"before": f"{before} ", "word": test.tokens[row], "after": f" {after}", **place})
        points = np.random.default_rng([seed, which]).normal(size=(len(rows), 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        moved = (1 - points @ points.T).clip(0).tolist()
        still = np.zeros((len(rows), len(rows))).tolist()
        kind = {"word2vec-bow": still, "rnn-attention": moved, "transformer": moved}
        tables.append({"word": coded.tokens[which], "contexts": contexts, "distances": kind.get(model.plugin)})
    return tables


def next_token(model: Synthetic, tokens: list[str], coded: Coded) -> Array:
    """(V,) probabilities of the token after a document that begins with these."""
    ids = [coded.tokens.index(t) if t in coded.tokens else UNKNOWN for t in tokens]
    zeros = np.zeros(len(ids) + 1, int)
    text = Texts(
        "test", ["prompt"], [""], [*tokens, "</s>"], np.array([*ids, END]), zeros, zeros, zeros, np.array([0])
    )
    found: Array = model.mix(text, coded.language.components(text, zeros), leak=False)[-1]
    return found


def cost(name: str, tokens: int) -> dict[str, Any]:
    """What the cell took: cheap counts, dear networks."""
    step = 10 + zlib.crc32(name.encode()) % 7
    slow = {"unigram": 0.02, "ngram": 0.3, "word2vec-bow": 3.0}.get(name, float(step))
    return {
        "train_seconds": 4 * slow,
        "score_seconds": slow / 10,
        "scored_tokens": tokens,
        "microseconds_per_token": 1e6 * slow / 10 / tokens,
        "peak_memory_bytes": int(120e6 + 2e7 * slow),
        "parameters": int(4_000 + 150_000 * slow),
        "model_bytes": int(16_000 + 600_000 * slow),
        "threads": 2 if slow > 1 else 1,
        "device": "cpu",
    }


def curve(name: str, seed: int) -> pd.DataFrame:
    """The losses in training; counted models have none to show."""
    steps = np.arange(0, 0 if name in ("unigram", "ngram", "cache") else 201, 20)
    loss = 3.2 + 3 * np.exp(-steps / 40) + 0.02 * np.random.default_rng(seed).standard_normal(len(steps))
    valid = np.where(steps % 40 == 0, loss + 0.1, np.nan)  # measured at every other point
    return pd.DataFrame(
        {"step": steps, "seconds": steps * 0.2, "tokens": steps * 640, "train_loss": loss, "valid_loss": valid}
    )


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON, as the harness does."""
    path.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8")
