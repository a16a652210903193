"""What is shown while a run goes on: a live table on a terminal, plain lines elsewhere, nothing if asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from lmcompare.errors import LmcompareError, without_controls
from lmcompare.processes import Emit, JunkError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table


STAGES = ("training", "scoring", "checking", "examples")
LEAST_WIDTH = 60  # the least columns of a terminal for the table of models
LONGEST_NOTE = 1000  # characters of a note
MOST = 10**18  # the largest count


def checked(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of a cell's process, in which a plug-in's code runs, if it is one that can be shown.

    Raises
    ------
    LmcompareError
        If it is of no known kind, or has other values than such an event has.
    """
    values = _VALUES.get(kind) if isinstance(kind := event.get("event"), str) else None
    if values is None:
        raise _unshown(event)
    found = {**dict.fromkeys(values), **event}
    for name, fits in values.items():
        if not fits(found[name]):
            raise _unshown({name: found[name]})
    return {**found, "note": found["note"][:LONGEST_NOTE]} if kind == "progress" else found


def _unshown(values: Mapping[str, Any]) -> LmcompareError:
    return LmcompareError(
        f"its process reported progress that can't be read ({str(dict(values))[:80]}): give setting.progress an "
        "lmcompare.Progress with whole numbers and with losses in nats"
    )


class Share:
    """Reports how much of a stage is done; it is called with the size of each finished piece of work.

    Parameters
    ----------
    emit : callable
        Takes the events.
    stage : str
        One of ``STAGES``.
    total : int
        The size of the whole work.
    every : float
        The seconds between two events.
    """

    def __init__(self, emit: Emit, stage: str, total: int, every: float = 1.0) -> None:
        self._emit, self._stage, self._total, self._every = emit, stage, max(total, 1), every
        self._done, self._said = 0, time.perf_counter()

    def __call__(self, done: int) -> None:
        self._done += done
        if (now := time.perf_counter()) - self._said >= self._every:
            self._said = now
            self._emit({"event": "stage", "stage": self._stage, "share": min(1.0, self._done / self._total)})


