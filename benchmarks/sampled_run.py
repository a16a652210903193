"""A run folder of any size, as a run would have left it, without training anything: for timing the report.

``python benchmarks/sampled_run.py runs/sampled --tokens 10000000`` writes five models' scores of ten million test
tokens. Train is drawn from a Zipfian vocabulary; valid and test are pieces of train, so that n-grams repeat as in
real text. The harness's own functions cut this text and store its tokens, choose what is measured and shown, and make
the tables of each cell; every file is sealed.

Log-probabilities are no model's: the surprisal of a word is that of its frequency, times what all models find hard,
times what each finds hard for itself. What the models show of themselves is drawn at random or made up. Three parts
are left out, whose time does not grow with the text: copies of the models for the page, words in context, and the
senses of words. The folder has no trained models, which no report reads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from lmcompare import exhibits
from lmcompare.corpora import Corpus, Document, Texts
from lmcompare.corpora.sentences import line_sentences
from lmcompare.exhibits.attention import BEGINNING, at_last_word
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text.reading import entry_of, prepare
from lmcompare.measure.features import compressed
from lmcompare.measure.scoring import (
    PLACES,
    ExampleSentence,
    Ranked,
    Scores,
    example_sentences,
    measured_part,
    scores_tables,
    shown_positions,
    top_table,
    unigram_log_probs,
)
from lmcompare.measure.word_bits import HeldOutWords
from lmcompare.runfolder import files, guards
from lmcompare.runfolder.files import write_parts, write_table
from lmcompare.runfolder.guards import claim, place_of
from lmcompare.runfolder.layout import CELL_TABLES, CURVE_COLUMNS, HELD_OUT, MEASURED, SPLITS, TOKENS, Split
from lmcompare.runfolder.manifest import (
    Hardware,
    Manifest,
    ModelRow,
    Settings,
    write_manifest,
)
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.studies.story.influences import guessed_sentences
from tests.synthetic_exhibits import attention, exhibits_of

Array = npt.NDArray[Any]

NAMES = ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer")
QUALITY = (1.0, 0.74, 0.86, 0.72, 0.69)  # a model's surprisal as a share of the unigram's; of more models, the last
COUNTING = NAMES[:2]  # are not trained in steps, and have no learning curve
HEADS = {"rnn-attention": 1, "transformer": 4}  # of attention
SENTENCE = 22  # tokens on the average, </s> included
PIECE = 4  # tokens on the average that are copied from train at a time
UNKNOWN_SHARE = 0.02
SPELLINGS = 10**6  # of unknown words: few occur twice, as a word of the vocabulary does
UNKNOWN, END = 0, 1  # the numbers of an unknown word and of the end of a sentence
EXAMPLES = 8  # sentences with their surprisals


@dataclass(frozen=True)
class Measured:
    """The tokens of a run, and what its cells have in common.

    Parameters
    ----------
    corpus : TokenizedCorpus
    words : dict of HeldOutWords
        By split.
    hard : dict of arrays
        By split, (N,) how hard all models find a token, 1 on the average.
    floor : (V,) array
        Nats of each type in the unigram model.
    part, shown : int arrays
        The positions of the test text that have ranks, and those whose most likely tokens are stored.
    sentences : list of ExampleSentence
    guessed : list of pairs of an ExampleSentence and an int
        Sentences of which a word is guessed, and the place of this word.
    """

    corpus: TokenizedCorpus
    words: Mapping[Split, HeldOutWords]
    hard: Mapping[Split, Array]
    floor: Array
    part: Array
    shown: Array
    sentences: Sequence[ExampleSentence]
    guessed: Sequence[tuple[ExampleSentence, int]]

    @classmethod
    def of(cls, corpus: TokenizedCorpus, rng: np.random.Generator) -> Measured:
        """Choose it as a run does."""
        hard = {}
        for split in HELD_OUT:
            text = corpus.split(split)
            of_document = rng.lognormal(0, 0.12, text.n_documents)
            hard[split] = rng.gamma(4, 1 / 4, len(text)) * of_document[text.document_of(np.arange(len(text)))]
        part = measured_part(corpus, whole=False).at
        return cls(
            corpus,
            {split: HeldOutWords(corpus, split) for split in HELD_OUT},
            hard,
            unigram_log_probs(corpus.train),
            part,
            shown_positions(corpus, part),
            example_sentences(corpus, EXAMPLES),
            guessed_sentences(corpus),
        )

    def log_probs(self, split: Split, quality: float, rng: np.random.Generator) -> Array:
        """(N,) nats: what the frequency says, times what is hard for all, times what is hard for one."""
        found: Array = self.floor[self.corpus.split(split).ids]
        if quality == 1:
            return found
        own = rng.gamma(10, 1 / 10, len(found))
        return (quality * found * self.hard[split] * own).astype(np.float32).astype(np.float64)


def types_of(number: int) -> tuple[Array, Array]:
    """Return the strings of the types, the most frequent first, and their probabilities."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = []
    for rank in range(number - 2):
        word, rest = "", rank
        while rest or not word:
            word, rest = word + letters[rest % 26], rest // 26
        kind = rank % 16
        words.append(word.capitalize() if kind == 3 else str(1800 + rank) if kind == 11 else word + "-" * (rank < 26))
    p = 1 / (np.arange(number - 2) + 2.7)
    shares = np.array([UNKNOWN_SHARE, 1 / SENTENCE, *((1 - UNKNOWN_SHARE - 1 / SENTENCE) * p / p.sum())])
    return np.array(["", "\n", *words], object), shares


