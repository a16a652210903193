"""Cells on a Ray cluster of several nodes: the same bits, and what a loss costs."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcompare.harness.run import run
from lmcompare.harness.runner import leave
from lmcompare.runfolder.states import checkpoints_of
from tests.full.processes.killed import differing, stored
from tests.harness.small import Watch, small_experiment, write_text
from tests.test_processes import gone

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own warnings

STEPS = 40
MEMORY = 3_000_000_000  # of a node, in bytes
# How often Ray asks whether a node is alive: by default it takes some 20 s to see that one is lost
ALIVE = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500}
PLUGINS = '''
"""Plug-ins for a cluster."""

import os
import time

import helper
import numpy as np

from lmcompare import LanguageModel, State
from lmcompare.processes.cluster_work import shared
from lmcompare.counts import bounded
from lmcompare.counts import ngrams
from lmcompare.counts.ngrams import Room, with_starts


class Flat(LanguageModel):
    """Reads a file, and gives every token the same probability."""

    files = ("path",)

    def __init__(self, path: str = "") -> None:
        self.path = path

    def fit(self, train, valid, setting):
        with open(self.path) as file:
            self.notes = (helper.SAID + file.read(),)
        return self

    def next_log_probs(self, text, at):
        return np.full((len(at), len(text.vocabulary)), -np.log(len(text.vocabulary)))

    def state(self):
        return State()

    def restore(self, state):
        return self


class Counts(Flat):
    """Counts slowly, with a checkpoint after each step, and says where it began."""

    def fit(self, train, valid, setting):
        file = setting.checkpoints / "step"
        first = int(file.read_text()) if file.exists() else 0
        (setting.checkpoints / "node").write_text(os.environ["NODE"])
        for step in range(first, STEPS):
            time.sleep(0.1)
            aside = setting.checkpoints / "aside"
            aside.write_text(str(step + 1))
            aside.replace(file)
        self.notes = (str(first),)
        return self


class Shares(Flat):
    """Says how many nodes took a part of its work, and whether blocks counted there give the counts of the text."""

    def fit(self, train, valid, setting):
        def where(part):
            time.sleep(0.2)
            yield os.environ["NODE"]

        nodes = {node for found in shared(where, ((part,) for part in range(6))) for node in found}
        given = (with_starts(train), 3, len(train.vocabulary), train.vocabulary.end)
        blocks, whole = bounded.count(*given, Room(48 * 100)), ngrams.count(*given)
        same = all(
            np.array_equal(getattr(a, name), getattr(b, name))
            for a, b in zip(blocks, whole, strict=True)
            for name in ("words", "offsets", "shorter", "raw", "adjusted", "statistics")
        )
        self.notes = (f"{len(nodes)} nodes, {len(given[0])} words, {'the same' if same else 'other'} counts",)
        return self


class Greedy(Flat):
    """Takes more memory than a node has."""

    def fit(self, train, valid, setting):
        np.ones(500_000_000)


class Hangs(Flat):
    """Never ends."""

    def fit(self, train, valid, setting):
        (setting.checkpoints / "pid").write_text(str(os.getpid()))
        time.sleep(3600)
'''.replace("STEPS", str(STEPS))


class Machines:
    """A cluster of three nodes, the first of which has another version of a package."""

    def __init__(self, place: Path) -> None:
        from ray.cluster_utils import Cluster

        self.place = place
        other = place / "other" / "nltk-0.0.dist-info"
        other.mkdir(parents=True)
        (other / "METADATA").write_text("Metadata-Version: 2.1\nName: nltk\nVersion: 0.0\n")
        self.nodes: dict[str, Any] = {}
        self.ray = Cluster()
        self._add(other=True, _system_config=ALIVE)  # the first one, to which this program is connected
        self._add()
        self._add()
        self.ray.wait_for_nodes()
        self.address = self.ray.address

    def _add(self, *, other: bool = False, **head: Any) -> None:
        name = f"node-{len(self.nodes)}"
        scratch = self.place / name
        scratch.mkdir()
        path = [*([str(self.place / "other")] if other else []), os.environ.get("PYTHONPATH", "")]
        self.nodes[name] = self.ray.add_node(
            wait=False,
            num_cpus=1,
            memory=MEMORY,
            include_dashboard=False,
            **head,
            env_vars={"NODE": name, "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(path).strip(os.pathsep)},
        )

    def kill(self, name: str) -> None:
        self.ray.remove_node(self.nodes[name], allow_graceful=False)

    def close(self) -> None:
        leave()
        self.ray.shutdown()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    place = tmp_path_factory.mktemp("cluster")
    here = place / "here"
    here.mkdir()
    write_text(here)
    (here / "plugins.py").write_text(PLUGINS)
    (here / "helper.py").write_text('SAID = "It was said: "\n')
    (here / "read.txt").write_text("a file")
    with (
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as short,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_TMPDIR", short)  # the paths of sockets may have about 100 characters
        found = Machines(place)
        yield found
        found.close()


def model(name: str) -> dict[str, Any]:
    return {"plugin": f"plugins.py:{name}", "name": name.lower(), "path": "read.txt"}


def wait_for(found: Callable[[], bool], seconds: float = 600.0) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def checkpoint(out: Path, name: str) -> str:
    """The content of the checkpoint file of this name that has come; "" before."""
    try:
        return next(checkpoints_of(out).rglob(name)).read_text()
    except (StopIteration, FileNotFoundError):
        return ""


def began_at(out: Path) -> int:
    """The step at which the training of Counts went on."""
    return int(json.loads((out / "cells/counts/0/cell.json").read_text())["notes"][0])


def test_a_cluster_gives_the_bits_of_this_machine(machines: Machines) -> None:
    here, said = machines.place / "here", Watch()
    net = {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 20, "batch": 4, "length": 8}
    plan = small_experiment(model("Flat"), net, threads=1)
    assert not run(plan, here / "alone", base=here).failures
    plan = plan.replace("test", engine="ray", address=machines.address)
    assert not run(plan, here / "cluster", base=here, show=said).failures
    assert differing(stored(here / "cluster"), stored(here / "alone")) == []
    (refused,) = (sentence for sentence in said.said if "not used" in sentence)
    assert "nltk 0.0" in refused


def test_other_nodes_count_blocks_of_a_long_text(machines: Machines) -> None:
    here = machines.place / "here"
    plan = small_experiment(model("Shares"), threads=1, engine="ray", address=machines.address)
    assert not run(plan, here / "shares", base=here).failures
    nodes, words, counts = json.loads((here / "shares/cells/shares/0/cell.json").read_text())["notes"][0].split(", ")
    assert (nodes, counts) == ("2 nodes", "the same counts")
    assert int(words.split()[0]) > 300  # several blocks of 100


def test_a_lost_node_costs_what_came_after_the_last_checkpoint(machines: Machines) -> None:
    here, out = machines.place / "here", machines.place / "here" / "lost"
    plan = small_experiment(model("Counts"), model("Flat"), threads=1, engine="ray", address=machines.address)
    had = []

    def kill() -> None:
        wait_for(lambda: int(checkpoint(out, "step") or 0) > STEPS // 4)
        had.append(int(checkpoint(out, "step")))
        machines.kill(checkpoint(out, "node"))

    thread = threading.Thread(target=kill)
    thread.start()
    assert not run(plan, out, base=here).failures
    thread.join()
    assert had[0] <= began_at(out) <= STEPS


def test_a_killed_run_goes_on_with_the_same_command(machines: Machines) -> None:
    here, out = machines.place / "here", machines.place / "here" / "killed"
    plan = small_experiment(model("Counts"), threads=1, engine="ray", address=machines.address)
    code = (
        "import sys, pickle; from lmcompare.harness.run import run; from pathlib import Path; "
        "run(pickle.load(sys.stdin.buffer), Path(sys.argv[1]), base=Path())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(out)], cwd=here, stdin=subprocess.PIPE, stdout=-1, stderr=-1
    ) as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(plan))
        process.stdin.close()
        wait_for(lambda: int(checkpoint(out, "step") or 0) > STEPS // 4)
        process.kill()
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() + process.stderr.read() == b""  # Ray says nothing
    had = int(checkpoint(out, "step"))
    assert not run(plan, out, base=here).failures
    assert had <= began_at(out) <= STEPS


def test_too_much_memory_and_too_much_time_fail_their_own_cell(machines: Machines) -> None:
    here = machines.place / "here"
    models = [model("Greedy"), model("Hangs"), model("Flat")]
    plan = small_experiment(*models, threads=1, time_limit=15, engine="ray", address=machines.address)
    failures = run(plan, here / "limits", base=here).failures
    assert failures.keys() == {"greedy/0", "hangs/0"}
    assert "may take 3 GB" in failures["greedy/0"]
    assert "time limit of 15 s" in failures["hangs/0"]


def test_an_interruption_ends_the_process_of_a_cell(machines: Machines) -> None:
    here, out = machines.place / "here", machines.place / "here" / "interrupted"

    class Interrupts(Watch):
        def event(self, cell: int, event: Mapping[str, Any]) -> None:
            super().event(cell, event)
            if event.get("stage") == "training":
                wait_for(lambda: checkpoint(out, "pid") != "")
                raise KeyboardInterrupt

    plan = small_experiment(model("Hangs"), threads=1, engine="ray", address=machines.address)
    with pytest.raises(KeyboardInterrupt):
        run(plan, out, base=here, show=Interrupts())
    assert gone(int(checkpoint(out, "pid")))
