"""How a run folder is recognised: by the mark that every run leaves, or by its manifest if that was not copied."""

from __future__ import annotations

import json
from pathlib import Path

MARK = ".lmcompare"  # in every run folder, from the beginning of its first run
MANIFEST = "manifest.json"
KEYS = {"schema_version", "lmcompare", "models"}  # of a manifest
LONGEST = 1 << 26  # bytes of a manifest


def is_run_folder(folder: Path) -> bool:
    """Return whether lmcompare has written a run into a folder."""
    path = folder / MANIFEST
    try:
        if (folder / MARK).is_file():
            return True
        if not path.is_file() or path.stat().st_size > LONGEST:
            return False
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.keys() >= KEYS
