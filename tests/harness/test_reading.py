"""A run's corpus is read and cut in a process of its own: what a plug-in does there is its own failure, in words."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lmcompare.corpora import load
from lmcompare.errors import LmcompareError
from lmcompare.harness.progress import Display
from lmcompare.harness.run import run
from lmcompare.harness.text import reading
from lmcompare.harness.text.reading import RunCorpus, read
from lmcompare.models.unigram import Unigram
from lmcompare.processes import EndedError, JunkError, RaisedError, TimeLimitError
from lmcompare.report.write import write_reports
from tests.harness.small import Watch, small_experiment, write_text

TOKENIZER = """
import os
{at_import}
from lmcompare.tokens.word import WhitespaceTokenizer

class Own(WhitespaceTokenizer):
    usual_min_count = 3

    def fit(self, texts):
        {inside}
        return super().fit(texts)
"""
CORPUS = """
import os
{at_import}
from pathlib import Path
from lmcompare.corpora import CorpusScheme, Found, Piece

def read(name, options):
    lines = Path(name).read_text().splitlines()
    {inside}
    return Found(tuple(Piece(f"d{{n}}", line) for n, line in enumerate(lines)))

OWN = CorpusScheme("Lines.", read, "FILE")
"""


class Said(Watch):
    """Remembers the last share, too."""

    shares: tuple[float, ...] = ()

    def share(self, what: str, done: float) -> None:
        self.shares += (done,)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path)
    write_plug_ins(tmp_path)
    return tmp_path


def write_plug_ins(place: Path, at_import: str = "", inside: str = "") -> None:
    for each, code in (("tokenizer", TOKENIZER), ("corpus", CORPUS)):
        (place / f"{each}.py").write_text(code.format(at_import=at_import, inside=inside))


def read_own(out: str, limit: float | None = None, here: bool = False, show: Display | None = None) -> RunCorpus:
    own = {"source": "./corpus.py:OWN:text.txt"}
    experiment = small_experiment(
        {"plugin": "unigram"}, corpus=own, tokens={"kind": "./tokenizer.py:Own"}, time_limit=limit
    )
    corpus = load("./corpus.py:OWN:text.txt") if here else None
    return read(experiment, [experiment.tokens], Path(out), Path(), False, show or Display(), corpus)


def raising(error: Exception, *events: dict[str, object]) -> Callable[..., object]:
    """What stands for a process that sends events and then fails."""

    def call(*_: object, on_event: Callable[[dict[str, object]], object], **__: object) -> object:
        for event in events:
            on_event(event)
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EndedError(-9), r"signal 9 \(out of memory"),
        (JunkError("x"), "not a message"),
        (TimeLimitError("it was late"), "it was late; .*--time-limit"),
        (RaisedError("Other: no", False), "Other: no"),
    ],
)
def test_a_plug_in_that_ends_or_sends_junk_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    for events, what in (
        ((), "./corpus.py:OWN:text.txt"),
        (({"event": "part", "part": 1},), "its ./tokenizer.py:Own"),
    ):
        monkeypatch.setattr(reading, "call", raising(error, *events))
        shown = Said()
        with pytest.raises(LmcompareError, match=f"reading {what}.*: .*{said}"):
            read_own("out", show=shown)
        assert shown.shares[-1] == 1.0  # no bar is left
    monkeypatch.setattr(reading, "call", raising(RaisedError("an empty text", True)))
    with pytest.raises(LmcompareError, match=r"^an empty text$"):
        read_own("out")
    for junk in ({"event": "part", "part": 9}, {"event": "say", "sentence": 7}):
        monkeypatch.setattr(reading, "call", raising(EndedError(3), junk))
        with pytest.raises(LmcompareError, match="not a message"):
            read_own("out")
    monkeypatch.setattr(reading, "call", lambda *_, **__: {"entry": 5})
    with pytest.raises(LmcompareError, match="not a message"):
        read_own("out")


def test_the_process_has_the_time_limit_and_standard_input_if_it_is_the_text(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, object]] = []

    def call(*_: object, **how: object) -> object:
        given.append(how)
        return {}

    monkeypatch.setattr(reading, "call", call)
    for source in ("-", "text.txt"):
        experiment = small_experiment({"plugin": "unigram"}, corpus={"source": source}, time_limit=7)
        with pytest.raises(LmcompareError, match="not a message"):
            read(experiment, [experiment.tokens], Path("out"), Path(), False, Display())
    assert [(how["stdin"], how["seconds"]) for how in given] == [(True, 7), (False, 7)]


@pytest.mark.slow
def test_where_a_plug_in_goes_and_what_it_prints_changes_nothing(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = read_own("here", here=True)
    before = set(sys.modules)
    write_plug_ins(place, at_import="os.chdir('/'); print('printed')", inside="os.chdir('/')")
    said = Said()
    apart = read_own("apart", show=said)
    assert capfd.readouterr().out == ""
    assert Path.cwd() == place
    names = {Path(getattr(sys.modules[name], "__file__", None) or "").parent for name in {*sys.modules} - before}
    assert place not in names  # they are not imported by the process of the run
    assert said.said[0] == "Reading ./corpus.py:OWN:text.txt …"
    assert "Reading its ./tokenizer.py:Own tokens …" in said.said
    assert apart.entry == here.entry
    assert {"gzip", "bzip2", "xz", "zstd", "ppmd"} == {*here.entry.compressors}
    assert all(0 < bits < 8 for bits in here.entry.compressors.values())
    assert (apart.prompts, apart.tokens[0].entry.tokens) == (here.prompts, here.tokens[0].entry.tokens)
    assert apart.tokens[0].table.min_count == 3
    assert apart.tokens[0].tokenizer == f"{place / 'tokenizer.py'}:Own"
    assert (place / "apart" / "tokens" / apart.tokens[0].fingerprint).is_dir()


@pytest.mark.slow
def test_finished_cells_outlive_a_tokenizer_that_ends_the_process(place: Path) -> None:
    out, model = place / "out", {"plugin": "unigram"}
    run(small_experiment(model), out, corpus=load("text.txt"), live={"unigram": Unigram()})
    before = {path: path.read_bytes() for path in (out / "cells").rglob("*") if path.is_file()}
    write_plug_ins(place, inside="os._exit(0)")
    experiment = small_experiment({**model, "tokens": "./tokenizer.py:Own"}, corpus={"source": "text.txt"})
    with pytest.raises(LmcompareError, match="exit code 0"):
        run(experiment, out, force=True)
    assert before == {path: path.read_bytes() for path in (out / "cells").rglob("*") if path.is_file()}
    write_reports(out)


def test_texts_in_memory_and_tokenizers_of_this_process_are_read_in_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(reading, "call")
    assert read_own("out", here=True).tokens[0].entry.types > 2
    experiment = small_experiment({"plugin": "unigram"}, tokens={"kind": "__main__:Own"})
    with pytest.raises(LmcompareError, match="has no tokenizer 'Own'"):  # of the program that runs the tests
        read(experiment, [experiment.tokens], Path("out"), Path(), False, Display())
