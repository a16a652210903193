"""The test series of a run as the report reads them: values, their times, and what each method says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.analysis.forecasts import Accuracy, Method, accuracies, methods
from lmcompare.corpora.series.grid import months_of, seconds_of
from lmcompare.report.data import ReportData
from lmcompare.runfolder.parquet import Array
from lmcompare.tokens import Encoded

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class TestSeries:
    """A test document: its values (n,), NaN where one is missing, how many are given, and when they are.

    Parameters
    ----------
    number : int
        The document.
    name : str
    values : (n,) array
    given : int
    start : str
        The time of the grid's first step; "" without times.
    step : str
        The step in words.
    first : int
        The place of the first value on the grid.
    """

    number: int
    name: str
    values: Array
    given: int
    start: str
    step: str
    first: int

    @property
    def future(self) -> Array:
        """The values after the past that is given."""
        return self.values[self.given :]

    def when(self, at: float) -> str:
        """Return the time of a step of the document, or its number without times."""
        place = self.first + round(at)
        return time_of(self.start, self.step, place) if self.start else f"step {place + 1:,}"


def time_of(start: str, step: str, place: int) -> str:
    """Return the time of a place on a grid, as short as its step allows."""
    begin = np.datetime64(start)
    if months := months_of(step):
        month = begin.astype("datetime64[M]") + place * months
        year, number = int(str(month)[:4]), int(str(month)[5:7])
        if step == "year":
            return str(year)
        return f"Q{(number + 2) // 3} {year}" if step == "quarter" else f"{MONTHS[number - 1]} {year}"
    if step == "business day":
        return str(np.busday_offset(begin.astype("datetime64[D]"), place, roll="forward"))
    seconds = seconds_of(step)
    moment = begin.astype("datetime64[s]") + place * seconds
    length = 10 if seconds % 86_400 == 0 else 16 if seconds % 60 == 0 else 19
    return str(moment)[:length].replace("T", " ")


class SeriesData:
    """A run on series as the sections read it."""

    def __init__(self, data: ReportData) -> None:
        self.data = data
        self.accuracies: list[Accuracy] = accuracies(data.whole)
        self.methods: list[Method] = methods(data.whole)
        self.series = _series(data)
        taken = len(data.models)
        self._index = {method.name: taken + at for at, method in enumerate(m for m in self.methods if m.classical)}

    def index(self, method: Method) -> int:
        """Return the number that gives a method its colour and mark; those of classical ones follow the models'."""
        return self._index[method.name] if method.classical else self.data.by_name[method.name].index

    def title(self, method: Method) -> str:
        """Return the name of a method for people."""
        return method.title if method.classical else self.data.title(method.name)

    def spoken(self, method: Method) -> str:
        """Return the name of a method as it is said inside a sentence."""
        if not method.classical:
            return self.data.spoken(method.name)
        return method.title if method.title[1:2].isupper() else f"the {method.title.lower()} method"

    def reads_differences(self, method: Method) -> bool:
        """Return whether a model reads the differences of values."""
        return not method.classical and bool(getattr(self._tokenizer(method), "differs", False))

    def reads_letters(self, method: Method) -> bool:
        """Return whether a model reads letters, which have probabilities and no density."""
        return not method.classical and not getattr(self._tokenizer(method), "has_density", True)

    def _tokenizer(self, method: Method) -> Any:
        return self.data.run.tokens[self.data.by_name[method.name].entry.tokens_fingerprint].tokenizer

    @property
    def densities(self) -> list[Accuracy]:
        """The methods with densities, the fewest nats per step first."""
        known = [one for one in self.accuracies if one.nats is not None and not self.reads_letters(one.method)]
        return sorted(known, key=lambda one: one.nats.value if one.nats else 0.0)


def _series(data: ReportData) -> list[TestSeries]:
    model = data.scored[0]
    tokens = data.run.tokens[model.entry.tokens_fingerprint]
    words = tokens.test_strings
    sentence = np.concatenate([block["sentence"] for block in tokens.feature_blocks("test", ["sentence"])])
    text: Encoded = tokens.test
    found = []
    documents = tokens.documents_of("test")
    for number, (begin, end) in enumerate(zip(text.starts.tolist(), text.ends.tolist(), strict=True)):
        values = np.array([np.nan if word == "?" else float(word) for word in words[begin : end - 1]])
        about: Mapping[str, str] = json.loads(documents["metadata"].iloc[number])
        given = int((sentence[begin : end - 1] == 0).sum())
        name = str(documents["name"].iloc[number])
        found.append(TestSeries(number, name, values, given, about["start"], about["step"], int(about["first"])))
    return found
