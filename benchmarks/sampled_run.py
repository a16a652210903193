"""A run folder of any size, as a run would have left it, without training anything: for timing the report.

``python benchmarks/sampled_run.py runs/sampled --tokens 10000000`` writes five models' scores of ten million test
tokens. Train is drawn from a Zipfian vocabulary; valid and test are pieces of train, so that n-grams repeat as in
real text. Features and tables are made by the harness's own functions, and every file is sealed. Log-probabilities
are no model's: the surprisal of a word is that of its frequency, times what all models find hard, times what each
finds hard for itself.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lmcompare.measure.features import token_features
from lmcompare.measure.scoring import PLACES, Ranked, scores_table, top_table
from lmcompare.measure.selection import shown_positions
from lmcompare.runfolder import files, seals
from lmcompare.runfolder.layout import CELL_TABLES, WORD_COLUMNS
from lmcompare.runfolder.manifest import (
    CorpusEntry,
    Hardware,
    Manifest,
    ModelRow,
    Settings,
    SplitSizes,
    TokensEntry,
    write_manifest,
)
from lmcompare.runfolder.parquet import write_table
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, OverheadBits, Vocabulary

Array = npt.NDArray[Any]

NAMES = ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer")
QUALITY = (1.0, 0.74, 0.86, 0.72, 0.69)  # a model's surprisal as a share of the unigram's; of more models, the last
SENTENCE = 22  # tokens on the average, </s> included
PIECE = 4  # tokens on the average that are copied from train at a time
UNKNOWN_SHARE = 0.02
FINGERPRINT = "sampled"
END = 1  # the id of </s>


@dataclass(frozen=True)
class Text:
    """One split. ``surface``: (N,) its tokens as the text has them; ``hard``: (N,) what all models share."""

    split: str
    encoded: Encoded
    surface: Array
    overhead: OverheadBits
    hard: Array


def vocabulary(types: int) -> tuple[list[str], Array]:
    """Return the strings of a vocabulary, the most frequent first, and their probabilities."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = []
    for rank in range(types - 2):
        word, rest = "", rank
        while rest or not word:
            word, rest = word + letters[rest % 26], rest // 26
        kind = rank % 16
        words.append(word.capitalize() if kind == 3 else str(1800 + rank) if kind == 11 else word + "-" * (rank < 26))
    p = 1 / (np.arange(types - 2) + 2.7)
    return ["<unk>", "</s>", *words], np.array([UNKNOWN_SHARE, 1 / SENTENCE, *((0.98 - 1 / SENTENCE) * p / p.sum())])


def pieces(train: Array, tokens: int, rng: np.random.Generator) -> Array:
    """(tokens,) ids copied from train piece by piece; the last closes a sentence."""
    lengths = rng.geometric(1 / PIECE, tokens // PIECE * 2 + 100)
    begins = rng.integers(0, len(train) - lengths)
    at = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)[:tokens] + np.arange(tokens)
    ids = train[at]
    ids[-1] = END
    return ids


def text(split: str, ids: Array, documents: int, known: Vocabulary, rng: np.random.Generator) -> Text:
    """Divide ids into documents at sentence ends, and give every token its string and its bytes."""
    after = np.flatnonzero(ids == known.end)[:-1] + 1
    starts = np.append(0, np.sort(rng.choice(after, min(documents - 1, len(after)), replace=False)))
    surface = np.array(known.tokens, object)[ids]
    unknown = np.flatnonzero(ids == known.unknown)
    surface[unknown] = np.array([f"x{i}" for i in range(50_000)], object)[rng.integers(0, 50_000, len(unknown))]
    size = np.array([len(token) for token in known.tokens])[ids]
    size[ids == known.end] = 0
    size[unknown] = 5
    ends = np.cumsum(size + 1)
    begins = ends - size - 1
    document = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(ids))))
    offset = begins[starts][document]
    spans = np.stack([begins - offset, begins - offset + size], axis=1)
    side = np.where(ids == known.unknown, rng.gamma(9, 3.5, len(ids)), rng.gamma(0.3, 0.2, len(ids)))
    hard = rng.gamma(4, 1 / 4, len(ids)) * rng.lognormal(0, 0.12, len(starts))[document]
    bits = OverheadBits(spelling=side, white_space=np.zeros(len(ids)), separator=np.zeros(len(ids)))
    return Text(split, Encoded(ids, starts, known, spans), surface, bits, hard)


