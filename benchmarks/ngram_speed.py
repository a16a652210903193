"""How fast the n-gram engine is beside KenLM: training, scoring, whole distributions, generation, first use.

``python benchmarks/ngram_speed.py --words 1000000 10000000`` writes sampled texts (``sampled_text.py``) of these
lengths into a temporary folder, or ``--folder``, where they are kept. The tools take turns, ``--rounds`` times, each
in a process of its own; medians and their ratios are printed. ``lmplz`` and ``query`` are found on PATH; what is
missing is said, and KenLM's Python module (``pip install '.[bench]'``) and NLTK are measured in its stead.

``lmplz -S 1G`` is timed twice: as users run it, writing an ARPA file (to /dev/null), and with ``--intermediate``,
which ends with the estimates and writes no ARPA. Ours is timed from a process's start to the trained model in memory,
and once more without the interpreter's start and its imports. ``query`` is timed with ``build_binary``'s probing
table, its start (the time for an empty text) taken off.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmcompare.models.ngram.plugin import NGram
    from lmcompare.tokens import Encoded

ORDER = 5
HERE = Path(__file__).parent
TEST_WORDS = 2_000_000  # that are scored
SMALL_WORDS = 60_000
TYPES = 17_000  # at most, where whole distributions are timed


@dataclass(frozen=True)
class Cost:
    """Of a process: seconds of wall clock and of processors, and the peak of its memory in MiB."""

    wall: float
    cpu: float
    peak: float


def timed(command: list[str], stdin: Path | None = None) -> tuple[Cost, str]:
    """Run a command; return what it cost and what it printed."""
    with tempfile.TemporaryFile() as out, Path(stdin or os.devnull).open("rb") as given:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        out.seek(0)
        return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), out.read().decode()


def ours(task: str, *arguments: object) -> tuple[Cost, str]:
    """Run a task of this file in a process of its own."""
    return timed([sys.executable, __file__, "--task", task, *map(str, arguments)])


def in_turns(rounds: int, runs: dict[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Let the tools take turns; return the medians of each."""
    seen: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seen[name].append(run())
    middle = statistics.median
    return {
        name: Cost(middle(c.wall for c in costs), middle(c.cpu for c in costs), middle(c.peak for c in costs))
        for name, costs in seen.items()
    }


def show(title: str, costs: dict[str, Cost], peer: str) -> None:
    """Print a table with ratios to the peer, where it was measured."""
    print(
        f"\n{title}\n  {'':<34}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'wall':>8}{'CPU':>8}{'peak':>8}", flush=True
    )
    other = costs.get(peer)
    for name, cost in costs.items():
        line = f"  {name:<34}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.peak:10.0f}"
        if other:
            line += "".join(
                f"{mine / theirs:8.2f}"
                for mine, theirs in ((cost.wall, other.wall), (cost.cpu, other.cpu), (cost.peak, other.peak))
            )
        print(line, flush=True)


def text(folder: Path, words: int, seed: int = 0) -> Path:
    """Return a path of a sampled text of about ``words`` words, which is written once."""
    path = folder / f"{words}-{seed}.txt"
    if not path.is_file():
        print(f"writing {words:,} sampled words …", flush=True)
        subprocess.run(
            [sys.executable, HERE / "sampled_text.py", str(words), str(path), "--seed", str(seed)], check=True
        )
    return path


def cost_of_ours(path: Path, threads: int, *, start: bool = True) -> Cost:
    """Train in a new process; return what it cost, or what it cost from when everything was imported."""
    whole, printed = ours("train", path, threads)
    return whole if start else Cost(*json.loads(printed))


def training(path: Path, rounds: int) -> None:
    """Text to model, order 5, with one thread and with two."""
    runs: dict[str, Callable[[], Cost]] = {}
    for n in (1, 2):
        runs[f"lmcompare, {n} thread(s)"] = partial(cost_of_ours, path, n)
        runs[f"  the same without the start, {n}"] = partial(cost_of_ours, path, n, start=False)
    if shutil.which("lmplz"):
        plain = ["lmplz", "-o", str(ORDER), "-S", "1G", "--discount_fallback", "-T", str(path.parent)]
        runs["lmplz, with ARPA"] = lambda: timed([*plain, "--arpa", os.devnull], path)[0]
        between = [*plain, "--intermediate", str(path.parent / "between")]
        runs["lmplz, without ARPA"] = lambda: timed(between, path)[0]
    show(f"Training, order {ORDER}, on {path.name}", in_turns(rounds, runs), "lmplz, with ARPA")


