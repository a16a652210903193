"""What the library raises when a user, a file or a plug-in is at fault."""

from __future__ import annotations

import errno
import os
import re
import reprlib
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from pathlib import Path

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
# The signs of control characters other than line ends and tabs, and of those that force a direction of writing. The
# isolates U+2068 and U+2069 stay: they force no direction, and lmcompare puts them around names
CONTROL = {c: chr(0x2400 + c) for c in range(32) if chr(c) not in "\t\n\r"} | {127: "\u2421"}
CONTROL |= {c: f"\\u{c:04x}" for c in (*range(0x80, 0xA0), *range(0x202A, 0x202F), 0x2066, 0x2067)}
_SEARCHES = ("importlib", "metadata", "lmcompare")  # folders of code that imports plug-ins
_OUT_OF_MEMORY = (
    *("can't allocate memory", "CUDA out of memory", "Storage size calculation overflowed"),  # torch's
    *("could not create a primitive", "can't start new thread", "failed to map segment", "Cannot allocate memory"),
)
MOST_NOTES, LONGEST_NOTE = 100, 2_000  # of a plug-in: how many, and characters of each
OWN_TEMPORARY = "lmcompare-"  # begins the names of the temporary folders that lmcompare makes
TOO_LITTLE_MEMORY = "more memory was needed than there is, or than 'ulimit -v' allows"


class LmcompareError(Exception):
    """One sentence that says what is wrong and what to do; the command line prints it and exits with 2."""


class PluginError(LmcompareError):
    """A plug-in could not be found, loaded or built, or broke the contract."""


class NotFittedError(PluginError):
    """A model was asked for probabilities before ``fit`` or ``restore``."""


def suggest(name: str, options: Iterable[str]) -> str:
    """Return a hint for a name that is not known: ``" (did you mean 'x'?)"`` with the nearest of the known names.

    It is ``""`` if none of ``options`` is near.
    """
    folded = {option.casefold(): option for option in options}
    near = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f" (did you mean '{folded[near[0]]}'?)" if near else ""


def unknown(what: str, name: str, options: Iterable[str]) -> str:
    """Return the sentence for a name that is not known, with the nearest one or else all names that are known.

    ``what`` is what has such a name, for example "model"; ``name`` and ``options`` as in ``suggest``.
    """
    options = sorted(options)
    hint = suggest(name, options) or f"; there are: {', '.join(options) or 'none'}"
    return f"unknown {what} '{name}'{hint}"


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line, without the system's error number; without a message, its class."""
    try:
        return _ERRNO.sub("", " ".join(str(error).split())) or type(error).__name__
    except Exception:  # a plug-in's own error may fail to say anything
        return type(error).__name__


def without_controls(text: str) -> str:
    """Return a text with signs for the control characters, which a terminal would obey; line ends and tabs stay."""
    return re.sub("\r(?!\n)", "\u240d", text).translate(CONTROL)


def not_parsed(error: ValueError | RecursionError) -> str:
    """Return why a text cannot be read as JSON or TOML."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "a number in it has too many digits" if "integer string conversion" in str(error) else one_line(error)


def usable_path(path: object, what: str) -> Path:
    """Return a path. Raises ``LmcompareError``, which begins with ``what``, for a value that cannot be a path."""
    shown, why = repr(path) if isinstance(path, str) else kind_of(path), ""
    if isinstance(path, str | os.PathLike) and str(path):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return Path(path)
        except (OSError, ValueError) as error:  # too long, or with characters that no name can have
            shown = reprlib.repr(os.fspath(path))
            why = f" ({error.strerror})" if isinstance(error, OSError) else ""
        else:
            return Path(path)
    raise LmcompareError(f"{what}, not {shown}{why}")


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder for ``~``; ``~name`` is a file of that name where there is no such user."""
    return Path(os.path.expanduser(path))


def ordinary(path: Path) -> Path:
    """Return a path that is to be read. Raises ``OSError`` for a pipe or a device, which may never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
    return path


def working_directory() -> Path:
    """Return the working directory. Raises ``LmcompareError`` if it was removed, or may not be entered any more."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise LmcompareError("the working directory was removed: go to a folder that exists, with cd") from None
    if not os.access(os.curdir, os.X_OK):
        raise LmcompareError(no_permission(here))
    return here


@contextmanager
def blamed_on(whose: str) -> Iterator[None]:
    """Turn whatever a plug-in's code raises, ``SystemExit`` included, into a ``PluginError`` that names the code.

    Parameters
    ----------
    whose : str
        The code, such as "ngram's fit".
    """
    try:
        yield
    except LmcompareError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{whose} raised {what_went_wrong(error)}") from error


def check_notes(notes: object, whose: str) -> None:
    """Raise ``PluginError`` if the notes of a plug-in are not texts, or are too many or too long for a report."""
    if not isinstance(notes, tuple | list) or not all(isinstance(note, str) for note in notes):
        raise PluginError(f"notes of {whose} must be a tuple of texts, not {reprlib.repr(notes)}")
    if len(notes) > MOST_NOTES:
        raise PluginError(f"notes of {whose} are {len(notes):,} texts: give at most {MOST_NOTES}")
    if (longest := max(map(len, notes), default=0)) > LONGEST_NOTE:
        raise PluginError(f"a note of {whose} has {longest:,} characters: it must have at most {LONGEST_NOTE:,}")


