"""What studies have measured in stored cells, changed by tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmcompare.runfolder.layout import MEASURED


def measured(cell: Path, study: str) -> Any:
    """Return what a study has measured of a stored cell."""
    return json.loads((cell / MEASURED).read_text(encoding="utf-8"))[study]["measured"]


def change_measured(cell: Path, study: str, change: Callable[[Any], Any]) -> None:
    """Replace what a study has measured by ``change`` of it, if it has measured something."""
    table = json.loads((cell / MEASURED).read_text(encoding="utf-8"))
    if table.get(study, {}).get("measured") is not None:
        table[study]["measured"] = change(table[study]["measured"])
        (cell / MEASURED).write_text(json.dumps(table), encoding="utf-8")