def scoring(train: Path, test: Path, folder: Path, rounds: int) -> None:
    """Nanoseconds a token: from ids, from text, and by ``query`` or KenLM's module."""
    arpa, binary = folder / f"{train.stem}.arpa", folder / f"{train.stem}.bin"
    ours("export", train, arpa)
    binary.unlink(missing_ok=True)
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, figure in json.loads(ours("score", train, test)[1]).items():
            seen.setdefault(name, []).append(figure)
        if shutil.which("query") and shutil.which("build_binary"):
            if not binary.is_file():
                timed(["build_binary", str(arpa), str(binary)])
            command = ["query", "-v", "summary", str(binary)]
            start = timed(command)[0]
            whole = timed(command, test)[0]
            tokens = sum(len(line.split()) + 1 for line in test.open())
            seen.setdefault("query, from text, wall", []).append(1e9 * (whole.wall - start.wall) / tokens)
            seen.setdefault("query, from text, CPU", []).append(1e9 * (whole.cpu - start.cpu) / tokens)
    if not shutil.which("query"):
        seen["KenLM's module, sentence by sentence"] = kenlm_scores(arpa, test)
    print(f"\nScoring {test.name} with the model of {train.name}: nanoseconds a token, and times as fast as query")
    middle = {name: statistics.median(figures) for name, figures in seen.items() if figures}
    for name, figure in middle.items():
        peer = middle.get(f"query, from text, {name.rpartition(', ')[2]}")
        print(f"  {name:<44}{figure:9.0f}{f'{peer / figure:9.2f}' if peer else ''}", flush=True)


def kenlm_scores(arpa: Path, test: Path, sentences: int = 20_000) -> list[float]:
    """Nanoseconds a token of KenLM's Python module, if it is installed."""
    try:
        import kenlm
    except ImportError:
        print("KenLM's Python module is missing too: pip install '.[bench]'")
        return []
    model = kenlm.Model(str(arpa))
    with test.open() as lines:
        some = [line.strip() for line in itertools.islice(lines, sentences)]
    tokens = sum(len(line.split()) + 1 for line in some)
    started = time.perf_counter()
    for line in some:
        model.score(line)
    return [1e9 * (time.perf_counter() - started) / tokens]


def distributions(train: Path, test: Path, folder: Path) -> None:
    """Whole distributions, the ten most likely words, and generation, over about 17,000 types."""
    print(f"\nWhole distributions, model of {train.name}, rare words made <unk>")
    for name, figure in json.loads(ours("distributions", train, test)[1]).items():
        print(f"  {name:<52}{figure:12,.0f}", flush=True)
    try:
        import kenlm
    except ImportError:
        print("  KenLM's Python module is missing: pip install '.[bench]'")
        return
    arpa = folder / f"{train.stem}-{TYPES}.arpa"
    ours("export", train, arpa, TYPES)
    model = kenlm.Model(str(arpa))
    with arpa.open() as lines:
        ngrams = itertools.takewhile(
            lambda line: line.strip(), itertools.dropwhile(lambda x: "1-grams" not in x, lines)
        )
        words = [line.split("\t")[1] for line in itertools.islice(ngrams, 1, None)]
    state, after = kenlm.State(), kenlm.State()
    model.BeginSentenceWrite(state)
    started = time.perf_counter()
    rows = 20
    for _ in range(rows):
        for word in words:
            model.BaseScore(state, word, after)
    seconds = time.perf_counter() - started
    print(f"  {f'KenLM module, distributions a second, {len(words):,} types':<52}{rows / seconds:12,.0f}")


def first_use(folder: Path) -> None:
    """A small corpus in a fresh process: the first one, which may compile, and the second."""
    path = text(folder, SMALL_WORDS)
    print(f"\nFrom a process's start to a trained model of {SMALL_WORDS:,} words, seconds of wall clock")
    for name in ("first process", "second process"):
        print(f"  {name:<40}{ours('train', path, 1)[0].wall:9.2f}", flush=True)


def nltk_instead(path: Path) -> None:
    """NLTK's interpolated Kneser-Ney, order 3, on 20,000 sentences: trained, and a thousand tokens scored."""
    from nltk.lm import KneserNeyInterpolated
    from nltk.lm.preprocessing import padded_everygram_pipeline

    sentences = [line.split() for _, line in zip(range(20_000), path.open(), strict=False)]
    tokens = sum(len(s) + 1 for s in sentences)
    started = time.perf_counter()
    model = KneserNeyInterpolated(3)
    model.fit(*padded_everygram_pipeline(3, sentences))
    trained = time.perf_counter() - started
    started, scored = time.perf_counter(), 0
    for sentence in sentences:
        for at in range(2, len(sentence)):
            model.score(sentence[at], sentence[at - 2 : at])
            scored += 1
        if scored > 1000:
            break
    print(f"\nNLTK, interpolated Kneser-Ney, order 3, {tokens:,} tokens: {1e6 * trained / tokens:.1f} µs a token to")
    print(f"train, {1e6 * (time.perf_counter() - started) / scored:,.0f} µs to score one")


# What runs in a process of its own


