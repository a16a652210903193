"""Parts of the run that all tests share: some of its models, trained once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from tests.run_folder import edit, made_run_folder


def part_of(place: Path, names: Sequence[str], seeds: Sequence[int] = (0,), **changes: Any) -> Path:
    """Copy the run to ``place``, with these of its models and seeds only and changes of the manifest."""
    folder = Path(shutil.copytree(made_run_folder(), place, dirs_exist_ok=True))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in manifest["models"]}
    cells = {name: {"seeds": list(seeds), "cells": [f"cells/{name}/{seed}" for seed in seeds]} for name in names}
    read = {rows[name]["tokens_fingerprint"] for name in names}
    tokens = {fingerprint: table for fingerprint, table in manifest["tokens"].items() if fingerprint in read}
    edit(folder, models=[rows[name] | cells[name] for name in names], tokens=tokens, **changes)
    for path in (folder / "cells").iterdir():
        if path.name not in names:
            shutil.rmtree(path)
    return folder


def data_of(place: Path, *names: str) -> ReportData:
    """Return what a report reads of these models."""
    return ReportData(load_run(part_of(place, names)))