def no_permission(path: object) -> str:
    """Return the sentence for a file or folder that the user may not read, write or enter."""
    return f"you have no permission for {path}: change the permissions of this file or of its folder"


def cannot_write(path: object, error: OSError | RecursionError) -> str:
    """Return the sentence for a file or folder that could not be written: why, and what to do about it."""
    if isinstance(error, PermissionError):
        places = (Path(str(name)).absolute().parent for name in (error.filename, path))
        beside = len({*places}) == 1  # a temporary file of another name
        return no_permission(error.filename if error.filename and not beside else path)
    if isinstance(error, RecursionError):
        return f"{reprlib.repr(str(path))} can't be written, it has too many folders: choose another"
    said = error.strerror or str(error)
    told = re.search(r"\b(?:os error|errno) (\d+)\b", said)  # by safetensors and Arrow
    number = int(told[1]) if told else error.errno
    if number is None and re.fullmatch(r"\d+ requested and \d+ written", said):  # by numpy
        number = errno.ENOSPC
    why = os.strerror(number) if number else said
    if number == errno.EROFS:
        return f"{path} can't be written ({why}): copy the folder to one that can be written to, or choose another"
    if number == errno.EFBIG:
        return (
            f"{path} can't be written ({why}): raise the limit of 'ulimit -f', or train smaller models on less text"
        )
    own = str(Path(str(path)).resolve()).startswith(str(Path(tempfile.gettempdir(), OWN_TEMPORARY).resolve()))
    other = "set the environment variable TMPDIR to another folder" if own else "choose another output folder"
    room = " or make room" if number in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{path} can't be written ({why}): {other}{room}"


def moved(folder: object) -> str:
    """Return the sentence for a folder that was moved, replaced or removed while a command was writing to it."""
    return (
        f"{folder} was moved, replaced or removed while the command was writing to it: what is there now is left as"
        " it is; run the command again with the folder where it is now"
    )


@contextmanager
def permitted() -> Iterator[None]:
    """Turn a lack of permission for a file, a read-only disk and a link to itself into ``LmcompareError``."""
    try:
        yield
    except RuntimeError as error:
        loop = re.match("Symlink loop from (.+)", str(error), re.DOTALL)  # which Path.resolve says until Python 3.12
        if loop is None:
            raise
        raise LmcompareError(f"{loop[1]} is a link that leads back to itself: give another path") from error
    except PermissionError as error:
        if error.filename is None:
            raise
        raise LmcompareError(no_permission(error.filename)) from error
    except OSError as error:
        if error.errno != errno.EROFS or error.filename is None:
            raise
        raise LmcompareError(cannot_write(error.filename, error)) from error


@contextmanager
def temporary_room() -> Iterator[None]:
    """Turn an error of a temporary file into an ``LmcompareError``."""
    try:
        yield
    except OSError as error:
        where = f" {tempfile.tempdir}" if tempfile.tempdir else ""  # None if there is no usable one
        raise LmcompareError(
            f"the temporary folder{where} cannot be written ({(error.strerror or '').lower()}); set the environment "
            "variable TMPDIR to a folder that exists and has room for the text and its tokens"
        ) from None


@contextmanager
def in_one_sentence(said: Callable[[Exception], str]) -> Iterator[None]:
    """Turn an unexpected error into an ``LmcompareError``, whose sentence is what ``said`` returns for the error."""
    try:
        with permitted():
            yield
    except LmcompareError:
        raise
    except Exception as error:
        raise LmcompareError(said(error)) from error


def as_written(place: Path) -> AbstractContextManager[None]:
    """Turn errors about wrong values in a file or folder of a run into one sentence, which names it."""
    return in_one_sentence(
        lambda error: f"{place} holds what no run wrote ({what_went_wrong(error)}): run the experiment again"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is too little memory or address space."""
    return isinstance(error, MemoryError) or any(words in one_line(error) for words in _OUT_OF_MEMORY)


def kind_of(value: object) -> str:
    """Return what kind of thing a value is, such as 'an int'."""
    name = type(value).__name__
    return "None" if value is None else f"an {name}" if name[0] in "aeiou" else f"a {name}"


def what_went_wrong(error: BaseException, own: Path | None = None) -> str:
    """Return one sentence on what was raised, and where.

    Parameters
    ----------
    error : BaseException
        An ``LmcompareError`` is a sentence already, which is returned as it is.
    own : Path, optional
        The plug-in's file. If the error passed through it, the line in that file is named, otherwise the last line.
    """
    if isinstance(error, LmcompareError):
        return str(error)
    name, sentence = type(error).__name__, one_line(error)[:300]
    if is_out_of_memory(error):
        return f"{name}: {TOO_LITTLE_MEMORY}: make it smaller, or let it read less at once"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    frames = [f for f in frames if own is not None and Path(f.filename) == own] or frames
    told = f"{name}: {'no message' if sentence == name else sentence}"
    if not frames or isinstance(error, SyntaxError):
        return told
    last = Path(frames[-1].filename)
    # Python looked for a module, or a name in it, and did not find it: the line is not one of the plug-in
    not_found = isinstance(error, ImportError | AttributeError) and last.parent.name in _SEARCHES
    return told if not_found else f"{told} ({last.name}, line {frames[-1].lineno})"