def _is_count(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < MOST


def _is_loss(value: Any) -> bool:
    return value is None or type(value) is float or (type(value) is int and abs(value) < MOST)


_VALUES: dict[str, dict[str, Callable[[Any], bool]]] = {
    "stage": {
        "stage": lambda value: isinstance(value, str) and value in STAGES,
        "share": lambda value: value is None or (type(value) is float and 0 <= value <= 1),
    },
    "progress": {
        **dict.fromkeys(("step", "seconds"), _is_count),
        **dict.fromkeys(("steps", "tokens"), lambda value: value is None or _is_count(value)),
        **dict.fromkeys(("train_loss", "valid_loss", "flops"), _is_loss),
        "note": lambda value: isinstance(value, str),
    },
}


class Display:
    """Receives the progress of a run and shows nothing. ``cell`` is the index of a row that ``plan`` returned."""

    def say(self, sentence: str) -> None:
        """Say a sentence about the whole run."""

    def share(self, what: str, done: float) -> None:
        """Say how much of a piece of work before the first cell is done, as a share; 1.0 is its end."""

    def plan(self, cells: Sequence[str]) -> int:
        """Announce further cells by name; return the index of the first."""
        return 0

    def event(self, cell: int, event: Mapping[str, Any]) -> None:
        """Show that something happened in a cell."""

    def close(self) -> None:
        """Stop showing."""


class Sending(Display):
    """Sends the progress as events to another process, where ``show_sent`` shows it."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def say(self, sentence: str) -> None:
        self._emit({"event": "say", "sentence": sentence})

    def share(self, what: str, done: float) -> None:
        self._emit({"event": "share", "what": what, "done": min(1.0, done)})


def show_sent(event: Mapping[str, Any], show: Display) -> None:
    """Show an event of a ``Sending``, in whose process a plug-in's code runs.

    Raises
    ------
    JunkError
        If no ``Sending`` sends such an event.
    """
    match event:
        case {"event": "say", "sentence": str(sentence)}:
            show.say(sentence)
        case {"event": "share", "what": str(what), "done": int(done) | float(done)} if 0 <= done <= 1:
            show.share(what, done)
        case _:
            raise JunkError(str(dict(event))[:80])


@dataclass
class _Row:
    name: str
    stage: str = "waiting"
    share: float | None = None
    step: int = 0
    steps: int | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    tokens: int | None = None
    seconds: float = 0.0
    note: str = ""
    begun: float = 0.0
    first: tuple[int, float, int] | None = None  # step, seconds and tokens of the first report of a training

    def update(self, event: Mapping[str, Any]) -> None:
        """Take over what the event says; a loss that is not measured again stays."""
        if event["event"] == "progress":
            self.step, self.steps, self.seconds = event["step"], event["steps"], event["seconds"]
            self.tokens = event["tokens"] or self.tokens
            self.note = event["note"]
            self.train_loss = event["train_loss"] if event["train_loss"] is not None else self.train_loss
            self.valid_loss = event["valid_loss"] if event["valid_loss"] is not None else self.valid_loss
            if self.step and (self.first is None or self.step <= self.first[0]):  # what precedes it is no training
                self.first = self.step, self.seconds, self.tokens or 0
            return
        if self.stage == "waiting":
            self.begun = time.perf_counter()
        self.stage, self.share = event.get("stage", event["event"]), event.get("share")
        if self.stage in ("done", "failed"):
            self.seconds = time.perf_counter() - self.begun
        self.note = str(event.get("error") or "")

    @property
    def speed(self) -> str:
        """Training tokens a second since the first report: before it, something else may have taken time."""
        if self.first is None or not self.tokens or self.seconds <= self.first[1] or self.stage != "training":
            return ""
        return f"{(self.tokens - self.first[2]) / (self.seconds - self.first[1]):,.0f}"

    @property
    def left(self) -> str:
        """Seconds that training still takes at this pace."""
        if self.first is None or self.stage != "training" or not self.steps or self.step <= self.first[0]:
            return ""
        pace = (self.seconds - self.first[1]) / (self.step - self.first[0])
        return f"{pace * (self.steps - self.step):.0f} s"

    @property
    def done(self) -> str:
        """What is done of the stage, as a share."""
        share = self.share
        if self.steps and self.stage == "training":
            share = min(1.0, self.step / self.steps)
        return "" if share is None else f"{share:.0%}"


class _Shown(Display):
    """A display on a console, with a row for each cell."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: list[_Row] = []

    def say(self, sentence: str) -> None:
        self._console.print(without_controls(sentence), markup=False, highlight=False, soft_wrap=True)

    def plan(self, cells: Sequence[str]) -> int:
        first = len(self._rows)
        self._rows += [_Row(name) for name in cells]
        return first

    def event(self, cell: int, event: Mapping[str, Any]) -> None:
        row = self._rows[cell]
        row.update(event)
        if event["event"] == "progress" and row.note:
            self.say(f"{row.name}: {row.note}")


class Plain(_Shown):
    """Lines for a log: each change of stage, and how far a stage is every ten seconds."""

    def __init__(self, console: Console, every: float = 10.0) -> None:
        super().__init__(console)
        self._every, self._said = every, time.perf_counter()

    def share(self, what: str, done: float) -> None:
        """Print the share now and then, so that work of a moment has no line."""
        now = time.perf_counter()
        if done < 1 and now - self._said >= self._every:
            self.say(f"{what}: {done:.0%}")
            self._said = now

    def event(self, cell: int, event: Mapping[str, Any]) -> None:
        """Print a change of stage, what training has to say, and how far it is now and then."""
        row = self._rows[cell]
        before, now = row.stage, time.perf_counter()
        super().event(cell, event)
        if row.stage != before:
            took = f" after {row.seconds:.1f} s" if row.stage == "done" else ""
            self.say(f"{row.name}: {row.stage}{took}{f': {row.note}' if row.note else ''}")
            self._said = now
        elif not row.note and now - self._said >= self._every:
            training = row.stage == "training"
            facts = {
                f"{{}} of {row.stage}": row.done,
                "loss {}": _nats(row.train_loss) if training else "",
                "valid {}": _nats(row.valid_loss) if training else "",
                "{} tokens/s": row.speed,
                "{} left": row.left,
            }
            known = [words.format(fact) for words, fact in facts.items() if fact]
            self.say(f"{row.name}: {', '.join(known) or row.stage}")
            self._said = now


class Live(_Shown):
    """A table that is redrawn in place; sentences are printed above it."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live as RichLive

        super().__init__(console)
        self._live = RichLive(console=console, refresh_per_second=4, get_renderable=self._table)
        self._bar: Progress | None = None

    def share(self, what: str, done: float) -> None:
        """Draw a bar, which is gone when the work is done."""
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        if done >= 1:
            self._end_bar()
        elif self._bar is None:
            text = TextColumn("{task.description}", markup=False)
            columns = text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.update(self._bar.add_task(without_controls(what), total=1), completed=done)
            self._bar.start()
        else:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def plan(self, cells: Sequence[str]) -> int:
        """Draw the table, or further rows of it."""
        self._end_bar()
        first = super().plan(cells)
        self._live.start()
        return first

    def close(self) -> None:
        """Leave the table as it was drawn last."""
        self._end_bar()
        self._live.stop()

    def _table(self) -> Table:
        from rich.table import Table

        table = Table("model", "stage", box=None, pad_edge=False, header_style="dim")
        for heading in ("done", "loss", "valid", "tokens/s", "left", "seconds"):
            table.add_column(heading, justify="right")
        for row in self._rows:
            style = {"done": "green", "kept": "green", "failed": "red", "waiting": "dim"}.get(row.stage, "bold")
            table.add_row(
                row.name,
                row.stage,
                row.done,
                _nats(row.train_loss),
                _nats(row.valid_loss),
                row.speed,
                row.left,
                f"{row.seconds:.0f}" if row.seconds else "",
                style=style,
            )
        return table


class _Lasting:
    """A stream that drops what can't be written: its reader is gone, or it is closed."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def display(*, quiet: bool = False, must_be_seen: bool = True) -> Display:
    """Return the display that fits where standard error goes.

    Parameters
    ----------
    quiet : bool
        Whether nothing is shown.
    must_be_seen : bool
        Whether an error of standard error ends the work, as it ends a command whose output nobody reads any longer. A
        program that calls lmcompare goes on.
    """
    if quiet:
        return Display()
    from rich.console import Console

    lasting = None if must_be_seen or sys.stderr is None else cast("IO[str]", _Lasting(sys.stderr))
    console = Console(stderr=True, file=lasting)
    return Live(console) if console.is_terminal and console.width >= LEAST_WIDTH else Plain(console)


def _nats(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.3f}"
