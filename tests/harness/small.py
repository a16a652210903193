"""A small corpus, small plug-ins and small experiments for tests of whole runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lmcompare import Comparison
from lmcompare.harness import experiment as files
from lmcompare.harness.progress import Display
from lmcompare.harness.run import Ahead, look_ahead, run
from lmcompare.report.write import write_reports
from tests.made import made

PLUGINS = '''
"""Plug-ins of the harness's tests."""

import numpy as np

from lmcompare import LanguageModel, State


class Flat(LanguageModel):
    """Gives every token the same probability."""

    trains_in_steps = True

    def __init__(self, tilt: float = 0.0) -> None:
        self.tilt = tilt

    def fit(self, train, valid, setting):
        print("a plug-in may print")
        return self

    def next_log_probs(self, text, at):
        size = len(text.vocabulary)
        return np.full((len(at), size), self.tilt - np.log(size))

    def state(self):
        return State()

    def restore(self, state):
        return self


class OddVectors(Flat):
    """Can't tell its vectors."""

    def context_vectors(self, text, at):
        raise ValueError("no vectors today")


class OddExhibits(Flat):
    """Shows what is no number beside what is one."""

    def exhibits(self, text):
        from lmcompare.exhibits import Bars
        yield Bars(title="good", labels=("a",), values=(1.0,))
        yield Bars(title="bad", labels=("a",), values=(float("nan"),))
        yield Bars(title="short", labels=("a", "b"), values=(1.0,))


class ManyExhibits(Flat):
    """Shows itself for ever."""

    def exhibits(self, text):
        from lmcompare.exhibits import Bars
        while True:
            yield Bars(title="again", labels=("a",), values=(1.0,))


class Unstorable(Flat):
    """Has a number in an exhibit that JSON does not have."""

    def exhibits(self, text):
        from lmcompare.exhibits import Bars
        yield Bars(title="odd", labels=("a",), values=(np.float32(1.0),))


class Raises(Flat):
    """Raises in the middle."""

    def fit(self, train, valid, setting):
        raise RuntimeError("out of luck")


class Dies(Flat):
    """Ends the process."""

    def fit(self, train, valid, setting):
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)


class Forgets(Flat):
    """Can't be restored."""

    def restore(self, state):
        raise KeyError("what was it")


class OddTokens(Flat):
    """Names its tokens by a number."""

    tokens = 7


class Double(Flat):
    """Gives every token twice the probability that it could have."""

    def next_log_probs(self, text, at):
        return super().next_log_probs(text, at) + np.log(2)


class Waits(Flat):
    """Never comes to an end."""

    def fit(self, train, valid, setting):
        import time
        time.sleep(60)
        return self


class OddNotes(Flat):
    """Has notes that are no sentences."""

    notes = "abc"


class OddSize(Flat):
    """Has more parameters than a file holds."""

    def size(self):
        from lmcompare import Size
        return Size(10**30, 10)


class ReadsFile(Flat):
    """Reads a file when it is trained."""

    files = ("path",)

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.tilt = 0.0

    def fit(self, train, valid, setting):
        with open(self.path) as file:
            file.read()
        return self


class Hangs(Flat):
    """Never ends."""

    def fit(self, train, valid, setting):
        import time
        time.sleep(3600)


class Studies(Flat):
    """Looks at its texts for a second once it is trained."""

    found = 0.0

    def study(self, train, valid, setting):
        import time
        time.sleep(1.0)
        self.found = float(len(train) + len(valid))

    def state(self):
        return State(values={"found": self.found})

    def restore(self, state):
        self.found = state.values["found"]
        return self


class Stops(Flat):
    """Is interrupted while it trains if there is a file named stop beside this one."""

    def fit(self, train, valid, setting):
        from pathlib import Path
        if Path(__file__).with_name("stop").exists():
            raise KeyboardInterrupt
        return self
'''


def write_plugins(folder: Path) -> Path:
    """Write the plug-ins' file and return its path."""
    path = folder / "plugins.py"
    path.write_text(PLUGINS, encoding="utf-8")
    return path


def write_text(folder: Path, documents: int = 60, name: str = "text.txt") -> Path:
    """Write a file of one-line documents drawn from a little grammar, and return its path."""
    generator = np.random.default_rng(8)
    subjects, verbs, objects = (
        ["the cat", "a dog", "my aunt", "Mrs. Dalloway"],
        ["saw", "likes"],
        ["it.", "fish!", "Rome."],
    )
    lines = [
        " ".join(str(generator.choice(part)) for part in (subjects, verbs, objects)) + f" {generator.integers(3)}"
        for _ in range(documents)
    ]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


FLAT = {"plugin": "plugins.py:Flat", "name": "flat"}
BIGRAM = {"plugin": "ngram", "order": 2}


def small_experiment(*models: Mapping[str, Any], **more: Any) -> files.Experiment:
    """An experiment with these models on the small corpus."""
    table = {
        "name": "small",
        "device": "cpu",
        "workers": None if "engine" in more else 1,  # one after the other, in an order that tests know
        "corpus": {"source": "text.txt", "documents": "line"},
        "tokens": {"kind": "word", "min_count": 2},
        "models": list(models),
        "examples": {"prompts": ["the cat"], "length": 4, "sentences": 2},
        **more,
    }
    return files.parse(table, "test")


class Watch(Display):
    """Remembers the stages of each cell, and what was said."""

    def __init__(self) -> None:
        self.stages: dict[int, list[str]] = {}
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def event(self, cell: int, event: Mapping[str, Any]) -> None:
        self.stages.setdefault(cell, []).append(str(event.get("stage", event["event"])))


def run_and_report(place: Path, out: Path, experiment: files.Experiment, **more: Any) -> tuple[Comparison, Watch]:
    """Run an experiment whose files are in ``place``, and write its report."""
    watch = Watch()
    outcome = run(experiment, out, base=place, show=watch, **more)
    write_reports(out)
    return Comparison(out, outcome.failures, names=outcome.names), watch


def ahead(place: Path, *models: Mapping[str, Any], **more: Any) -> list[Ahead]:
    """What a run of these models in the folder ``run`` of ``place`` would do."""
    with TemporaryDirectory() as scratch:
        experiment = small_experiment(*models, **more)
        return look_ahead(experiment, place / "run", Path(scratch), base=place, force=False, show=Watch())


def made_run() -> Path:
    """A folder with a text, the plug-ins and a reported run of three models, made once: it must not be changed."""

    def make(place: Path) -> None:
        write_text(place)
        write_plugins(place)
        experiment = small_experiment({"plugin": "unigram"}, BIGRAM, FLAT)
        assert not run_and_report(place, place / "run", experiment)[0].failures

    return made("small-run", make)
