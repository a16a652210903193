"""What is in the JSON files of a cell: what the report reads of them has to be of these types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import Field, InstanceOf, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lmcompare.runfolder.files import REMEDY, RunFolderError

Text = InstanceOf[str]  # a text of a model may contain half a surrogate pair
Number = Annotated[float, Field(allow_inf_nan=False)] | None
Cost = Annotated[float, Field(ge=0, le=1e18)] | None
Bits = Annotated[float, Field(ge=-1e18, le=1e18)] | None  # negative where the density of a value is above 1


class _Check(TypedDict):
    name: Text
    passed: bool
    figure: NotRequired[float | None]
    tolerance: NotRequired[float | None]
    detail: NotRequired[Text | None]


class _Truth(TypedDict, total=False):
    passed: bool
    checks: list[_Check]


class _Idea(TypedDict):
    year: int
    authors: Text
    title: Text


class _Cell(TypedDict, total=False):
    title: Text | None
    summary: Text | None
    idea: _Idea | None
    notes: list[Text] | None
    traits: dict[Text, bool] | None
    truth: _Truth | None
    studies: dict[Text, Text] | None
    hyperparameters: dict[Text, Any] | None


class _Valid(TypedDict):
    bits: list[Bits]  # of each document; None means infinite
    bytes: list[Annotated[int, Field(ge=0)]]


class _Milestone(TypedDict):
    step: int
    seconds: Annotated[float, Field(ge=0, le=1e18)]
    tokens: int | None
    flops: Annotated[float, Field(ge=0, le=1e36)] | None
    bits_per_byte: Bits


class _Machine(TypedDict):
    cpu: Text
    cores: int
    memory_bytes: int
    platform: Text


class _Cost(TypedDict):
    train_seconds: Cost
    microseconds_per_token: Cost
    peak_memory_bytes: Cost
    parameters: Cost
    model_bytes: Cost
    microseconds_per_list: NotRequired[Cost]
    milestones: NotRequired[list[_Milestone] | None]
    train_flops: NotRequired[Annotated[float, Field(ge=0, le=1e36)] | None]
    tokens_before: NotRequired[Annotated[int, Field(ge=0, le=10**15)] | None]
    machines: NotRequired[list[_Machine] | None]


class _Study(TypedDict, total=False):
    measured: Any
    notes: list[Text]
    failed: Text


_CONTENTS: dict[str, TypeAdapter[Any]] = {
    "cell.json": TypeAdapter(_Cell),
    "cost.json": TypeAdapter(_Cost),
    "studies.json": TypeAdapter(dict[Text, _Study]),
    "valid.json": TypeAdapter(_Valid),
}


def check_contents(path: Path, table: object) -> None:
    """Raise ``RunFolderError`` if a value in a JSON file of a cell is not of the type that lmcompare writes."""
    try:
        _CONTENTS[path.name].validate_python(table, strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))[:80]
        raise RunFolderError(f"{path} is damaged at '{where}': {REMEDY}") from None
