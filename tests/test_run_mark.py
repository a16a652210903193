"""What is a run folder, for the code that reads texts and for the code that writes runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcompare.run_mark import is_run_folder


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"schema_version": 2}', '{"tool": {"schema_version": 1, "lmcompare": 1, "models": []}}'),
        *("[" * 10**5, '["schema_version", "lmcompare", "models"]', "\udcff"),
    ],
)
def test_manifests_of_others_make_no_run_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    assert not is_run_folder(tmp_path)


def test_a_mark_or_a_manifest_makes_one(tmp_path: Path, copied: Path) -> None:
    assert not is_run_folder(tmp_path)
    assert is_run_folder(copied)
    (copied / ".lmcompare").unlink()
    assert is_run_folder(copied), "by its manifest, if it was copied without hidden files"
    table = json.loads((copied / "manifest.json").read_text())
    del table["lmcompare"]
    (copied / "manifest.json").write_text(json.dumps(table))
    assert not is_run_folder(copied)
