"""Synthetic run folders: the real harness runs synthetic models on synthetic text."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lmcompare.harness import experiment
from lmcompare.harness.run import run
from lmcompare.measure import scoring
from lmcompare.report.write import write_report_of
from lmcompare.runfolder.guards import seal
from lmcompare.runfolder.layout import SEAL
from lmcompare.runfolder.run import load_run
from tests.made import made
from tests.synthetic import MODELS, RECIPES, Synthetic, corpus_of

PROMPTS = ("How to make Thai", "The river bank", "The central bank")
WORDS = ("bank", "river", "zebra")  # the last occurs nowhere
SHOWN = 700  # positions of the test text with stored top tokens, so that a short text is treated as a long one


def made_run_folder(
    *,
    seed: int = 0,
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1),
    failed: Sequence[str] = ("crashing",),
    invalid: Sequence[str] = ("leaky",),
    documents: int = 40,
    sentences: int = 5,
) -> Path:
    """Return a run folder without results and reports, made once for all tests: it must not be changed.

    Parameters
    ----------
    seed : int
        Of the text.
    models : sequence of str
        Names of ``RECIPES`` or any others, in order; a name that begins with "char" gets the character tokenizer.
    seeds : sequence of int
        Of every model.
    failed : sequence of str
        Models all of whose cells fail, or "name/seed" for one cell.
    invalid : sequence of str
        Models that fail a validity check: they look one token ahead.
    documents, sentences : int
        Documents in test (valid has half as many), and sentences in each on the average.
    """
    kind = json.dumps([seed, list(models), list(seeds), list(failed), list(invalid), documents, sentences])
    name = f"run-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
    return made(name, lambda place: _run(place, seed, models, seeds, failed, invalid, documents, sentences))


def write_run_folder(path: Path, **kind: Any) -> Path:
    """Put a copy of the run folder of a kind, as ``made_run_folder`` takes it, at ``path``, and return the path."""
    return Path(shutil.copytree(made_run_folder(**kind), path, dirs_exist_ok=True))


def _run(
    place: Path,
    seed: int,
    models: Sequence[str],
    seeds: Sequence[int],
    failed: Sequence[str],
    invalid: Sequence[str],
    documents: int,
    sentences: int,
) -> None:
    chars = {"tokens": {"kind": "char"}}
    asked = experiment.parse(
        {
            "name": "synthetic",
            "seeds": list(seeds),
            "preset": "quick",
            "device": "cpu",
            "threads": 2,
            "corpus": {"source": "synthetic"},
            "models": [
                {"plugin": plugin_of(name), "name": name, **(chars if name.startswith("char") else {})}
                for name in models
            ],
            "examples": {"prompts": list(PROMPTS), "length": 15, "sentences": 4, "words": list(WORDS)},
        },
        "test",
    )
    live = {
        name: Synthetic(
            name,
            fails=[s for s in seeds if name in failed or f"{name}/{s}" in failed],
            leaks=name in invalid,
        )
        for name in models
    }
    corpus = corpus_of(seed, documents, sentences)
    with patch.object(scoring, "SHOWN_TOKENS", SHOWN):
        run(asked, place, corpus=corpus, live=live, command="lmcompare run synthetic.toml")


def plugin_of(name: str) -> str:
    """The plug-in of a model of this name."""
    return RECIPES[name][0] if name in RECIPES else "./other.py:Other"


def reseal(folder: Path) -> Path:
    """Make the seals within a folder fit its files as they are now, and return the folder."""
    for path in folder.rglob(SEAL):
        names = json.loads(path.read_text(encoding="utf-8"))
        seal(path.parent, [name for name in names if (path.parent / name).is_file()])
    return folder


def edit(folder: Path, **changes: object) -> None:
    """Change the manifest of a run folder."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | changes), encoding="utf-8")
    reseal(folder)


def write_report(folder: Path) -> Path:
    """Write the report of a run into its folder, and return the path of report.html."""
    return write_report_of(load_run(folder), folder)