def rows_of_words(t: Text) -> Array:
    """Return the tokens that are words, and the last ``</s>`` of each document, which is the row of its end."""
    chosen = t.encoded.ids != END
    chosen[t.encoded.ends - 1] = True
    return np.flatnonzero(chosen)


def words_of(t: Text, features: pd.DataFrame) -> pd.DataFrame:
    """Return the words of a split: each token but ``</s>`` is one."""
    assert t.encoded.spans is not None
    rows = rows_of_words(t)
    ids, document, is_end = t.encoded.ids[rows], t.encoded.document_of(rows), t.encoded.ids[rows] == END
    first = np.searchsorted(document, np.arange(t.encoded.n_documents))
    table = features.iloc[rows].assign(
        word=np.where(is_end, "", t.surface[rows]),
        byte_start=t.encoded.spans[rows, 0],
        byte_end=t.encoded.spans[rows, 1],
        train_rank=np.maximum(ids - 1, 0).astype(np.int32),  # the ids are by falling frequency
        position=(np.arange(len(rows)) - first[document]).astype(np.int32),
    )
    table.loc[is_end, ["train_count", "position_in_sentence"]] = 0
    table.loc[is_end, "repeated"] = False
    return table[list(WORD_COLUMNS)]


def word_scores(t: Text, log_probs: Array) -> pd.DataFrame:
    """Return the bits of these words; those of a ``</s>`` are in the gap before the next one, or of the end."""
    rows, bits, spelling = rows_of_words(t), -log_probs / np.log(2), t.overhead.spelling
    is_end, closed = t.encoded.ids[rows] == END, t.encoded.ids[rows - 1] == END
    charged = bits + spelling
    before = np.where(closed & ~np.isin(rows, t.encoded.starts), charged[rows - 1], 0)
    table = {
        "split": t.split,
        "document": t.encoded.document_of(rows),
        "surprisal_bits": np.where(is_end, 0, bits[rows]),
        "spelling_bits": np.where(is_end, 0, spelling[rows]),
        "gap_bits": before + np.where(is_end, charged[rows], 0),
        "joined": False,
    }
    return pd.DataFrame(table)


def write_tokens(folder: Path, train: Encoded, texts: list[Text], rng: np.random.Generator) -> TokenizedCorpus:
    """Write the tables of the tokens, and return what the harness makes its tables of the most likely words from."""
    known = train.vocabulary
    features = [token_features(train, t.encoded, t.encoded.sentence_starts(), t.overhead, t.split) for t in texts]
    write_table(folder / "features.parquet", pd.concat(features, ignore_index=True))
    write_table(folder / "words.parquet", pd.concat(map(words_of, texts, features), ignore_index=True))
    tables = []
    for t in texts:
        starts, ends = t.encoded.starts, t.encoded.ends
        count = len(starts)
        genre, source = rng.integers(0, 8, count), rng.integers(0, 3, count)
        assert t.encoded.spans is not None
        table = {
            "split": t.split,
            "document": np.arange(count),
            "name": [f"document {i}" for i in range(count)],
            "bytes": t.encoded.spans[ends - 1, 1] + 1,
            "tokens": ends - starts,
            "sentences": np.add.reduceat(t.encoded.ids == known.end, starts),
            "metadata": [
                json.dumps({"genre": f"g{g}", "source": f"s{s}"}) for g, s in zip(genre, source, strict=True)
            ],
            "repeated": False,
            "repeats": "",
        }
        tables.append(pd.DataFrame(table))
    write_table(folder / "documents.parquet", pd.concat(tables, ignore_index=True))
    files.write_json(folder / "vocabulary.json", {"tokens": list(known.tokens), "counts": known.counts.tolist()})
    seals.seal(folder, ("features.parquet", "words.parquet", "documents.parquet", "vocabulary.json"))
    corpus = TokenizedCorpus(folder)
    corpus.__dict__ |= {"train": train, **{t.split: t.encoded for t in texts}}  # as if they were read
    corpus._sentence_starts |= {
        name: text.sentence_starts() for name, text in (("train", train), *((t.split, t.encoded) for t in texts))
    }
    return corpus


