"""How to reproduce the run: command, experiment, versions, hardware, fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.report import numbers
from lmcompare.report.kinds.rendering import plain, table
from lmcompare.report.material import Material, Section
from lmcompare.report.pages import fill
from lmcompare.report.sections.cost import machine
from lmcompare.report.toml import dumps


def build(material: Material) -> Section:
    """Return the section."""
    manifest = material.run.manifest
    facts = facts_of(material)
    command = str(manifest.get("command") or "")
    experiment = dumps(manifest.get("experiment") or {})
    html = fill("reproduce", command=command, experiment=experiment, facts=facts)
    grid = table(("", ""), ((plain(name), plain(value)) for name, value in facts), 2)
    fence = "`" * max(3, 1 + _longest_run(experiment + command, "`"))
    code = f"{fence}sh\n{command}\n{fence}\n\n{fence}toml\n{experiment}{fence}"
    return Section("reproduce", "How to reproduce it", html, f"{code}\n\n{grid}")


def facts_of(material: Material) -> list[tuple[str, str]]:
    """Return what was run where, as pairs of a name and a value."""
    manifest = material.run.manifest
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
        ("Corpus fingerprint", material.run.corpus_fingerprint),
        *((f"Tokens fingerprint ({material.tokens_name(fp)})", fp) for fp in material.run.tokens),
    ]
    pairs += _otherwise(material)
    return [(name, value) for name, value in pairs if value and value != numbers.NONE]


def _otherwise(material: Material) -> list[tuple[str, str]]:
    """Return the models that an earlier run into the folder trained under other settings, and with which."""
    rows = [row for row in material.run.manifest["models"] if row.get("settings")]
    if not rows:
        return []
    last = rows[-1]["settings"]
    return [
        (f"{row['name']} ran with", ", ".join(f"{key} {_setting(row['settings'].get(key))}" for key in other))
        for row in rows
        if (other := [key for key in last if row["settings"].get(key) != last[key]])
    ]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {v}" for k, v in value.items()) or "none"
    return str(value)


def _longest_run(text: str, sign: str) -> int:
    longest = now = 0
    for c in text:
        now = now + 1 if c == sign else 0
        longest = max(longest, now)
    return longest