def pieces(train: Array, tokens: int, rng: np.random.Generator) -> Array:
    """(tokens,) numbers of types, copied from train piece by piece."""
    lengths = rng.geometric(1 / PIECE, tokens // PIECE * 2 + 100)
    begins = rng.integers(0, len(train) - lengths)
    at = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)[:tokens] + np.arange(tokens)
    return train[at]


def documents_of(
    split: str, drawn: Array, count: int, types: Array, rng: np.random.Generator
) -> tuple[Document, ...]:
    """Divide the drawn types of a split into documents at ends of sentences, and spell the unknown words."""
    drawn = np.append(drawn[:-1], END)
    drawn = drawn[(drawn != END) | (np.append(END, drawn[:-1]) != END)]  # no sentence is empty
    words = types[drawn]
    unknown = np.flatnonzero(drawn == UNKNOWN)
    words[unknown] = [f"x{number}" for number in rng.integers(0, SPELLINGS, len(unknown)).tolist()]
    after = np.flatnonzero(drawn == END)[:-1] + 1
    cuts = np.sort(rng.choice(after, min(count - 1, len(after)), replace=False))
    found = []
    for number, part in enumerate(np.split(words, cuts), 1):
        text = " ".join(part).replace(" \n ", "\n").removesuffix(" \n")
        about = {"genre": f"g{rng.integers(8)}", "source": f"s{rng.integers(3)}"}
        found.append(Document(f"{split} document {number}", text, line_sentences(text), about))
    return tuple(found)


