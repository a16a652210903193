"""Which commit of lmcompare a run can be repeated with."""

from __future__ import annotations

import hashlib
import json
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

import lmcompare

SECONDS = 10.0  # that git may take


def commit() -> str:
    """Return the commit of the clone from which this lmcompare was installed.

    "" if there is no such clone, or if a file of the package is not as its last commit has it.
    """
    package = Path(lmcompare.__file__).parent
    for clone in _clones(package):
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            head = _git(clone, "rev-parse", "HEAD").decode().strip()
            listed = _git(clone, "ls-tree", "-r", "-z", head, "lmcompare/").decode().split("\0")
            files = [line.split("\t", 1) for line in listed if line]
            if files and all(_same(package.parent / path, about.split()[2]) for about, path in files):
                return head
    return ""


def _clones(package: Path) -> list[Path]:
    """Return the folders that may be the clone: the one that holds the package, and the one pip has read."""
    found = [package.parent]
    with suppress(PackageNotFoundError, ValueError):
        url = json.loads(distribution("lmcompare").read_text("direct_url.json") or "{}").get("url", "")
        if url.startswith("file:"):
            found.append(Path(unquote(urlsplit(url).path)))
    return found


def _git(clone: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=SECONDS).stdout


def _same(path: Path, blob: str) -> bool:
    """Return whether a file has the contents of a blob of git."""
    contents = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents, usedforsecurity=False).hexdigest() == blob
