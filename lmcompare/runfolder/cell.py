"""A stored cell: one model trained with one seed, what it is and what it left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.runfolder.contents import check_contents
from lmcompare.runfolder.files import REMEDY, RunFolderError, read_csv, read_object
from lmcompare.runfolder.layout import (
    CELL_TABLES,
    COST_KEYS,
    CURVE_COLUMNS,
    MEASURED,
    SCORE_COLUMNS,
    TOP_COLUMNS,
    WORD_SCORE_COLUMNS,
    Split,
)
from lmcompare.runfolder.manifest import Machine
from lmcompare.runfolder.parquet import Array, check_table, read_blocks, read_table
from lmcompare.runfolder.probed import Probed, read_probed
from lmcompare.runfolder.seals import check_sealed

if TYPE_CHECKING:
    import pandas as pd


def _failed(error: str) -> dict[str, Any]:
    return {"status": "failed", "error": error, "traits": {}, "lost": True}


class Cell:
    """One model trained with one seed: its description, its status, and its stored results."""

    def __init__(self, path: Path, name: str, seed: int) -> None:
        self.path, self.name, self.seed = path, name, seed
        self.checked: set[Split] = set()  # splits whose rows were compared with those of the features

    def __repr__(self) -> str:
        return f"Cell({self.name!r}, seed={self.seed}, {self.status})"

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """The content of cell.json; an unfinished cell, or one that has lost a file, counts as failed."""
        path = self.path / "cell.json"
        if not path.exists():
            return _failed(f"it was not run to its end: {REMEDY}")
        try:
            info = read_object(path, "status")
            if info["status"] == "done":
                self._look_at_files(info)
        except RunFolderError as error:
            return _failed(str(error).replace(f"{self.path}/", ""))
        return info

    def _look_at_files(self, info: Mapping[str, Any]) -> None:
        """Raise ``RunFolderError`` if a file is missing or damaged, so that only this cell counts as failed."""
        check_sealed(self.path, CELL_TABLES)
        for name, table in (("cell", info), ("cost", self.cost)):
            check_contents(self.path / f"{name}.json", table)
        _ = self.curve  # it reads cost.json too
        tables = {"scores": SCORE_COLUMNS, "words": WORD_SCORE_COLUMNS, "top": TOP_COLUMNS}
        for name, columns in tables.items():
            check_table(self.path / f"{name}.parquet", columns)

    @property
    def status(self) -> str:
        """'done' or 'failed'."""
        return "done" if self.info["status"] == "done" else "failed"

    @property
    def lost(self) -> bool:
        """Whether it counts as failed because files of the run are missing or damaged."""
        return bool(self.info.get("lost"))

    @property
    def error(self) -> str | None:
        """Why the cell failed, in one sentence; None where it is done."""
        return None if self.status == "done" else str(self.info.get("error") or "it failed without a reason")

    @property
    def traits(self) -> Mapping[str, bool]:
        """What the model declares of itself: causal, normalised, adaptive, carries_state, pretrained."""
        return dict(self.info.get("traits") or {})

    @property
    def truth(self) -> Mapping[str, Any]:
        """The results of the validity checks: 'passed' and 'checks'; empty if they were not run."""
        return dict(self.info.get("truth") or {})

    def measured(self, study: str) -> Any:
        """Return what a study has measured of the model; None if it has not."""
        return self._studies.get(study, {}).get("measured")

    @cached_property
    def _studies(self) -> Mapping[str, Mapping[str, Any]]:
        """What studies have measured; if the file is damaged, which holds no scores, only the reason, as a note."""
        if self.status == "failed":
            return {}
        path = self.path / MEASURED
        try:
            check_sealed(self.path, [MEASURED])
            found: dict[str, Any] = read_object(path)
            check_contents(path, found)
        except RunFolderError as error:
            why = str(error).replace(f"{self.path}/", "")
            return {MEASURED: {"notes": [f"What studies have measured of it is not shown: {why}."]}}
        return found

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for the readers of this cell's figures."""
        notes = [*(self.info.get("notes") or ())]
        for name, each in self._studies.items():
            notes += each.get("notes", ())
            if "failed" in each:
                notes.append(f"The study '{name}' could not measure it: {each['failed']}.")
        return tuple(notes)

    @cached_property
    def probed(self) -> tuple[Probed, ...]:
        """What the model answered to minimal pairs, if it was asked."""
        return read_probed(self.path)

    @cached_property
    def cost(self) -> Mapping[str, Any]:
        """Seconds, bytes and parameters: the content of cost.json."""
        return read_object(self.path / "cost.json", *COST_KEYS)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines on which it was trained and scored; empty if the version that ran it did not store them."""
        rows = self.cost.get("machines") or ()
        return tuple(Machine(row["cpu"], row["cores"], row["memory_bytes"], row["platform"]) for row in rows)

    @property
    def milestones(self) -> Sequence[Mapping[str, Any]]:
        """The model as it was at points of its training: step, seconds, tokens, flops and bits per byte of valid."""
        return tuple(self.cost.get("milestones") or ())

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The learning curve: step, seconds, tokens, train_loss and valid_loss (nats per token).

        The tokens are all that the model has read, those before its training in steps included.
        """
        rows = read_csv(self.path / "curve.csv", CURVE_COLUMNS)
        return rows.assign(tokens=rows["tokens"] + (self.cost.get("tokens_before") or 0))

    @cached_property
    def top(self) -> pd.DataFrame:
        """The five most likely tokens at every position of some test passages: document, position, place, …"""
        return read_table(self.path / "top.parquet", TOP_COLUMNS)

    def scores(self, split: Split | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the token scores (log-probabilities in nats), all or those of a split, all columns or these."""
        return read_table(self.path / "scores.parquet", columns, split)

    def words(self, split: Split) -> pd.DataFrame:
        """Return the bits of the words of a split, in the order of ``TokenizedCorpus.words``."""
        return read_table(self.path / "words.parquet", WORD_SCORE_COLUMNS, split)

    def word_blocks(
        self, split: Split, columns: Sequence[str], documents: Array | None = None
    ) -> Iterator[dict[str, Array]]:
        """Yield these columns of ``words`` block by block, (W,) each; of these documents or all."""
        return read_blocks(self.path / "words.parquet", columns, split, documents)

    def score_blocks(
        self, split: Split, columns: Sequence[str], documents: Array | None = None
    ) -> Iterator[dict[str, Array]]:
        """Yield these columns of a split's token scores block by block, in order, (N,) each; of these documents or
        all.
        """
        return read_blocks(self.path / "scores.parquet", columns, split, documents)

    def log_probs(self, split: Split) -> Array:
        """(N,) the log-probabilities of the tokens of a split, in nats; empty if it was not scored."""
        blocks = self.score_blocks(split, ["log_prob"])
        found: Array = np.concatenate([np.zeros(0), *(block["log_prob"] for block in blocks)])
        return found
