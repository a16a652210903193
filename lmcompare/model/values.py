"""What a model declares about itself, what its training gets and reports, and checks of its hyper-parameters."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import PluginError, check_notes, kind_of
from lmcompare.tokens import Encoded, FloatArray, Vocabulary


@dataclass(frozen=True)
class Traits:
    """What a model declares about itself. Validity checks test these declarations.

    Attributes
    ----------
    causal : bool
        A score depends only on the past of its document.
    normalised : bool
        The probabilities of the next token sum to one.
    adaptive : bool
        The model learns from the earlier documents of the text that it scores.
    carries_state : bool
        The model uses what precedes the current sentence.
    pretrained : bool
        The model has read text other than the training text.
    """

    causal: bool = True
    normalised: bool = True
    adaptive: bool = False
    carries_state: bool = False
    pretrained: bool = False


EARLIEST, LATEST = 1700, 2200  # years of publications


@dataclass(frozen=True)
class Idea:
    """The publication in which the idea of a model first appeared, which places it in the history of the field.

    Attributes
    ----------
    year : int
        The year.
    authors : str
        The surnames of the authors, such as "Kneser and Ney".
    title : str
        The title of the publication.
    """

    year: int
    authors: str
    title: str


@dataclass(frozen=True)
class Progress:
    """How far ``fit`` has come.

    Attributes
    ----------
    step, steps : int
        The number of steps done, and of all steps if it is known.
    train_loss, valid_loss : float, optional
        Losses on the training and the validation text, in nats per token.
    tokens : int, optional
        Tokens read in training so far.
    note : str
        A short message for the user who watches the training.
    flops : float, optional
        Floating-point operations of the training so far, if they are counted.
    """

    step: int
    steps: int | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    tokens: int | None = None
    note: str = ""
    flops: float | None = None


@dataclass(frozen=True)
class Milestones:
    """Points of the training at which the model is scored in its state at that time.

    Attributes
    ----------
    shares : tuple of float
        Rising shares of the training, below 1.
    score : callable
        ``score(model, progress)`` is called once for each share, as soon as it is reached. It returns the seconds
        that it took, which do not count against the budget.
    """

    shares: tuple[float, ...]
    score: Callable[[Any, Progress], float]


@dataclass(frozen=True)
class Budget:
    """A limit on training that replaces the limit in the hyper-parameters. At most one of the four attributes is set.

    Attributes
    ----------
    steps : int, optional
        Steps of training.
    epochs : float, optional
        Passes over the training text.
    seconds : float, optional
        Seconds of training.
    tokens : int, optional
        Tokens read; a token that is read twice counts twice.
    """

    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    tokens: int | None = None


def _silent(_: Progress) -> None:
    return None


@dataclass(frozen=True)
class Setting:
    """The vocabulary, the seed and the resources that ``fit`` may use.

    Attributes
    ----------
    vocabulary : Vocabulary
        The V types of the texts.
    seed : int
        The source of all randomness.
    device : str
        "cpu", "cuda", "cuda:0", ...
    threads : int
        The number of threads that the model may use.
    progress : callable
        Takes a ``Progress``; ``fit`` may call it now and then.
    checkpoints : Path, optional
        A folder for checkpoints, from which training can continue after it was killed; None for no checkpoints.
    budget : Budget
        A limit on training.
    processes : int
        The number of processes that may train together, each with a GPU of its own or a share of the threads. A
        model that can't do this uses one process.
    milestones : Milestones, optional
        The points of the training at which a model that is trained in steps is to be scored.
    """

    vocabulary: Vocabulary
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    progress: Callable[[Progress], None] = _silent
    checkpoints: Path | None = None
    budget: Budget = Budget()
    processes: int = 1
    milestones: Milestones | None = None


@dataclass(frozen=True)
class Size:
    """The size of a trained model.

    Attributes
    ----------
    parameters : int
        The number of fitted parameters.
    bytes : int
        The bytes of the stored model.
    """

    parameters: int
    bytes: int


LARGEST = 10**18  # parameters or bytes: the files and tables of a report can't hold numbers of any length


def checked_size(size: object, whose: str) -> Size:
    """Return the result of ``size()`` of the class ``whose``. Raises ``PluginError`` if it is not a possible size."""
    if not isinstance(size, Size):
        raise PluginError(f"{whose}.size returned {kind_of(size)}: return an lmcompare.Size")
    for name, value in (("parameters", size.parameters), ("bytes", size.bytes)):
        if not isinstance(value, Integral) or not 0 <= value <= LARGEST:
            raise PluginError(
                f"{whose}.size returned {reprlib.repr(value)} {name}: return a whole number from 0 to 10**18"
            )
    return Size(int(size.parameters), int(size.bytes))


LONGEST = {"title": 200, "summary": 2_000}  # characters of the texts in which a model explains itself


def check_words(title: object, summary: object, notes: object, idea: object, whose: str) -> None:
    """Raise ``PluginError`` if a text in which the class ``whose`` explains itself is not valid or is too long."""
    check_notes(notes, whose)
    if idea is not None:
        if not isinstance(idea, Idea):
            raise PluginError(f"the idea of {whose} is {kind_of(idea)}: give an lmcompare.Idea")
        if type(idea.year) is not int or not EARLIEST <= idea.year <= LATEST:
            raise PluginError(f"the idea of {whose} has the year {idea.year!r}: give one from {EARLIEST} to {LATEST}")
        most = LONGEST["title"]
        for name, said in (("authors", idea.authors), ("title", idea.title)):
            if not isinstance(said, str) or not 0 < len(said) <= most:
                raise PluginError(f"the {name} of the idea of {whose} must be a text of 1 to {most} characters")
    for name, text in (("title", title), ("summary", summary)):
        if not isinstance(text, str):
            raise PluginError(f"{whose}.{name} returned {kind_of(text)}: return a text")
        if len(text) > LONGEST[name]:
            raise PluginError(
                f"a {name} of {whose} has {len(text):,} characters: it must have at most {LONGEST[name]:,}"
            )


@dataclass(frozen=True)
class PageCopy:
    """A copy of a model that the page of a report evaluates while a reader types.

    Parameters
    ----------
    table : mapping
        JSON values, with the ``kind`` of the copy; docs/report.md lists the kinds that the page knows.
    log_probs : callable, optional
        Returns (N,) nats: the log-probability of every token of a text by the copy. None for a copy that is exact.
    """

    table: Mapping[str, Any]
    log_probs: Callable[[Encoded], FloatArray] | None = None


HIGHEST_ORDER = 100  # of n-grams: nearly all longer n-grams occur once
SHORT_ORDER, SHORT_WINDOW = 10, 256  # the order and the window that are allowed for every text, however short it is


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number; booleans are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int, most: int = 10**9) -> None:
    """Raise ``PluginError`` unless a hyper-parameter is a whole number from ``least`` to ``most``."""
    if not (isinstance(value, int) and is_whole(value) and value >= least):
        raise PluginError(f"{name} must be a whole number, {least} or more, not {reprlib.repr(value)}")
    if value > most:
        raise PluginError(f"{name} must be {most:,} or less, not {reprlib.repr(value)}")


def check_reach(name: str, value: int, train: Encoded, unit: str, free: int) -> None:
    """Raise ``PluginError`` for a model that looks further back than the training text goes, which only costs time.

    ``unit`` is "sentence" or "document": the model does not look beyond its beginning. Values up to ``free`` cost
    little and are always allowed.
    """
    if value <= free:
        return
    starts = train.sentence_starts() if unit == "sentence" else train.starts
    longest = int(np.diff(np.append(starts, len(train))).max(initial=0))
    if value > max(longest + 1, free):
        raise PluginError(
            f"{name} is {value:,}, but the longest {unit} of the training text has {longest:,} tokens: set it to"
            f" {max(longest + 1, free):,} at most"
        )
