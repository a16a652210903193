"""The options of a run, declared once: an experiment file, the command line and the Python interface have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from lmcompare import allowance
from lmcompare.errors import LmcompareError

Live = Literal["pocket", "full", "none"]
GIVES_AWAY = "The page contains the training text: whoever has the page can read it."
Preset = Literal["quick", "default", "full"]
Engine = Literal["local", "ray"]
Count = Annotated[int, Ge(1), Le(1024)]
A_WEEK = 7 * 24 * 3600.0  # seconds


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class RunOptions:
    """How the models of a run are trained; ``metadata["help"]`` of a field is the help of the option.

    Parameters
    ----------
    preset : {"quick", "default", "full"}
        Which of its presets each model takes its hyper-parameters from.
    device : str
        "cpu", "cuda", "cuda:0", or "auto" for CUDA where there is a card.
    threads : int, optional
        How many threads each model may use; by default all cores.
    processes : int
        How many processes train a neural model together, each on a GPU of its own or sharing the threads.
    workers : int
        How many cells run at the same time; their costs are not compared then.
    engine : {"local", "ray"}
        Whether cells run on this machine or as tasks of Ray, as many at the same time as there are CPUs for.
    address : str, optional
        The Ray cluster, "auto" or "HOST:PORT"; by default Ray is started on this machine for the run.
    milestones : bool
        Whether models that are trained in steps are scored on the whole validation text at ten points of it.
    memory : str, optional
        How much memory a model may take, such as "1GB", if it can keep to a limit; by default all that it can use. No
        figure depends on it.
    time_limit : float, optional
        Seconds after which a model is stopped and counts as failed, and reading the text stops the run; by default a
        week.
    """

    preset: Preset = _option("default", "quick, default or full.")
    device: str = _option("auto", "cpu, cuda or auto.")
    threads: Count | None = _option(None, "Threads that each model may use.")
    processes: Count = _option(1, "Processes that train a neural model together.")
    workers: Count = _option(1, "Cells that run at the same time, each with its own threads.")
    engine: Engine = _option("local", "local, or ray to run cells on a cluster.")
    address: str | None = _option(None, "The Ray cluster: auto or HOST:PORT (default: start Ray here).")
    milestones: bool = _option(False, "Score models while they are trained, to compare them at equal compute.")
    memory: str | None = _option(None, "Memory that n-gram models may take, such as 1GB; they put the rest on disk.")
    time_limit: Annotated[float, Gt(0)] | None = _option(
        None, "Seconds after which a model is stopped and fails (default: a week)."
    )

    @property
    def memory_bytes(self) -> int | None:
        """The limit of memory in bytes."""
        return None if self.memory is None else allowance.bytes_of(self.memory)

    @property
    def seconds(self) -> float:
        """The time limit in seconds."""
        return self.time_limit or A_WEEK


@dataclass(frozen=True)
class PageOptions:
    """What the page of a report carries, so that its models answer a reader.

    Parameters
    ----------
    live : {"pocket", "full", "none"}
        "pocket" for small copies of the models, "full" for whole ones, "none" for neither models nor text.
    live_text : bool
        Whether the page carries the training text of any corpus, which models that count need; by default it does so
        for the embedded corpus alone, whose licence allows it.
    """

    live: Live = _option("pocket", "Copies of the models in the page: pocket, full or none.")
    live_text: bool = _option(False, "Put the training text into the page, for models that count.")

    def __post_init__(self) -> None:
        if self.live == "none" and self.live_text:
            raise LmcompareError(
                "--live none leaves the training text out, and --live-text puts it in: leave out one of the two"
            )
