"""How to reproduce the run: command, experiment, versions, hardware, fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import tomli_w

from lmcompare.analysis.metrics import unequal_reading
from lmcompare.render import numbers
from lmcompare.report.data import SERVED, ReportData, Section
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import MANIFEST
from lmcompare.runfolder.manifest import Machine, Manifest, read_manifest
from lmcompare.runfolder.run import Run

PAGE = "report.html"
MOST_OTHERS = 10  # reports that are named
IDENTIFIER = 16  # hexadecimal digits of a run's identifier


def build(data: ReportData) -> Section:
    """Return the section."""
    runs = [_of_run(data, run) for run in data.run.runs]
    manifest = data.run.manifest
    return Section.written(
        "reproduce",
        "How to reproduce and cite it",
        "lmcompare.report",
        "reproduce",
        runs=runs,
        preset=manifest.preset,
        took=_took(data.run),
        seeds=_seeds(data.run),
        series=data.run.corpus.kind == "series",
        cautions=_cautions(data),
        citation=_citation(data.run),
        others=_others(data),
    )


def _others(data: ReportData) -> list[str]:
    """Return the names of the folders beside the run whose reports are on the same text."""
    if data.run.runs != (data.run,) or data.page.get("live") == SERVED:
        return []
    found = []
    for path in sorted(data.run.path.resolve().parent.glob(f"*/{MANIFEST}")):
        folder = path.parent
        if folder == data.run.path.resolve() or not (folder / PAGE).is_file():
            continue
        with suppress(RunFolderError):
            if read_manifest(folder).corpus.fingerprint == data.run.corpus_fingerprint:
                found.append(folder.name)
    return found[:MOST_OTHERS]


def _seeds(run: Run) -> str:
    """Return the option that trains as many times as here; "" for one training."""
    seeds = max((model.seeds for model in run.models), key=len, default=())
    return f" --seed {','.join(map(str, seeds))}" if len(seeds) > 1 else ""


def _took(run: Run) -> str:
    """Return how long the run took, with what was trained in this time."""
    seconds = numbers.seconds(sum(each.manifest.seconds for each in run.runs))
    cells = numbers.plural(sum(len(model.done) for model in run.models), "training")
    return f"{seconds} for the {cells} of this run, with all scores, checks and examples"


def _cautions(data: ReportData) -> list[str]:
    """Return what may not be compared, each in a sentence."""
    said = [
        "Bits per byte of different texts or splits: figures that belong together have the same corpus fingerprint.",
        "Perplexity, accuracy and loss of models with different tokens or vocabularies.",
    ]
    if data.run.corpus.kind == "series":
        said = [
            "Errors and densities of different series: figures that belong together have one corpus fingerprint.",
            "Losses and nats per token of models with different bins; nats per step may be compared.",
        ]
    said += [
        "Cosines and distances of vectors of different models.",
        "Losses on the training text with those on other text, and figures of the validation text with those of the"
        " test text.",
    ]
    if data.findings:
        said.append("Figures of the laboratory with those of the leaderboard: its networks were trained for it.")
    if unequal_reading(data.run, [model.name for model in data.comparable]):
        said.append(
            "Architectures as such: some models were trained longer than others, and each with settings of its own."
        )
    if not data.run.one_machine:
        said.append("Times and memory: the models were not all trained on one machine.")
    else:
        said.append("Times and memory with those of another machine, or of a busy one.")
    if data.with_status("adaptive"):
        said.append("Adaptive models with others: they go on learning from the test text.")
    return said


def _citation(run: Run) -> str:
    """Return an entry for BibTeX with the version that carried out a run, and the run."""
    manifest = run.manifest
    runs = numbers.listed([f"{each.manifest.created[:10]}, identifier {identifier(each)}" for each in run.runs])
    return (
        "@software{lmcompare,\n"
        "  author  = {{The lmcompare developers}},\n"
        "  title   = {lmcompare: language models of every generation on the same text},\n"
        f"  version = {{{manifest.lmcompare}}},\n"
        f"  date    = {{{manifest.created[:10]}}},\n"
        f"  year    = {{{manifest.created[:4]}}},\n"
        f"  note    = {{{'Run' if len(run.runs) == 1 else 'Runs'} of {runs}; corpus fingerprint"
        f" {manifest.corpus.fingerprint}}}\n"
        "}"
    )


def identifier(run: Run) -> str:
    """Return what tells a run from all others: the first digits of the SHA-256 digest of its manifest.json."""
    return hashlib.sha256((run.path / MANIFEST).read_bytes()).hexdigest()[:IDENTIFIER]


@dataclass(frozen=True)
class Recipe:
    """How to repeat one run; ``name`` is "" if it is the only one."""

    name: str
    version: str
    command: str
    experiment: str
    facts: list[tuple[str, str]]


def _of_run(data: ReportData, run: Run) -> Recipe:
    several = len(data.run.runs) > 1
    return Recipe(
        f"{run.name}, in {run.path}" if several else "",
        _version(run.manifest),
        run.manifest.command,
        tomli_w.dumps(_without_none(run.manifest.experiment)),
        [*facts_of(data.run, run), ("Run identifier", f"{identifier(run)} (SHA-256 of {MANIFEST})")],
    )


def _version(manifest: Manifest) -> str:
    return f"{manifest.lmcompare}, commit {manifest.commit}" if manifest.commit else manifest.lmcompare


def _without_none(value: Any) -> Any:
    """Return a table without its None values, which TOML does not have."""
    if isinstance(value, Mapping):
        return {key: _without_none(v) for key, v in value.items() if v is not None}
    return [_without_none(v) for v in value if v is not None] if isinstance(value, list | tuple) else value


def facts_of(run: Run, part: Run) -> list[tuple[str, str]]:
    """Return the settings, versions and machines of a run as pairs of a name and a value.

    ``part``: one of the runs that it consists of.
    """
    manifest, hardware = part.manifest, part.manifest.hardware
    pairs = [
        ("lmcompare", _version(manifest)),
        ("Finished", numbers.moment(manifest.created)),
        ("Took", numbers.seconds(manifest.seconds)),
        ("Preset", manifest.preset),
        ("Seeds", ", ".join(str(s) for s in manifest.experiment["seeds"])),
        ("Machine", "; ".join(map(described, part.machines or (hardware,)))),
        ("Device", f"{hardware.device}, {numbers.plural(hardware.threads, 'thread')}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("Corpus fingerprint", run.corpus_fingerprint),
        *((f"Tokens fingerprint ({run.tokens_name(fp)})", fp) for fp in manifest.tokens),
    ]
    pairs += _otherwise(manifest)
    return [(name, value) for name, value in pairs if value and value != numbers.NONE]


def _otherwise(manifest: Manifest) -> list[tuple[str, str]]:
    """Return the models that an earlier run into the same folder trained with other settings."""
    last = asdict(manifest.models[-1].settings)
    return [
        (f"{row.name} was trained with", ", ".join(f"{key} {_setting(value)}" for key, value in other.items()))
        for row in manifest.models
        if (other := {key: value for key, value in asdict(row.settings).items() if value != last[key]})
    ]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {v}" for k, v in value.items()) or "none"
    return str(value)


def described(machine: Machine) -> str:
    """Return processor, cores, memory and system, as far as they are known."""
    memory = f"{numbers.size(machine.memory_bytes)} of memory" if machine.memory_bytes else ""
    parts = machine.cpu, numbers.plural(machine.cores, "core"), memory, machine.platform
    return ", ".join(part for part in parts if part)
