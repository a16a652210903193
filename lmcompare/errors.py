"""What the library raises when a user, a file or a plug-in is at fault."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

_OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory", "Storage size calculation overflowed")  # torch's


class LmcompareError(Exception):
    """One sentence that says what is wrong and what to do; the command line prints it and exits with 2."""


class PluginError(LmcompareError):
    """A plug-in could not be found, loaded or built, or broke the contract."""


class NotFittedError(PluginError):
    """A model was asked for probabilities before ``fit`` or ``restore``."""


def suggest(name: str, options: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` with the option nearest to ``name``, or ``""`` where none is near."""
    folded = {option.casefold(): option for option in options}
    near = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.55)
    return f" (did you mean '{folded[near[0]]}'?)" if near else ""


def unknown(what: str, name: str, options: Iterable[str]) -> str:
    """Return the sentence for a name that is none of ``options``: the nearest one, else all of them."""
    options = sorted(options)
    hint = suggest(name, options) or f"; there are: {', '.join(options) or 'none'}"
    return f"unknown {what} '{name}'{hint}"


def said(error: BaseException) -> str:
    """Return what an error says without line breaks; "" for nothing."""
    try:
        return " ".join(str(error).split())
    except Exception:  # a plug-in's own error may fail to say anything
        return ""


def one_line(error: BaseException) -> str:
    """Return what an error says, its name if it says nothing, without line breaks."""
    return said(error) or type(error).__name__


@contextmanager
def blamed_on(whose: str) -> Iterator[None]:
    """Turn whatever a plug-in's code raises, an end of the process included, into a ``PluginError`` that names it."""
    try:
        yield
    except LmcompareError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{whose} raised {what_went_wrong(error)}") from error


@contextmanager
def as_written(place: object) -> Iterator[None]:
    """Turn what is raised over values of a wrong kind in a run folder's files into one sentence."""
    try:
        yield
    except LmcompareError:
        raise
    except Exception as error:
        raise LmcompareError(
            f"{place} holds what no run wrote ({what_went_wrong(error)}): run the experiment again"
        ) from error


def kind_of(value: object) -> str:
    """Return what kind of thing a value is, such as 'an int'."""
    name = type(value).__name__
    return "None" if value is None else f"an {name}" if name[0] in "aeiou" else f"a {name}"


def what_went_wrong(error: BaseException) -> str:
    """Return one sentence: what was raised, and where in the plug-in."""
    sentence = said(error) or "no message"
    if isinstance(error, MemoryError) or any(words in sentence for words in _OUT_OF_MEMORY):
        return "it asked for more memory than there is: make it smaller, or let it read less at once"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    told = isinstance(error, SyntaxError) or (isinstance(error, ImportError | AttributeError) and _of_python(frames))
    return f"{type(error).__name__}: {sentence[:300]}{'' if told else where}"


def _of_python(frames: Sequence[traceback.FrameSummary]) -> bool:
    """Was it raised while Python looked for a module or a name in it, not in a plug-in's own lines?"""
    return bool(frames) and Path(frames[-1].filename).parent.name in ("importlib", "metadata", "lmcompare")
