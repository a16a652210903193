"""What is in the JSON files of a cell: what the report reads of them has to be of these types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, Field, InstanceOf, TypeAdapter, ValidationError
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


class _Next(TypedDict):
    token: Text
    probability: float


class _Prompt(TypedDict):
    prompt: Text
    next: list[_Next]
    continuation: Text
    sampling: NotRequired[dict[Text, Any] | None]


class _Sentence(TypedDict):
    document: int
    first: int
    tokens: list[Text]
    surprisal_bits: list[float | None]


class _Context(TypedDict):
    before: Text
    word: Text
    after: Text
    document: int | None
    position: int | None
    byte: NotRequired[int | None]


class _Word(TypedDict):
    word: Text
    contexts: list[_Context]
    distances: list[list[float | None]] | None


_Distances = list[list[Annotated[float, Field(allow_inf_nan=False)]]]


class _SenseSentence(TypedDict):
    text: Text
    sense: Annotated[int, Field(ge=0, le=1)]


class _SenseNext(TypedDict):
    token: Text
    probability: float
    other: float


class _SenseSet(TypedDict):
    word: Text
    names: Annotated[list[Text], Field(min_length=2, max_length=2)]
    sentences: list[_SenseSentence]
    distances: _Distances
    average: _Distances | None
    counts: _Distances
    layers: NotRequired[list[_Distances]]
    next: list[list[_SenseNext]]


def _fitting(one: _SenseSet) -> _SenseSet:
    """Raise ``ValueError`` unless a set has two sentences of each sense, and a distance between any two."""
    senses = [sentence["sense"] for sentence in one["sentences"]]
    tables = [one["distances"], one["counts"], one["average"], *one.get("layers", [])]
    square = all(t is None or [len(row) for row in t] == [len(senses)] * len(senses) for t in tables)
    if not square or min(senses.count(0), senses.count(1)) < 2 or len(one["next"]) != 2:
        raise ValueError("the sentences, senses and distances of a set do not fit")
    return one


class _Senses(TypedDict):
    sets: list[Annotated[_SenseSet, AfterValidator(_fitting)]]
    left_out: dict[Text, Text]


class _InPage(TypedDict):
    kind: NotRequired[Text]
    reason: NotRequired[Text]
    bits_lost: NotRequired[float]


class _Shuffled(TypedDict):
    tokens: list[Text]
    bits: float
    next: list[_Next]


class _NearWord(TypedDict):
    token: Text
    cosine: float


class _Near(TypedDict):
    word: Text
    words: list[_NearWord]


class _Added(TypedDict):
    token: Text
    logit: float


class _Strips(TypedDict):
    query: list[float]
    key: list[float]
    terms: list[float]
    value: list[float]


class _Attention(TypedDict):
    head: Text
    heads: int
    width: int
    additive: bool
    words: list[Text]
    products: list[float]
    scores: list[float]
    weights: list[float]
    values: list[float]
    map: list[list[float | None]]
    looking_back: NotRequired[int]
    looking_far: NotRequired[int]
    strips: NotRequired[_Strips]
    adds: NotRequired[list[_Added]]


class _Influence(TypedDict):
    document: int
    first: int
    tokens: list[Text]
    bits: float
    next: list[_Next]
    replaced: list[float]
    swapped: float
    shuffled: NotRequired[_Shuffled]
    near: NotRequired[_Near | None]
    states: NotRequired[list[float] | list[list[float]] | None]  # earlier versions stored only the first number
    attention: NotRequired[_Attention | None]


class _Examples(TypedDict):
    prompts: list[_Prompt]
    sentences: list[_Sentence]
    words: NotRequired[list[_Word] | None]
    senses: NotRequired[_Senses | None]
    influences: NotRequired[list[_Influence]]
    in_page: NotRequired[_InPage]


class _Study(TypedDict, total=False):
    measured: Any
    failed: Text


_CONTENTS: dict[str, TypeAdapter[Any]] = {
    "cell.json": TypeAdapter(_Cell),
    "cost.json": TypeAdapter(_Cost),
    "examples.json": TypeAdapter(_Examples),
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
