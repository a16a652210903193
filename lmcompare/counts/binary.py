"""A back-off table and its words in one compact file that is mapped into memory: safetensors, with checksums.

A safetensors file is a JSON header and then the arrays, one after the other, each at a multiple of its item's size,
so that they can be used in place. The library checks the header: names, kinds, sizes, and that the arrays fill the
file without gap or overlap. Its metadata hold one entry, JSON: the format, the version, the order, a SHA-256 of every
array, and a SHA-256 of the header's contents.

Arrays, for k = 1 … n: ``words_k`` (n_k,) int32 and ``offsets_k`` (n_{k-1} + 1,) int32, or int64 from 2^31 n-grams on
(both only for k above 1), ``log10_probs_k`` (n_k,) and ``log10_backoffs_k`` (n_k,) float32 (not for k = n);
``tokens``, the UTF-8 bytes of the V tokens, and ``token_ends`` (V,), where each ends. Counts are left out.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.counts.arpa import MOST_ORDERS, check_words
from lmcompare.counts.level import ARRAYS
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError, one_line
from lmcompare.state import WHOLE, DamagedStateError, taken
from lmcompare.tokens import Vocabulary

SUFFIX = ".safetensors"
FORMAT, VERSION = "lmcompare-ngrams", "1"

Array = npt.NDArray[Any]
_NAMES = {"I32": "<i4", "I64": "<i8", "F32": "<f4", "U8": "u1"}
_KINDS: dict[str, np.dtype[Any]] = {kind: np.dtype(name) for kind, name in _NAMES.items()}


def write(table: BackoffTable, vocabulary: Vocabulary, path: Path) -> None:
    """Write the table; the same table gives the same bytes.

    Raises ``LmcompareError`` as ``check_words`` does, and ``OSError`` where there is no room.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    check_words(vocabulary.tokens)
    arrays = _arrays(table, vocabulary)
    said = {"version": VERSION, "order": str(table.order)}
    said |= {f"sha256 {name}": _digest(array) for name, array in arrays.items()}
    said["sha256"] = _digest_of_header(said, arrays)
    try:  # the metadata are one text, since safetensors keeps no order among several entries
        save_file(arrays, path, {FORMAT: json.dumps(said, sort_keys=True)})
    except SafetensorError as error:  # a full disk raises this error, too
        raise OSError(one_line(error)) from error


def read(path: Path, verify: bool = True) -> tuple[BackoffTable, Vocabulary]:
    """Return the table, its arrays mapped into memory and read-only, and its words.

    ``verify``: whether to read everything once and compare all checksums. If false, only the header, which is checked
    in any case, and the words are read: set it to false only for a file that you wrote yourself. Raises
    ``LmcompareError`` for a file of another kind, a damaged file, and a file whose arrays are not a table.
    """
    try:
        arrays, said = _mapped(path)
        if verify:
            for name, array in arrays.items():
                if _digest(array) != said.get(f"sha256 {name}"):
                    raise DamagedStateError(f"the checksum of {name} differs")
        return _table(arrays, said, verify)
    except DamagedStateError as damage:
        raise LmcompareError(f"{path} is damaged or not an n-gram file ({damage}): write or fetch it again") from None


def is_binary(path: Path) -> bool:
    """Return whether a file looks like a safetensors file; false if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:
        return False


def check_kind(path: Path) -> None:
    """Raise ``LmcompareError`` for a safetensors file of another kind, such as an exported network."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            said = file.metadata() or {}
    except (SafetensorError, ValueError, OSError):
        return  # reading the file later raises the error
    if FORMAT not in said:
        of = f"holds the network {said['model']}" if "model" in said else "is a safetensors file of another kind"
        raise LmcompareError(
            f"{path} {of}, not an n-gram model: give an ARPA file, or a file that 'lmcompare export' wrote of an"
            " n-gram model"
        )


def _arrays(table: BackoffTable, vocabulary: Vocabulary) -> dict[str, Array]:
    tokens = [token.encode("utf-8", "surrogatepass") for token in vocabulary.tokens]
    ends = np.cumsum([len(token) for token in tokens])
    arrays: dict[str, Array] = {
        "tokens": np.frombuffer(b"".join(tokens), np.uint8),
        "token_ends": _smallest(ends),
    }
    for k, level in enumerate(table.levels, 1):
        arrays[f"log10_probs_{k}"] = level.log10_probs.astype("<f4")
        if k > 1:
            arrays[f"words_{k}"] = level.words.astype("<i4")
            arrays[f"offsets_{k}"] = _smallest(level.offsets)
        if k < table.order:
            arrays[f"log10_backoffs_{k}"] = level.log10_backoffs.astype("<f4")
    return arrays


