"""Was the comparison fair: how much and how long each model was trained, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmcompare.analysis.leaderboard import Row
from lmcompare.analysis.metrics import tokens_read
from lmcompare.render import numbers
from lmcompare.render.titles import spoken
from lmcompare.report.data import Model, ReportData
from lmcompare.report.finding import reads_on, same_time
from lmcompare.runfolder.manifest import Manifest

HEADINGS = (
    "Training time",
    "Tokens read",
    "Times through the text",
    "Steps",
    "Batch (sequences × tokens)",
    "Optimiser",
    "Learning rate",
    "Uses context across sentences",
)
MADE_EQUAL = "This run does not show which design is better: --match tokens=… or --match seconds=… trains them alike."


@dataclass(frozen=True)
class Training:
    """How a model was trained, as text in the order of ``HEADINGS``."""

    model: Model
    said: Sequence[str]

    @classmethod
    def of(cls, data: ReportData, model: Model, row: Row) -> Training:
        """Return how this model of the leaderboard was trained."""
        reads = {None: numbers.NONE, True: "yes", False: "no"}[reads_on(row)]
        return cls(model, [numbers.seconds(row.train_seconds), *settings(data, model), reads])


def trainings(data: ReportData) -> list[Training]:
    """Return how the models that are compared were trained, in their order in the run; empty if none has steps."""
    rows = {row.name: row for row in data.rows}
    compared = [model for model in data.scored if model.name not in data.unranked and model.name in rows]
    if all(tokens_read(model.entry) is None for model in compared):
        return []
    return [Training.of(data, model, rows[model.name]) for model in compared]


def settings(data: ReportData, model: Model) -> list[str]:
    """Return what a model read in training and with which settings, as text: ``HEADINGS`` without first and last."""
    given = model.cell.info.get("hyperparameters") or {}
    steps, read, batch = _steps(model), tokens_read(model.entry), _batch(model)
    text, rate = (
        data.run.manifest.tokens[model.entry.tokens_fingerprint].tokens.get("train"),
        given.get("learning_rate"),
    )
    return [
        numbers.NONE if read is None else numbers.amount(read),
        numbers.NONE if read is None or not text else numbers.decimals(read / text, 1),
        numbers.count(steps),
        numbers.NONE if batch is None else f"{batch[0]} × {batch[1]}",
        str(given.get("optimiser", numbers.NONE)),
        f"{rate:g}" if isinstance(rate, int | float) else numbers.NONE,
    ]


def pretrained_vectors(found: Sequence[Training]) -> str:
    """Return which models learnt word vectors first, so that they read more than in their steps; "" if none did."""
    named = []
    for one in found:
        steps, read, batch = _steps(one.model), tokens_read(one.model.entry), _batch(one.model)
        if steps is None or read is None or batch is None:
            continue
        before = read - steps * batch[0] * batch[1]
        if before > 0.5 * read:
            named.append(f"{numbers.amount(before)} tokens of {spoken(one.model.title)}")
    if not named:
        return ""
    return f"The tokens read include those that were read first, to learn word vectors: {numbers.listed(named)}."


def _steps(model: Model) -> float | None:
    """Return how many steps a training took; None for a model that is not trained in steps."""
    steps = model.cell.curve["step"].dropna()
    return float(steps.iloc[-1]) if len(steps) else None


def _batch(model: Model) -> tuple[int, int] | None:
    """Return how many sequences a step reads, and how many tokens of each; None where it is not known."""
    given = model.cell.info.get("hyperparameters") or {}
    batch, length = given.get("batch"), given.get("length")
    return (batch, length) if isinstance(batch, int) and isinstance(length, int) else None


def in_brief(
    read: Mapping[str, float], seconds: Mapping[str, float], leading: Sequence[str] = (), limit: str = ""
) -> str:
    """Return what was equal for all models and what was not.

    Parameters
    ----------
    read : mapping of str to float
        The number of training tokens that each model read, if these numbers differ.
    seconds : mapping of str to float
        How long the same models were trained.
    leading : sequence of str
        The two best models.
    limit : str
        To which tokens or seconds all trainings were limited, as sentences; "" for no such limit.
    """
    same = "All models were scored on the same test text"
    if not read:
        return f"{same}."
    if limit:
        return f"{same}. {limit}"
    if same_time(read, seconds):
        unequal = "trained for about the same time, but read unequal amounts of the training text"
        return f"{same} and {unequal}. {MADE_EQUAL}"
    nearly = "; the two best were trained for about the same time" if same_time(leading, seconds) else ""
    return f"{same}, but not trained alike{nearly}. {MADE_EQUAL}"


def made_equal(data: ReportData) -> str:
    """Return in what the models of a run were made equal; "" if each had its preset."""
    said = []
    sizes = {row.settings.match.get("parameters") for row in data.run.manifest.models}
    if len(sizes) == 1 and (size := sizes.pop()):
        said.append(
            f"Widths were chosen so that each model has about {numbers.short(size)} parameters, except for models"
            " whose size cannot be changed; learning rates were not tuned to them."
        )
    return " ".join(filter(None, (*said, limited(data))))


def limited(data: ReportData) -> str:
    """Return to what the training of all networks of a run was limited; "" if they had no or different budgets."""
    limit = budget(data.run.manifest)
    if not limit:
        return ""
    unit, amount = next(iter(limit.items()))
    much = numbers.seconds(amount) if unit == "seconds" else f"{numbers.short(amount)} {unit}"
    said = f"The training of every network was limited to {much}."
    before = [spoken(m.title) for m in data.scored if m.cell.cost.get("tokens_before")]
    if not before or unit == "seconds":
        return said
    return f"{said} The text that {numbers.listed(before)} read before, to learn word vectors, is not counted."


def budget(manifest: Manifest) -> dict[str, float]:
    """Return the budget that all models of a run had, by its unit; empty if they had none or different ones."""
    budgets = {tuple(row.settings.budget.items()) for row in manifest.models}
    return dict(budgets.pop()) if len(budgets) == 1 else {}