def surprisals(t: Text, floor: Array, quality: float, rng: np.random.Generator) -> Array:
    """(N,) nats: what the frequency says, times what is hard for all, times what is hard for one."""
    if quality == 1:
        return floor[t.encoded.ids]
    own = rng.gamma(10, 1 / 10, len(t.hard))
    return (quality * floor[t.encoded.ids] * t.hard * own).astype(np.float32).astype(np.float64)


def write_cell(
    folder: Path, name: str, quality: float, corpus: TokenizedCorpus, texts: list[Text], rng: np.random.Generator
) -> None:
    """Write what one cell stores, but for the trained model."""
    valid, test = texts
    types = len(corpus.vocabulary)
    floor = -np.log((corpus.vocabulary.counts + 1) / (corpus.vocabulary.counts + 1).sum())
    on_valid, on_test = (-surprisals(t, floor, quality, rng) for t in (valid, test))
    rank = 1 + np.minimum(np.exp(np.minimum(-0.8 * on_test, 30)) * rng.random(len(on_test)), types - 1).astype(
        np.int32
    )
    surface = [
        pd.DataFrame(
            {
                "split": t.split,
                "document": t.encoded.document_of(np.arange(len(t.encoded))),
                "position": np.arange(len(t.encoded))
                - np.repeat(t.encoded.starts, t.encoded.ends - t.encoded.starts),
                "token": t.surface,
                "byte_start": t.encoded.spans[:, 0],  # type: ignore[index]
                "byte_end": t.encoded.spans[:, 1],  # type: ignore[index]
                "is_unknown": t.encoded.ids == corpus.vocabulary.unknown,
            }
        )
        for t in texts
    ]
    table = scores_table(
        name,
        0,
        pd.concat(surface, ignore_index=True),
        np.concatenate([on_valid, on_test]),
        np.concatenate([np.full(len(on_valid), np.nan), on_test * rng.uniform(1, 1.2, len(on_test))]),
        np.concatenate([np.zeros(len(on_valid), np.int32), rank]),
    )
    write_table(folder / "scores.parquet", table)
    write_table(folder / "words.parquet", pd.concat([word_scores(valid, on_valid), word_scores(test, on_test)]))
    positions = shown_positions(corpus, np.arange(len(corpus.test)))
    shown = len(positions)
    top = np.sort(rng.integers(0, min(types, 200), (shown, 1)) + np.arange(PLACES), axis=1).astype(np.int32)
    p = np.log(-np.sort(-rng.dirichlet(np.ones(PLACES), shown), axis=1) * 0.7)
    write_table(
        folder / "top.parquet", top_table(corpus, positions, Ranked(on_test, rank, top, p, np.zeros(len(on_test))))
    )
    sentences = [
        {
            "document": int(document),
            "first": 0,
            "tokens": test.surface[start : start + SENTENCE].tolist(),
            "surprisal_bits": (-on_test[start : start + SENTENCE] / np.log(2)).tolist(),
        }
        for document, start in enumerate(test.encoded.starts[:5])
    ]
    files.write_json(folder / "examples.json", {"prompts": [], "sentences": sentences})
    files.write_json(folder / "exhibits.json", [])
    cost = {
        "train_seconds": 60.0,
        "score_seconds": 1.0,
        "scored_tokens": len(on_valid),
        "microseconds_per_token": 30.0,
    }
    cost |= {"peak_memory_bytes": 10**9, "parameters": 10**7, "model_bytes": 4 * 10**7, "check_seconds": 1.0}
    files.write_json(folder / "cost.json", cost | {"threads": 1, "processes": 1, "device": "cpu"})
    steps = np.arange(1, 200)
    loss = 5 + 3 * np.exp(-steps / 40)
    curve = pd.DataFrame({"step": steps, "seconds": steps * 0.3, "tokens": steps * 1000, "train_loss": loss})
    files.write_text(folder / "curve.csv", curve.assign(valid_loss=loss + 0.1).to_csv(index=False))
    traits = {"causal": True, "normalised": True, "adaptive": False, "carries_state": False, "pretrained": False}
    cell: dict[str, Any] = {
        "status": "done",
        "error": None,
        "name": name,
        "plugin": name,
        "seed": 0,
        "traits": traits,
        "notes": [],
    }
    truth = {"passed": True, "checks": []}
    summary = "Sampled, no model."
    files.write_json(
        folder / "cell.json", cell | {"summary": summary, "truth": truth, "tokens_fingerprint": FINGERPRINT}
    )
    seals.seal(folder, CELL_TABLES)


