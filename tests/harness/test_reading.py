"""A run's corpus is read and cut in a process of its own: what a plug-in does there is its own failure, in words."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from lmcompare.corpora import load
from lmcompare.errors import LmcompareError
from lmcompare.harness import reading
from lmcompare.harness.progress import Display
from lmcompare.harness.reading import RunCorpus, read
from lmcompare.harness.run import run
from lmcompare.models.unigram.plugin import Unigram
from lmcompare.report.build import write_reports
from tests.cli.console import lmcompare, lmcompare_process
from tests.harness.small import small_experiment, write_text

START = """
import contextlib, os, time

def send(text):
    for file in range(3, 30):
        with contextlib.suppress(OSError):
            os.write(file, text + b"\\n")
    time.sleep(60)

class Other(BaseException):
    pass

{at_import}
"""
TOKENIZER = (
    START
    + """
from lmcompare.tokens.whitespace import WhitespaceTokenizer

class Own(WhitespaceTokenizer):
    usual_min_count = 3

    def fit(self, texts):
        {inside}
        return super().fit(texts)
"""
)
CORPUS = (
    START
    + """
from pathlib import Path
from lmcompare.corpora import CorpusScheme, Found, Piece

def read(name, options):
    lines = Path(name).read_text().splitlines()
    {inside}
    return Found(tuple(Piece(f"d{{n}}", line) for n, line in enumerate(lines)))

OWN = CorpusScheme("Lines.", read, "FILE")
"""
)


class Said(Display):
    """Remembers what was said, and the last share."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.shares: list[float] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def share(self, what: str, done: float) -> None:
        self.shares.append(done)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lmcompare.processes.calls.GRACE", 1)
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path)
    write_plug_ins(tmp_path)
    return tmp_path


def write_plug_ins(place: Path, name: str = "", at_import: str = "", inside: str = "") -> None:
    for each, code in (("tokenizer", TOKENIZER), ("corpus", CORPUS)):
        does = {"at_import": at_import, "inside": inside} if each == name else {"at_import": "", "inside": ""}
        (place / f"{each}.py").write_text(code.format(**does))


def read_own(out: str, limit: float | None = None, here: bool = False, show: Display | None = None) -> RunCorpus:
    own = {"source": "./corpus.py:OWN:text.txt"}
    experiment = small_experiment(
        {"plugin": "unigram"}, corpus=own, tokens={"kind": "./tokenizer.py:Own"}, time_limit=limit
    )
    corpus = load("./corpus.py:OWN:text.txt") if here else None
    return read(experiment, [experiment.tokens], Path(out), Path(), False, show or Display(), corpus)


IS_ENDED = "the process ended with exit code 0: a plug-in, or what it uses, must not end the process"
IS_JUNK = "something that is not a message"


@pytest.mark.parametrize(
    ("name", "at_import", "inside", "said"),
    [
        ("tokenizer", "os._exit(0)", "", f"reading its ./tokenizer.py:Own tokens: {IS_ENDED}"),
        ("tokenizer", "", "os.kill(os.getpid(), 9)", r"./tokenizer.py:Own tokens: .* signal 9 \(out of memory\?\)"),
        ("tokenizer", "", "raise Other('no')", r"./tokenizer.py:Own tokens: Other: no \(tokenizer.py, line"),
        ("tokenizer", "", "raise SystemExit(0)", r"Own's fit raised SystemExit: 0 \(tokenizer.py, line"),
        ("tokenizer", "", "send(b'junk')", f"./tokenizer.py:Own tokens: .*{IS_JUNK}"),
        ("tokenizer", "", """send(b'["event", {"event": "say", "sentence": 7}]')""", IS_JUNK),
        ("tokenizer", "", """send(b'["returned", {"entry": 5}]')""", IS_JUNK),
        ("corpus", "os._exit(0)", "", f"reading ./corpus.py:OWN:text.txt: {IS_ENDED}"),
        ("corpus", "", "raise KeyboardInterrupt", r"./corpus.py:OWN:text.txt: KeyboardInterrupt"),
    ],
)
def test_a_plug_in_that_ends_or_sends_junk_is_named(
    place: Path, name: str, at_import: str, inside: str, said: str
) -> None:
    write_plug_ins(place, name, at_import, inside)
    began = time.perf_counter()
    with pytest.raises(LmcompareError, match=said):
        read_own("out")
    assert time.perf_counter() - began < 30


def test_a_tokenizer_that_never_ends_its_fit_is_ended(place: Path) -> None:
    write_plug_ins(place, "tokenizer", inside="time.sleep(60)")
    said, began = Said(), time.perf_counter()
    with pytest.raises(LmcompareError, match=r"reading .*: it ran longer than its time limit of 2 s, .*--time-limit"):
        read_own("out", limit=2.0, show=said)
    assert time.perf_counter() - began < 30
    assert said.shares[-1] == 1.0  # no bar is left


@pytest.mark.parametrize("name", ["tokenizer", "corpus"])
def test_where_a_plug_in_goes_and_what_it_prints_changes_nothing(
    place: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    here = read_own("here", here=True)
    write_plug_ins(place, name, at_import="os.chdir('/'); print('printed')", inside="os.chdir('/')")
    said = Said()
    apart = read_own("apart", show=said)
    assert capfd.readouterr().out == ""
    assert Path.cwd() == place
    assert said.sentences[0] == "Reading ./corpus.py:OWN:text.txt …"
    assert "Reading its ./tokenizer.py:Own tokens …" in said.sentences
    assert apart.entry == here.entry
    assert {"gzip", "bzip2", "xz", "zstd", "ppmd"} == {*here.entry.compressors}
    assert all(0 < bits < 8 for bits in here.entry.compressors.values())
    assert (apart.prompts, apart.tokens[0].entry.tokens) == (here.prompts, here.tokens[0].entry.tokens)
    assert apart.tokens[0].table.min_count == 3
    assert apart.tokens[0].tokenizer == f"{place / 'tokenizer.py'}:Own"
    assert (place / "apart" / "tokens" / apart.tokens[0].fingerprint).is_dir()


def test_plug_ins_are_not_imported_by_the_process_of_the_run(place: Path) -> None:
    read_own("out")
    names = {Path(getattr(module, "__file__", None) or "").parent for module in list(sys.modules.values())}
    assert place not in names


def test_finished_cells_outlive_a_tokenizer_that_ends_the_process(place: Path) -> None:
    out, model = place / "out", {"plugin": "unigram"}
    run(small_experiment(model), out, corpus=load("text.txt"), live={"unigram": Unigram()})
    before = {path: path.read_bytes() for path in (out / "cells").rglob("*") if path.is_file()}
    write_plug_ins(place, "tokenizer", inside="os._exit(0)")
    experiment = small_experiment({**model, "tokens": "./tokenizer.py:Own"}, corpus={"source": "text.txt"})
    with pytest.raises(LmcompareError, match=IS_ENDED):
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


def test_the_command_line_says_it_in_a_sentence_and_reads_standard_input(place: Path) -> None:
    write_plug_ins(place, "tokenizer", at_import="os._exit(0)")
    done = lmcompare("run", "--corpus", "text.txt", "--tokens", "./tokenizer.py:Own", "--out", "out", cwd=place)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"lmcompare: reading its ./tokenizer.py:Own tokens: {IS_ENDED}",
    )
    done = lmcompare_process("run", "--corpus", "-", "--stdin-megabytes", "1", cwd=place, stdin="a b\n" * 300_000)
    assert done.returncode == 2
    assert "standard input is longer than 1 MB" in done.stderr
