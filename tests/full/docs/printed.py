"""Packages that are printed in the documentation, installed as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def installed(page: str, place: Path) -> Path:
    """Write the files of a page as an installed package, with the metadata that an installer writes."""
    text = (DOCS / page).read_text(encoding="utf-8")
    pattern = r"^```(?:python|toml|html)\n(?:# |\{# )([\w./]+)(?: #\})?\n(.*?)^```"
    for name, content in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content, encoding="utf-8")
    project = tomllib.loads((place / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (place / project["name"] / "__init__.py").touch()
    metadata = place / f"{project['name']}-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    return place


def python(package: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed, or without it."""
    path = [str(package or ""), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=package, capture_output=True, text=True, check=False
    )