def write_run(
    folder: Path, *, tokens: int, valid: int, documents: int, models: int, types: int, seed: int = 0
) -> None:
    """Write a run folder without results and reports."""
    rng = np.random.default_rng(seed)
    words, p = vocabulary(types)
    ids = rng.choice(types, min(tokens, 2_000_000), p=p).astype(np.int32)
    ids[-1] = END
    known = Vocabulary(words, np.bincount(ids, minlength=types))
    train = Encoded(ids, np.zeros(1, np.int64), known)
    texts = [
        text("valid", pieces(ids, valid, rng), max(2, documents * valid // tokens), known, rng),
        text("test", pieces(ids, tokens, rng), documents, known, rng),
    ]
    corpus = write_tokens(folder / "tokens" / FINGERPRINT, train, texts, rng)
    names = [NAMES[m] if m < len(NAMES) else f"model-{m}" for m in range(models)]
    for m, name in enumerate(names):
        print(f"writing the scores of {name} …", flush=True)
        quality = QUALITY[min(m, len(QUALITY) - 1)]
        write_cell(folder / "cells" / name / "0", name, quality, corpus, texts, rng)
    sizes = {
        t.split: SplitSizes(
            documents=t.encoded.n_documents,
            sentences=int((t.encoded.ids == known.end).sum()),
            bytes=bytes_of(t),
            words=int((t.encoded.ids != known.end).sum()),
        )
        for t in texts
    }
    n_train = len(ids)
    sizes["train"] = SplitSizes(documents=1, sentences=n_train // SENTENCE, bytes=5 * n_train, words=n_train)
    plain = {
        "name": "sampled",
        "corpus": {"source": "sampled"},
        "seeds": [0],
        "models": [{"plugin": n} for n in names],
    }
    entry = TokensEntry(
        spec={"kind": "word"},
        description="sampled words",
        types=types,
        parts={},
        tokens={"train": n_train} | {t.split: len(t.encoded) for t in texts},
        unknown={"train": 0} | {t.split: int((t.encoded.ids == known.unknown).sum()) for t in texts},
    )
    settings = Settings(preset="default", budget={}, match={}, device="cpu", threads=1, processes=1)
    manifest = Manifest(
        name="sampled",
        created="2026-01-01T00:00:00+00:00",
        command="",
        seconds=0.0,
        experiment=plain,
        preset="default",
        corpus=CorpusEntry("sampled", "sampled", "sampled", {}, (), sizes),
        tokens={FINGERPRINT: entry},
        models=tuple(ModelRow(n, n, FINGERPRINT, (0,), (f"cells/{n}/0",), settings) for n in names),
        versions={},
        hardware=Hardware(cpu="", cores=1, memory_bytes=0, platform="", device="cpu", threads=1),
    )
    write_manifest(folder, manifest)


def bytes_of(t: Text) -> int:
    """Return the bytes of a split."""
    assert t.encoded.spans is not None
    return int((t.encoded.spans[t.encoded.ends - 1, 1] + 1).sum())


def main() -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=10_000_000, help="of test")
    parser.add_argument("--valid-tokens", type=int, help="default: a tenth of test's")
    parser.add_argument("--documents", type=int, default=10_000, help="of test")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--types", type=int, default=30_000, help="of the vocabulary")
    given = parser.parse_args()
    valid = given.tokens // 10 if given.valid_tokens is None else given.valid_tokens
    write_run(
        given.folder,
        tokens=given.tokens,
        valid=valid,
        documents=given.documents,
        models=given.models,
        types=given.types,
    )


if __name__ == "__main__":
    main()
