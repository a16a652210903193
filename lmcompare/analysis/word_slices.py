"""Where models of different tokens are good: the words of the test text, divided by kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lmcompare.analysis.resampling import placed, units_of
from lmcompare.analysis.slice_tables import Crossed, Part, Slice, shared_slices, tables_of
from lmcompare.analysis.token_blocks import PLACE, Columns
from lmcompare.analysis.word_kinds import WORD_KINDS, word_kinds
from lmcompare.analysis.word_scores import bits_of_trainings, word_scores
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import Run, kept

WORD_SLICES: tuple[Slice, ...] = (
    Slice("word_kind", "by kind of word", WORD_KINDS, lambda f: f["kind"]),
    *shared_slices("word", prefix="word_"),
)


def spent(run: Run) -> pd.DataFrame:
    """Return what the bits per byte of each finished model are spent on.

    Returns
    -------
    DataFrame
        One row a model: model; seen, words that are in the training text; unseen, the other words; spelling, the part
        of both that spells unknown tokens; gaps, white space and the ends of sentences and documents; total, which is
        seen + unseen + gaps. All are bits per byte of the test text.
    """
    rows = []
    if run.scored:
        scores = word_scores(run, tuple(run.scored), "test")
        is_seen = (scores.features["train_count"] > 0).to_numpy()
        n_bytes = float(run.tokens[run.scored[0].tokens_fingerprint].documents_of("test")["bytes"].sum())
        for model, bits, spelling, gaps in zip(run.scored, scores.bits, scores.spelling, scores.gaps, strict=True):
            parts = bits[is_seen].sum(), bits[~is_seen].sum(), spelling.sum(), gaps.sum(), bits.sum() + gaps.sum()
            rows.append((model.name, *(float(part) / n_bytes for part in parts)))
    return pd.DataFrame(rows, columns=["model", "seen", "unseen", "spelling", "gaps", "total"])


@kept
def word_slices(run: Run) -> Mapping[str, pd.DataFrame]:
    """Return the tables of ``WORD_SLICES`` by name, with every finished model of whatever tokens.

    Returns
    -------
    mapping of str to DataFrame
        The columns model, tokens_fingerprint, place (0, 1, …), value (its label), words, share (of the test words),
        surprisal (mean bits per word, the spelling of unknown words included and gaps not) with low and high (95 %
        interval; NaN if fewer than ten units have such words), perplexity (2 to the surprisal).
    """
    return tables_of(word_parts(run), "surprisal")


@kept
def word_parts(run: Run) -> list[Part]:
    """Return the rows of every finished model in each of ``WORD_SLICES``, in the order of the experiment."""
    if not run.scored:
        return []
    scores = word_scores(run, tuple(run.scored), "test")
    is_word = (scores.features["word"] != "").to_numpy()
    features = _features(scores.features[is_word])
    units = units_of(run)
    crossed = Crossed(WORD_SLICES, run.scored, units)
    unit = units.of(features["document"], features["byte_start"])
    crossed.add(features, unit, [bits_of_trainings(model, "test")[:, is_word] for model in run.scored])
    return crossed.parts("words")


def word_places(run: Run, keys: Array) -> dict[str, Array]:
    """Return by slice (N,) in which group each of N test words is, −1 for none, given (N, 2) document and position.

    The words are in the order of the text.
    """
    words = run.tokens[run.scored[0].tokens_fingerprint].words("test")
    here = np.isin(placed(*(words[name].to_numpy() for name in PLACE)), placed(keys[:, 0], keys[:, 1]))
    features = _features(words[here & (words["word"] != "").to_numpy()])
    return {s.name: np.asarray(s.place(features)) for s in WORD_SLICES}


def _features(words: pd.DataFrame) -> Columns:
    features = {name: words[name].to_numpy() for name in words.columns}
    return features | {"kind": word_kinds(words["word"].tolist(), features["train_rank"])}
