"""The conformance checks pass for the built-in formats and schemes, and find planted faults."""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from lmcompare.corpora import (
    CorpusFormat,
    CorpusOptions,
    CorpusScheme,
    File,
    Found,
    Piece,
    check_format,
    check_scheme,
)
from lmcompare.errors import LmcompareError


def parquet_sample() -> bytes:
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table({"text": ["It rained. We left.", "It is dry."], "n": [1, 2]}), sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("text", "One line.\nAnother, é.\n".encode()),
        ("csv", b'text,genre\n"It is good, and long.",film\nIt is short.,book\n'),
        ("json-lines", b'{"text": "One.", "n": 1}\n{"text": "Two."}\n'),
        ("parquet", parquet_sample()),
    ],
)
def test_the_built_in_formats_pass(name: str, sample: bytes) -> None:
    assert check_format(name, sample) == []


def test_the_built_in_schemes_pass() -> None:
    assert check_scheme("lee") == []


def good(file: File, options: CorpusOptions) -> Found:
    lines = file.text(options.encoding).splitlines()
    return Found(tuple(Piece(f"{file.name}:{n}", text) for n, text in enumerate(lines, 1)))


def reader(fault: str) -> Any:
    calls = itertools.count()

    def read(file: File, options: CorpusOptions) -> Found:
        if fault == "other each time":
            return Found((Piece(str(next(calls)), file.text("utf-8")),))
        if fault == "takes an empty file":
            return good(file, options) if file.raw else Found((Piece("a", "a"),))
        if fault == "takes any bytes":
            file.text("latin-1")
            return Found((Piece("a", file.raw.decode("latin-1")),))
        if fault == "decodes by itself":
            return Found((Piece("a", file.raw.decode("utf-8")),)) if file.raw.strip() else good(file, options)
        if fault == "two sentences" and not file.raw.strip():
            raise LmcompareError("One.\nTwo.")
        if fault == "metadata":
            return Found((Piece("a", file.text("utf-8"), {"n": 1}),))  # type: ignore[dict-item]
        if fault == "name":
            return Found((Piece("", file.text("utf-8")),))
        if fault == "last byte":
            file.text("utf-8")
            assert file.raw.endswith(b"\n")
        return good(file, options)

    return read


@pytest.mark.parametrize(
    ("fault", "checks"),
    [
        ("", set()),
        ("other each time", {"same-twice"}),
        ("takes an empty file", {"refuses-empty"}),
        ("takes any bytes", {"refuses-broken"}),
        ("decodes by itself", {"refuses-broken", "survives-damage"}),
        ("two sentences", {"refuses-empty"}),
        ("metadata", {"reads-documents"}),
        ("name", {"reads-documents"}),
        ("last byte", {"survives-damage"}),
    ],
)
def test_planted_faults_of_formats_are_found(fault: str, checks: set[str]) -> None:
    each = CorpusFormat("lines", (".x",), reader(fault))
    found = check_format(each, b"One line.\nAnother line.\n")
    assert {sentence.partition(":")[0] for sentence in found} == checks


def scheme_reader(fault: str) -> Any:
    calls = itertools.count()

    def read(name: str, options: CorpusOptions) -> Found:
        if name != "rain" and fault != "knows every name":
            if fault == "no sentence":
                raise KeyError(name)
            raise LmcompareError(f"there is no corpus '{name}'; give rain")
        number = next(calls) if fault == "other each time" else 0
        return Found((Piece("a", "\ud800" if fault == "surrogate" else f"It rained {number}."),))

    return read


@pytest.mark.parametrize(
    ("fault", "checks"),
    [
        ("", set()),
        ("other each time", {"same-twice"}),
        ("surrogate", {"reads-documents"}),
        ("knows every name", {"refuses-unknown"}),
        ("no sentence", {"refuses-unknown"}),
    ],
)
def test_planted_faults_of_schemes_are_found(fault: str, checks: set[str]) -> None:
    scheme = CorpusScheme("weather", scheme_reader(fault), argument="NAME")
    assert {sentence.partition(":")[0] for sentence in check_scheme(scheme, "rain")} == checks