def corpus_of(tokens: int, valid: int, count: int, types: int, rng: np.random.Generator) -> Corpus:
    """Return a corpus with about ``tokens`` tokens of test, ``valid`` of valid, and ``count`` test documents."""
    strings, shares = types_of(types)
    train = rng.choice(types, min(tokens, 2_000_000), p=shares)
    drawn = {"train": train, "valid": pieces(train, valid, rng), "test": pieces(train, tokens, rng)}
    found = {
        split: documents_of(split, drawn[split], max(2, count * len(drawn[split]) // tokens), strings, rng)
        for split in SPLITS
    }
    return Corpus("sampled", found["train"], found["valid"], found["test"], source="sampled")


def write_cell(folder: Path, name: str, quality: float, run: Measured, rng: np.random.Generator) -> None:
    """Write what the report reads of a cell."""
    corpus, types = run.corpus, len(run.corpus.vocabulary)
    on_valid, on_test = (run.log_probs(split, quality, rng) for split in HELD_OUT)
    ranks, reset = np.zeros(len(on_test), np.int32), np.full(len(on_test), np.nan)
    likely = np.exp(np.minimum(-0.8 * on_test[run.part], 30)) * rng.random(len(run.part))
    ranks[run.part] = 1 + np.minimum(likely, types - 1).astype(np.int32)
    reset[run.part] = on_test[run.part] * rng.uniform(1, 1.2, len(run.part))
    none = np.full(len(on_valid), np.nan), np.zeros(len(on_valid), np.int32)
    found: Scores = {"valid": (on_valid, *none), "test": (on_test, reset, ranks)}
    write_parts(folder / "scores.parquet", scores_tables(name, 0, corpus, found))
    tables = (
        table
        for split in HELD_OUT
        for table in run.words[split].tables(found[split][0], np.zeros(len(found[split][0])))
    )
    write_parts(folder / "words.parquet", tables)
    top, nats = most_likely(len(run.shown), types, rng)
    ranked = Ranked(on_test, ranks, top, nats, np.zeros(len(on_test)))
    write_table(folder / "top.parquet", top_table(corpus, run.shown, ranked))
    shown = [exhibits.to_json(each) for each in exhibits_of(name, list(corpus.vocabulary.tokens))]
    measured = {**measurements(name, on_test, run, rng), "exhibits": shown}
    measured["memorisation"] = {
        "train_nats": 0.9 * known_nats(on_valid, corpus),
        "valid_nats": known_nats(on_valid, corpus),
    }
    files.write_json(folder / MEASURED, {study: {"measured": found} for study, found in measured.items()})
    write_about(folder, name, corpus)
    guards.seal(folder, (*CELL_TABLES, MEASURED))


def known_nats(on_valid: Array, corpus: TokenizedCorpus) -> float:
    """Return the mean nats of the known validation tokens."""
    return -float(on_valid[~corpus.vocabulary.is_unknown(corpus.valid.ids)].mean())


def write_about(folder: Path, name: str, corpus: TokenizedCorpus) -> None:
    """Write what a cell states of its model, what it cost, and the learning curve of a model that has one."""
    counting = name in COUNTING
    steps = np.arange(1, 1 if counting else 200)
    losses = 5 + 3 * np.exp(-steps / 40)
    curve = zip(steps, steps * 0.3, steps * 1000, losses, losses + 0.1, strict=True)
    lines = [",".join(map(str, row)) for row in (CURVE_COLUMNS, *curve)]
    files.write_text(folder / "curve.csv", "\n".join([*lines, ""]))
    cost: dict[str, Any] = {"train_seconds": 1.0 if counting else 60.0, "score_seconds": 1.0, "check_seconds": 1.0}
    cost |= {"scored_tokens": len(corpus.valid), "microseconds_per_token": 30.0, "microseconds_per_list": 300.0}
    cost |= {"peak_memory_bytes": 10**9, "parameters": 10**7, "model_bytes": 4 * 10**7, "beside": False}
    files.write_json(folder / "cost.json", cost | {"device": "cpu", "threads": 1, "processes": 1})
    traits = {"causal": True, "normalised": True, "adaptive": False, "carries_state": not counting}
    cell: dict[str, Any] = {
        "status": "done",
        "error": None,
        "name": name,
        "plugin": name,
        "seed": 0,
        "hyperparameters": {},
        "tokens_fingerprint": corpus.fingerprint,
        "summary": "Sampled, no model.",
        "traits": {**traits, "pretrained": False},
        "notes": [],
        "truth": {"passed": True, "checks": []},
    }
    files.write_json(folder / "cell.json", cell)


def most_likely(number: int, types: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return frequent types and their nats, both (number, PLACES), the most likely first."""
    ids = np.sort(rng.integers(0, min(types, 200), (number, 1)) + np.arange(PLACES), axis=1).astype(np.int32)
    return ids % types, np.log(-np.sort(-rng.dirichlet(np.ones(PLACES), number), axis=1) * 0.7)


def measurements(name: str, on_test: Array, run: Measured, rng: np.random.Generator) -> dict[str, Any]:
    """Return what studies measure: sentences with surprisals, and on what guesses of words depend."""
    bits = -on_test / np.log(2)
    sentences = [
        {
            "document": each.document,
            "first": each.first,
            "tokens": each.tokens,
            "surprisal_bits": bits[each.start : each.start + len(each.tokens)].tolist(),
        }
        for each in run.sentences
    ]
    influences = []
    for each, at in run.guessed:
        one = influence(each, at, float(bits[each.start + at]), run, rng)
        if name in HEADS:
            exhibit = attention(HEADS[name], (BEGINNING, *each.tokens[:at]))
            assert isinstance(exhibit, exhibits.Attention)
            one["attention"] = at_last_word(exhibit)
        influences.append(one)
    return {
        "prompts": [{"prompt": "a prompt", "next": next_tokens(run, rng), "continuation": "and what follows it"}],
        "sentences": sentences,
        "story": influences,
        "live": {"reason": "it is sampled"},
    }


def influence(
    sentence: ExampleSentence, at: int, bits: float, run: Measured, rng: np.random.Generator
) -> dict[str, Any]:
    """Return what a model's guess of the token at a place of a sentence depends on."""
    *before, third, second, last, guessed = sentence.tokens[: at + 1]
    changes = rng.gamma(0.5, 1, at + 2).tolist()
    return {
        "document": sentence.document,
        "first": sentence.first,
        "tokens": sentence.tokens[: at + 1],
        "bits": bits,
        "next": next_tokens(run, rng),
        "replaced": changes[:at],
        "swapped": changes[at],
        "shuffled": {
            "tokens": [*before, last, third, second, guessed],
            "bits": bits + changes[at + 1],
            "next": next_tokens(run, rng),
        },
        "near": None,
        "states": None,
    }


def next_tokens(run: Measured, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return likely next tokens with their probabilities."""
    vocabulary = run.corpus.vocabulary
    top, nats = most_likely(1, len(vocabulary), rng)
    pairs = zip(top[0].tolist(), np.exp(nats[0]).tolist(), strict=True)
    return [{"token": vocabulary[index], "probability": p} for index, p in pairs]


def write_run(
    folder: Path, *, tokens: int, valid: int, documents: int, models: int, types: int, seed: int = 0
) -> None:
    """Write a run folder without results and reports."""
    rng = np.random.default_rng(seed)
    claim(folder)
    corpus = corpus_of(tokens, valid, documents, types, rng)
    print("cutting the text …", flush=True)
    cut = prepare(corpus, TokensTable.model_validate({"kind": "whitespace", "min_count": 2}), folder / TOKENS)
    run = Measured.of(cut, rng)
    names = [NAMES[m] if m < len(NAMES) else f"model-{m}" for m in range(models)]
    for m, name in enumerate(names):
        print(f"writing the scores of {name} …", flush=True)
        write_cell(folder / place_of(name, 0), name, QUALITY[min(m, len(QUALITY) - 1)], run, rng)
    write_manifest(folder, manifest(corpus, cut, names))


def manifest(corpus: Corpus, cut: TokenizedCorpus, names: Sequence[str]) -> Manifest:
    """Return the manifest of a run of these models."""
    asked = {
        "name": "sampled",
        "corpus": {"source": "sampled"},
        "seeds": [0],
        "models": [{"plugin": name} for name in names],
    }
    settings = Settings(preset="default", budget={}, match={}, device="cpu", threads=1, processes=1)
    return Manifest(
        name="sampled",
        created="2026-01-01T00:00:00+00:00",
        command="",
        seconds=0.0,
        experiment=asked,
        preset="default",
        corpus=entry_of(corpus, compressed(Texts(corpus.train), Texts(corpus.test))),
        tokens={cut.fingerprint: cut.entry()},
        models=tuple(ModelRow(name, name, cut.fingerprint, (0,), (place_of(name, 0),), settings) for name in names),
        versions={},
        hardware=Hardware(cpu="", cores=1, memory_bytes=0, platform="", device="cpu", threads=1),
    )


def main() -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=10_000_000, help="of test")
    parser.add_argument("--valid-tokens", type=int, help="default: a tenth of test's")
    parser.add_argument("--documents", type=int, default=10_000, help="of test")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--types", type=int, default=30_000, help="of the vocabulary, about")
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