def _smallest(offsets: Array) -> Array:
    return offsets.astype("<i4" if not len(offsets) or offsets[-1] < 2**31 else "<i8")


def _digest(array: Array) -> str:
    return hashlib.sha256(array.data if array.size else b"").hexdigest()


def _digest_of_header(said: Mapping[str, str], arrays: Mapping[str, Array]) -> str:
    kinds = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    return hashlib.sha256(json.dumps([dict(said), kinds], sort_keys=True).encode()).hexdigest()


def _unsigned(text: str) -> dict[str, str]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("version") != VERSION:
        raise DamagedStateError(f"its metadata do not say {FORMAT}, version {VERSION}")
    return {name: str(value) for name, value in said.items()}


def _mapped(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays of a safetensors file, mapped into memory, and its metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # the library's own checks: names, kinds, sizes, no gap or overlap
            pass
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise LmcompareError(f"there is no file {path}: check the path of the n-gram model") from None
    except OSError as error:
        raise LmcompareError(f"{path} can't be read ({error.strerror or error}): check the path") from None
    except (SafetensorError, ValueError) as error:
        raise DamagedStateError(one_line(error)) from None
    size = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    said = _unsigned(header.pop("__metadata__", {}).get(FORMAT, ""))
    arrays = {}
    for name, entry in header.items():
        kind = _KINDS.get(entry["dtype"])
        if kind is None or len(entry["shape"]) != 1:
            raise DamagedStateError(f"{name} is of kind {entry['dtype']} and shape {entry['shape']}")
        begin = 8 + size + entry["data_offsets"][0]
        if begin % kind.itemsize:
            raise DamagedStateError(f"{name} begins at byte {begin:,}, not at a multiple of {kind.itemsize}")
        arrays[name] = np.frombuffer(data, kind, entry["shape"][0], begin)
    if said.pop("sha256", None) != _digest_of_header(said, arrays):
        raise DamagedStateError("the checksum of the header differs")
    return arrays, said


def _table(arrays: dict[str, Array], said: dict[str, str], verify: bool) -> tuple[BackoffTable, Vocabulary]:
    """Return the table of these arrays. Raises ``DamagedStateError`` if they do not fit together."""
    order = int(said["order"]) if said.get("order", "").isdecimal() and len(said["order"]) <= 3 else 0
    if not 1 <= order <= MOST_ORDERS:
        raise DamagedStateError(f"its order is {said.get('order')!r}")
    vocabulary = _vocabulary(
        taken(arrays, "tokens", (np.uint8,), (None,)), taken(arrays, "token_ends", WHOLE, (None,))
    )
    width = len(vocabulary) + 1
    derived: dict[str, Array] = {"words_1": np.arange(width, dtype=np.int32), "offsets_1": np.array([0, width])}
    derived |= {f"counts_{k}": np.zeros(0, np.int64) for k in range(1, order + 1)}
    derived[f"log10_backoffs_{order}"] = np.zeros(0, np.float32)
    own = {f"{name}_{k}" for name in ARRAYS for k in range(1, order + 1)} - derived.keys()
    if more := arrays.keys() - own - {"tokens", "token_ends"}:
        raise DamagedStateError(f"it holds {min(more)}, which does not belong to a table of order {order}")
    return BackoffTable.from_arrays(arrays | derived, order, verify=verify), vocabulary


def _vocabulary(text: Array, ends: Array) -> Vocabulary:
    if len(ends) < 2 or np.any(np.diff(ends) < 0) or ends[0] < 0 or ends[-1] != len(text):
        raise DamagedStateError("the ends of its tokens are not in order")
    content, cuts = text.tobytes(), [0, *ends.tolist()]
    try:
        tokens = [content[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(cuts)]
        check_words(tokens)
        return Vocabulary(tokens)
    except (UnicodeDecodeError, LmcompareError) as error:
        raise DamagedStateError(one_line(error)) from None
