"""How to reproduce the run: command, experiment, versions, hardware, fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomli_w

from lmcompare.report import numbers
from lmcompare.report.data import ReportData, Section
from lmcompare.report.sections.cost import machine
from lmcompare.report.templating import fill


def build(data: ReportData) -> Section:
    """Return the section."""
    runs = [_of_run(data, manifest) for manifest in data.manifests]
    return Section.of("reproduce", "How to reproduce it", fill("reproduce", runs=runs))


@dataclass(frozen=True)
class Recipe:
    """How to repeat one run; ``name`` is "" if it is the only one."""

    name: str
    command: str
    experiment: str
    facts: list[tuple[str, str]]


def _of_run(data: ReportData, manifest: Mapping[str, Any]) -> Recipe:
    several = len(data.manifests) > 1
    return Recipe(
        f"{manifest.get('name')}, in {manifest.get('folder')}" if several else "",
        str(manifest.get("command") or ""),
        tomli_w.dumps(_without_none(manifest.get("experiment") or {})),
        facts_of(data, manifest),
    )


def _without_none(value: Any) -> Any:
    """Return a table without its None values, which TOML does not have."""
    if isinstance(value, Mapping):
        return {key: _without_none(v) for key, v in value.items() if v is not None}
    return [_without_none(v) for v in value if v is not None] if isinstance(value, list | tuple) else value


def facts_of(data: ReportData, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the settings, versions and machine of one run as pairs of a name and a value."""
    hardware = manifest.get("hardware") or {}
    versions = manifest.get("versions") or {}
    device = str(hardware.get("device") or "")
    if hardware.get("threads"):
        device += f", {numbers.plural(hardware['threads'], 'thread')}"
    pairs = [
        ("lmcompare", str(manifest.get("lmcompare") or "")),
        ("Run on", str(manifest.get("created") or "")),
        ("Took", numbers.seconds(manifest.get("seconds"))),
        ("Preset", str(manifest.get("preset") or "")),
        ("Seeds", ", ".join(str(s) for s in (manifest["experiment"] or {}).get("seeds", ()))),
        ("Machine", machine(hardware)),
        ("Device", device),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Corpus fingerprint", data.run.corpus_fingerprint),
        *((f"Tokens fingerprint ({data.run.tokens_name(fp)})", fp) for fp in manifest["tokens"]),
    ]
    pairs += _otherwise(manifest)
    return [(name, value) for name, value in pairs if value and value != numbers.NONE]


def _otherwise(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the models that an earlier run into the same folder trained with other settings."""
    rows = [row for row in manifest["models"] if row.get("settings")]
    if not rows:
        return []
    last = rows[-1]["settings"]
    return [
        (f"{row['name']} was trained with", ", ".join(f"{key} {_setting(row['settings'].get(key))}" for key in other))
        for row in rows
        if (other := [key for key in last if row["settings"].get(key) != last[key]])
    ]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {v}" for k, v in value.items()) or "none"
    return str(value)