def trained(path: str, threads: int = 1, types: int = 0) -> tuple[Encoded, NGram]:
    """Return the text and the model trained on it; of ``types`` or fewer, if a number is given."""
    from lmcompare.model import Setting
    from lmcompare.models.ngram.plugin import NGram
    from lmcompare.tokens import read_tokenised

    train = read_tokenised(path)
    if 0 < types < len(train.vocabulary):
        train = read_tokenised(path, min_count=int(train.vocabulary.counts[types]) + 1)
    nothing = train.select([])
    return train, NGram(order=ORDER).fit(train, nothing, Setting(train.vocabulary, threads=threads))


def task_train(path: str, threads: str) -> None:
    """Train; print what it cost from when everything was imported."""
    import pyarrow.compute  # noqa: F401

    from lmcompare.models.ngram.plugin import NGram  # noqa: F401

    started, before = time.perf_counter(), time.process_time()
    trained(path, int(threads))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - started, time.process_time() - before, peak]))


def task_export(path: str, arpa: str, types: str = "0") -> None:
    """Write the model's ARPA file."""
    train, model = trained(path, 2, int(types))
    model.file_formats()[".arpa"](train.vocabulary, Path(arpa))


def task_score(path: str, test: str) -> None:
    """Print nanoseconds a token, from ids and from text."""
    from lmcompare.tokens import read_tokenised

    train, model = trained(path, 2)
    figures = {}
    ids = read_tokenised(test, train.vocabulary)
    model.log_probs(ids.select([]))
    for threads in (1, 2):
        for name, read in (("ids", False), ("text", True)):
            wall, cpu = time.perf_counter(), time.process_time()
            model.log_probs(read_tokenised(test, train.vocabulary) if read else ids)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            figures[f"lmcompare, from {name}, {threads} thread(s), wall"] = 1e9 * wall / len(ids)
            figures[f"lmcompare, from {name}, {threads} thread(s), CPU"] = 1e9 * cpu / len(ids)
    print(json.dumps(figures))


def task_distributions(path: str, test: str) -> None:
    """Print contexts per second, streamed and in a block, and generated words per second."""
    import numpy as np

    from lmcompare.tokens import read_tokenised

    train, model = trained(path, 2, TYPES)
    text = read_tokenised(test, train.vocabulary)
    table = model._table
    assert table is not None
    at = np.arange(2048)
    contexts = table.contexts_at(text, at)
    figures = {}

    def rate(work: Callable[[int], object], size: int) -> float:
        work(0)
        started, done = time.perf_counter(), 0
        while time.perf_counter() - started < 2:
            work(done % (2048 - size))
            done += size
        return done / (time.perf_counter() - started)

    types = f"{table.start:,} types"
    figures[f"blocks of 64, {types}"] = rate(lambda k: table.distributions(contexts[:, k : k + 64], np.float32), 64)
    started, done = time.perf_counter(), 0
    for positions, _ in model.stream(text):
        done += len(positions)
        if done > 200_000:
            break
    figures["stream, blocks of their own"] = done / (time.perf_counter() - started)
    rng = np.random.default_rng(0)
    stepper = model.stepper(text.ids[:0], text.vocabulary)
    for words in (2000, 20_000):  # the first ones bring the compiled loops in
        started = time.perf_counter()
        for _ in range(words):
            ids, nats = stepper.top_k(10)
            heights = np.cumsum(np.exp(nats))
            stepper.push(int(ids[np.searchsorted(heights, rng.random() * heights[-1])]))
        figures["words generated a second, from the ten most likely"] = words / (time.perf_counter() - started)
    print(json.dumps(figures))


TASKS: dict[str, Callable[..., None]] = {
    "train": task_train,
    "export": task_export,
    "score": task_score,
    "distributions": task_distributions,
}


def main() -> None:
    """Measure all of it, or only some parts."""
    parts = ("training", "scoring", "distributions", "first-use")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, nargs="+", default=[1_000_000, 10_000_000], help="lengths of the texts")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each tool")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--folder", type=Path, help="where the texts are kept")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        TASKS[given.task[0]](*given.task[1:])
        return
    for tool in ("lmplz", "query", "build_binary"):
        if not shutil.which(tool):
            print(f"{tool} is not on PATH: it is in KenLM, built from source with cmake and Boost")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        texts = [text(folder, words) for words in given.words]
        if "training" in given.parts:
            for path in texts:
                training(path, given.rounds)
            if not shutil.which("lmplz"):
                nltk_instead(texts[0])
        test = text(folder, TEST_WORDS, seed=1)
        if "scoring" in given.parts:
            scoring(texts[-1], test, folder, given.rounds)
        if "distributions" in given.parts:
            distributions(texts[0], test, folder)
        if "first-use" in given.parts:
            first_use(folder)


if __name__ == "__main__":
    main()
