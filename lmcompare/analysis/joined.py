"""Several runs in one report: runs on the same text become one run, others get tables of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.manifest import Machine, Manifest
from lmcompare.runfolder.run import ModelEntry, Run

SPLITS = ("train", "valid", "test")
Kind = Literal[
    "charging",  # the same text, but its bytes were charged by other rules
    "test text",
    "training text",
    "validation text",
    "source text",  # the text differs only where it was cut or changed afterwards
    "changes",  # such as lower case
    "test split",
    "training split",
    "validation split",
    "boundaries",  # documents, sentences or the white space between them
    "names",  # of documents
]
BY_SPLIT: tuple[tuple[str, Kind, Kind], ...] = (
    ("test", "test text", "test split"),
    ("train", "training text", "training split"),
    ("valid", "validation text", "validation split"),
)


@dataclass(frozen=True)
class TextDifference:
    """One way in which the text of a run differs from that of another run."""

    kind: Kind
    run: Run
    other: Run


def differences(run: Run, other: Run) -> list[TextDifference]:
    """Return how the text of a run differs from another's; empty if their bits per byte can be compared."""
    return [TextDifference(kind, run, other) for kind in _kinds(run, other)]


def same_tokenizer(run: Run, fingerprint: str, other: str) -> bool:
    """Return whether two tokenized texts of a run differ in their vocabularies only."""
    one, two = (run.manifest.tokens[fp].parts["tokenizer"] for fp in (fingerprint, other))
    return one == two


def sizes_of(run: Run) -> dict[str, int]:
    """Return the number of words of each split."""
    return {split: run.corpus.splits[split].words for split in SPLITS}


def _kinds(run: Run, other: Run) -> list[Kind]:
    if run.corpus_fingerprint == other.corpus_fingerprint:
        return ["charging"] if _charged_differently(run, other) else []
    parts, others = run.corpus.parts, other.corpus.parts
    differ = {name for name in {**parts, **others} if parts.get(name) != others.get(name)}
    if "read" in differ:
        return [next((text for split, text, _ in BY_SPLIT if split in differ), "source text")]
    found: list[Kind] = []
    if "changes" in differ:
        found.append("changes")
    if differ & set(SPLITS) and ("changes" not in differ or sizes_of(run) != sizes_of(other)):
        found.append(next(kind for split, _, kind in BY_SPLIT if split in differ))
    if "marks" in differ and not differ & {*SPLITS, "changes"}:
        found.append("boundaries")
    return found or ["names"]


def _charged_differently(run: Run, other: Run) -> bool:
    """Tokens with the same fingerprint are charged alike; other tokens may be."""
    if set(run.tokens) & set(other.tokens):
        return False
    ways, others = ({entry.parts["charged"] for entry in each.manifest.tokens.values()} for each in (run, other))
    return ways != others


@dataclass(frozen=True)
class Table:
    """Runs on the same text as one run, and how this text differs from that of the first table."""

    run: JoinedRun
    differences: tuple[TextDifference, ...]


class JoinedRun(Run):
    """Runs on one text as one run. Different models of the same name get the names of their runs in brackets."""

    def __init__(self, runs: Sequence[Run], labels: Sequence[str]) -> None:
        self._runs, self.labels = tuple(runs), tuple(labels)
        self.path = runs[0].path
        self.models = tuple(_models(runs, labels))
        self.tokens = {fp: table for run in reversed(runs) for fp, table in run.tokens.items()}
        self.manifest = _manifest(runs, self.models)
        chosen = [run.studies for run in runs]
        self.named = [*dict.fromkeys(name for run in runs for name in run.named)]
        self.studies = None if None in chosen else [*dict.fromkeys(name for each in chosen for name in each or ())]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that it consists of."""
        return self._runs

    @property
    def fractions(self) -> dict[float, Run | RunFolderError]:
        """Empty: shares of the training text are shown in the report of each single run."""
        return {}

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines on which the models of all of them were trained and scored, each once."""
        return tuple(dict.fromkeys(machine for run in self.runs for machine in run.machines))


def join(runs: Sequence[Run]) -> list[Table]:
    """Put runs into one table for each text, in the order of the runs; ``RunFolderError`` without any."""
    if not runs:
        raise RunFolderError("there is no run to report on: give the folders that 'lmcompare run' wrote")
    labels = dict(zip(runs, labels_of(runs), strict=True))
    tables: list[list[Run]] = []
    for run in runs:
        place = next((same for same in tables if any(not differences(run, other) for other in same)), None)
        if place is None:
            tables.append([run])
        else:
            place.append(run)
    return [
        Table(JoinedRun(same, [labels[run] for run in same]), tuple(differences(same[0], runs[0]))) for same in tables
    ]


def labels_of(runs: Sequence[Run]) -> list[str]:
    """Return a short and distinct name for each run: of its experiment, else of its folder, else its path."""
    labels = [run.name for run in runs]
    for other in ([run.path.resolve().name for run in runs], [str(run.path) for run in runs]):
        count = Counter(labels)
        labels = [label if count[label] == 1 else instead for label, instead in zip(labels, other, strict=True)]
    return labels if len(set(labels)) == len(labels) else [str(run.path.resolve()) for run in runs]


def _models(runs: Sequence[Run], labels: Sequence[str]) -> Iterator[ModelEntry]:
    """Yield the models of all runs; the same model in several runs becomes one, with the seeds of all of them."""
    alike: dict[tuple[str, str], list[tuple[str, ModelEntry]]] = {}
    for run, label in zip(runs, labels, strict=True):
        for model in run.models:
            identity = None if model.first is None else model.first.info.get("identity")
            alike.setdefault((model.name, str(identity or label)), []).append((label, model))
    names = Counter(name for name, _ in alike)
    for (name, _), same in alike.items():
        whose = ", ".join(dict.fromkeys(label for label, _ in same))
        shown = name if names[name] == 1 else f"{name} ({whose})"
        cells: dict[int, Cell] = {}
        for status in ("done", "failed"):
            for cell in (cell for _, model in same for cell in model.cells if cell.status == status):
                cells.setdefault(cell.seed, cell if shown == name else Cell(cell.path, shown, cell.seed))
        first = same[0][1]
        ordered = tuple(cells[seed] for seed in sorted(cells))
        yield ModelEntry(shown, first.plugin, first.tokens_fingerprint, ordered)


def _manifest(runs: Sequence[Run], models: Sequence[ModelEntry]) -> Manifest:
    """Return the manifest of all runs together: that of the first, with what they have in common."""
    manifests = [run.manifest for run in runs]
    rows = {run.path / place: row for run in runs for row in run.manifest.models for place in row.cells}
    notes = dict.fromkeys(note for manifest in manifests for note in manifest.corpus.notes)
    published = [each for manifest in manifests for each in manifest.experiment.get("published", ())]
    return replace(
        manifests[0],
        name=" + ".join(dict.fromkeys(manifest.name for manifest in manifests)),
        created=max(manifest.created for manifest in manifests),
        seconds=sum(manifest.seconds for manifest in manifests),
        experiment={
            "seeds": sorted({cell.seed for model in models for cell in model.cells}),
            "published": list({(each["name"], each["unit"], each["split"]): each for each in published}.values()),
        },
        corpus=replace(manifests[0].corpus, notes=tuple(notes)),
        tokens={fp: entry for manifest in reversed(manifests) for fp, entry in manifest.tokens.items()},
        models=tuple(replace(rows[_first_path(model)], name=model.name) for model in models),
    )


def _first_path(model: ModelEntry) -> Path:
    return (model.first or model.cells[0]).path
