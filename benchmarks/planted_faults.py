"""Do the tests notice faults? Plants one fault at a time in a copy of the package and runs the tests that reach it.

::

    pip install '.[bench]'
    python benchmarks/planted_faults.py reach WORK                  # once: which test reaches which fault
    python benchmarks/planted_faults.py run WORK --out caught.jsonl  # resumes; one fault at a time
    python benchmarks/planted_faults.py table caught.jsonl

``planted_faults.json`` has the faults: mutants that ``draw`` drew over the lines of the package with the operators of
mutmut, mutants of JavaScript and bugs of the past, both written by hand. A fault is stored by its function and its
lines, not by their numbers, so that it is found again after other lines of the file have changed, or after the
function has moved to another file. ``--tests`` names the checkout whose tests run; it may be an older one.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
FAULTS = HERE / "planted_faults.json"
PYTEST = str(Path(sys.executable).with_name("pytest"))  # python -m pytest would import the package of the checkout
FIRST_STAGE, LATER_STAGE = 20.0, 240.0  # seconds of tests that one process of pytest is given
BROWSERS = {"browser", "chromium", "opened"}  # fixtures of the tests that run JavaScript


@dataclass(frozen=True)
class Fault:
    """Lines of one function, and what they become. ``function`` is "" outside any function."""

    id: str
    origin: str  # "drawn", "by hand" or "changelog"
    file: str
    function: str
    before: str
    after: str
    nth: int = 0  # of the places in the function with these lines


class NotFoundError(Exception):
    """The package has no such lines any more."""


# ---------------------------------------------------------------------------------------------------------- places


def _functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{inside}.{node.name}".lstrip(".")
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from _functions(node, name)
        else:
            yield from _functions(node, inside)


def _lines(node: ast.AST) -> tuple[int, int]:
    """The first line of a function, from 0 and decorators included, and the line after its last."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
    return first, node.end_lineno or first


def _extent(source: str, function: str) -> tuple[int, int] | None:
    """The lines of a function; of the file for ""."""
    if not function:
        return 0, len(source.splitlines())
    return next((_lines(node) for name, node in _functions(ast.parse(source)) if name == function), None)


def _function_at(source: str, line: int) -> str:
    """The name of the innermost function with a line, from 0."""
    found = ""
    for name, node in _functions(ast.parse(source)):
        first, end = _lines(node)
        if first <= line < end:
            found = name
    return found


def _places(source: str, fault: Fault) -> list[int]:
    """The lines, from 0, at which the lines of a fault begin."""
    extent = _extent(source, fault.function) if fault.file.endswith(".py") else (0, len(source.splitlines()))
    if extent is None:
        return []
    lines, wanted = source.splitlines(), fault.before.splitlines()
    return [
        at
        for at in range(extent[0], extent[1] - len(wanted) + 1)
        if textwrap.dedent("\n".join(lines[at : at + len(wanted)])).splitlines() == wanted
    ]


def place(package: Path, fault: Fault) -> tuple[Path, int]:
    """Return the file and the line, from 0, of a fault; another file of the package than before, if it has moved."""
    stored = package.parent / fault.file
    others = sorted(package.rglob(f"*{stored.suffix}")) if fault.function else []
    for path in [stored, *others]:
        found = _places(path.read_text(encoding="utf-8"), fault) if path.is_file() else []
        if len(found) > fault.nth:
            return path, found[fault.nth]
    raise NotFoundError(f"{fault.id}: {fault.file} {fault.function}: {fault.before}")


def planted(source: str, line: int, fault: Fault) -> str:
    """Return a file with the fault in it."""
    lines, old = source.splitlines(), fault.before.splitlines()
    indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
    indent = indent[: len(indent) - (len(old[0]) - len(old[0].lstrip()))]
    new = textwrap.indent(fault.after, indent).splitlines()
    return "\n".join([*lines[:line], *new, *lines[line + len(old) :], ""])


# ------------------------------------------------------------------------------------------------------------ draw


def _mutant(path: Path, line: int, chance: random.Random) -> str | None:
    """A mutated source of a file, with a change that begins in a line, from 0; None if the line has no mutant.

    Annotations, imports and prose (strings with a space, docstrings included) stay as they are.
    """
    import libcst as cst
    from libcst.metadata import MetadataWrapper, PositionProvider
    from mutmut.mutation.mutators import mutation_operators

    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    positions = wrapper.resolve(PositionProvider)
    found: list[tuple[cst.CSTNode, cst.CSTNode]] = []

    def visit(node: cst.CSTNode) -> None:
        prose = isinstance(node, cst.SimpleString) and " " in node.value
        if prose or isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom):
            return
        if node in positions and positions[node].start.line - 1 == line:
            for of_type, operator in mutation_operators:
                found.extend((node, mutated) for mutated in (operator(node) if isinstance(node, of_type) else ()))
        for child in node.children:
            visit(child)

    visit(wrapper.module)
    if not found:
        return None
    mutated = wrapper.module.deep_replace(*chance.choice(found))
    assert isinstance(mutated, cst.Module)
    return str(mutated.code)


def _changes(old: str, new: str) -> list[tuple[int, int, int, int]]:
    codes = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False).get_opcodes()
    return [tuple[int, int, int, int](code[1:]) for code in codes if code[0] != "equal"]


def draw(count: int, seed: int) -> list[Fault]:
    """Draw mutants: a line of code, each as probable as the others, then one of its mutants.

    A line without a mutant is drawn again.
    """
    package, chance = ROOT / "lmcompare", random.Random(seed)
    lines = [
        (path, number)
        for path in sorted(package.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines())
        if line.strip()
    ]
    chance.shuffle(lines)
    found: list[Fault] = []
    for path, number in lines:
        if len(found) == count:
            break
        source, mutated = path.read_text(encoding="utf-8"), _mutant(path, number, chance)
        if mutated is None or not _changes(source, mutated):
            continue
        first, last, start, end = _changes(source, mutated)[0]
        before = source.splitlines()[first:last]
        shift = min(len(line) - len(line.lstrip()) for line in before)
        fault = Fault(
            f"m{len(found) + 1:03}",
            "drawn",
            str(path.relative_to(ROOT)),
            _function_at(source, first),
            "\n".join(line[shift:] for line in before),
            "\n".join(line[shift:] for line in mutated.splitlines()[start:end]),
        )
        found.append(Fault(**{**asdict(fault), "nth": _places(source, fault).index(first)}))
        print(f"{fault.id} {fault.file}:{first + 1}", flush=True)
    return found


def stored() -> list[Fault]:
    """Return the faults of the file."""
    return [Fault(**fields) for fields in json.loads(FAULTS.read_text(encoding="utf-8"))]


def store(faults: Iterable[Fault]) -> None:
    """Write the file of the faults."""
    FAULTS.write_text(json.dumps([asdict(fault) for fault in faults], indent=1, ensure_ascii=False) + "\n", "utf-8")


# ----------------------------------------------------------------------------------------------------------- reach


def _compiled(node: ast.AST) -> bool:
    names = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
    return any(name.partition("(")[0] in ("compiled", "intrinsic") for name in names)


def _instrument(package: Path) -> list[str]:
    """Put a probe into each function of a copy of the package; return the functions' names, as "file function".

    Numba's functions have none. They are reached through the functions that mention them.
    """
    names: list[str] = []
    for path in sorted(package.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        tree, lines, probes = ast.parse(source), source.splitlines(), {}
        compiled = {name for name, node in _functions(tree) if _compiled(node)}
        for name, node in _functions(tree):
            body = getattr(node, "body", [])
            first = next((s for s in body if not _docstring(s)), None)
            if name.split(".")[0] in compiled or first is None or first.lineno == getattr(node, "lineno", 0):
                continue
            at = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]) - 1
            probes[at] = " " * first.col_offset + f"_probe_of_reach.hit({len(names)})"
            names.append(f"{path.relative_to(package.parent)} {name}")
        if not probes:
            continue
        head = [s for s in tree.body if _docstring(s) or (isinstance(s, ast.ImportFrom) and s.module == "__future__")]
        probes[head[-1].end_lineno if head else 0] = "import reach as _probe_of_reach"
        for at in sorted(probes, reverse=True):
            lines[at:at] = [probes[at]]
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        compile(path.read_text(encoding="utf-8"), str(path), "exec")
    return names


def _docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def reach(work: Path, tests: Path, arguments: list[str]) -> None:
    """Run all tests once with probes in the package; write ``reach.json``: functions, their tests, seconds."""
    copy, records = work / "probed", work / "records"
    for folder in (copy, records):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    shutil.copytree(ROOT / "lmcompare", copy / "lmcompare", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "reach.py", copy)
    names = _instrument(copy / "lmcompare")
    environment = {**os.environ, "PYTHONPATH": str(copy), "LMCOMPARE_REACH": str(records)}
    subprocess.run([PYTEST, "-p", "reach", *arguments], cwd=tests, env=environment, check=False)
    _collect(records, work / "reach.json", names)


def _collect(records: Path, out: Path, names: list[str]) -> None:
    seconds: dict[str, float] = defaultdict(float)
    fixtures: dict[str, list[str]] = {}
    passed: set[str] = set()
    calls: dict[tuple[str, str], set[int]] = defaultdict(set)  # by who calls, and "+" for processes of a test
    for path in records.glob("*.txt"):
        who = ("+", "")
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, _, rest = line.partition(" ")
            if kind in ("@", "+"):
                who = kind, rest
            elif kind == "=":
                fixtures[who[1]] = json.loads(rest)
            elif kind == "!":
                test, when, duration, outcome = json.loads(rest)
                seconds[test] += duration
                if (when, outcome) == ("call", "passed"):
                    passed.add(test)
            elif line:
                calls[who].add(int(line))
    tests = sorted(passed)
    number = {test: at for at, test in enumerate(tests)}
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        by_file[test.partition("::")[0]].append(test)
    surely: list[set[int]] = [set() for _ in names]
    perhaps: list[set[int]] = [set() for _ in names]
    for (kind, where), functions in calls.items():
        callers = [where] if where in passed else []
        if where.startswith("fixture "):
            _, name, base = where.split(" ", 2)
            callers = [t for t in tests if name in fixtures[t] and t.startswith(base)]
        others = by_file[where.partition("::")[0]] if kind == "+" else []  # which later tests of the file may use
        for function in functions:
            surely[function].update(number[test] for test in callers)
            perhaps[function].update(number[test] for test in others)
    found = {
        "tests": [[test, round(seconds[test], 3), bool(BROWSERS & set(fixtures[test]))] for test in tests],
        "functions": {n: [sorted(surely[i]), sorted(perhaps[i] - surely[i])] for i, n in enumerate(names)},
    }
    out.write_text(json.dumps(found, separators=(",", ":")), encoding="utf-8")
    print(f"{len(tests)} tests passed; they call {sum(map(bool, surely))} of {len(names)} functions")


class Reached:
    """Which tests reach a fault."""

    def __init__(self, work: Path, package: Path) -> None:
        found = json.loads((work / "reach.json").read_text(encoding="utf-8"))
        self.tests: list[tuple[str, float, bool]] = [tuple(test) for test in found["tests"]]
        self._functions: dict[str, list[list[int]]] = found["functions"]
        self.breadth = [0] * len(self.tests)  # how many functions a test calls
        for surely, _ in self._functions.values():
            for test in surely:
                self.breadth[test] += 1
        self._package = package
        self._mentions: dict[str, set[str]] = defaultdict(set)  # by name, the functions that mention it
        self._compiled: set[str] = set()
        for path in package.rglob("*.py"):
            for name, node in _functions(ast.parse(path.read_text(encoding="utf-8"))):
                full = f"{path.relative_to(package.parent)} {name}"
                if _compiled(node):
                    self._compiled.add(full)
                for each in ast.walk(node):
                    if mentioned := getattr(each, "id", None) or getattr(each, "attr", None):
                        self._mentions[mentioned].add(full)

    def of(self, fault: Fault) -> list[list[int]]:
        """Return the numbers of the tests that surely reach a fault, and of those that perhaps do."""
        path, line = place(self._package, fault)
        if path.suffix != ".py":
            return [[n for n, (_, _, browser) in enumerate(self.tests) if browser]]
        source = path.read_text(encoding="utf-8")
        full = f"{path.relative_to(self._package.parent)} {_function_at(source, line)}"
        if full in self._functions:
            return self._functions[full]
        asked, found = set(), [set[int](), set[int]()]
        names = [full.rpartition(" ")[2].rpartition(".")[2]] if full[-1] != " " else _names(source, line)
        while names:
            name = names.pop()
            if name in asked:
                continue
            asked.add(name)
            for caller in self._mentions[name]:
                for all_of, more in zip(found, self._functions.get(caller, ()), strict=False):
                    all_of.update(more)
                if caller in self._compiled:
                    names.append(caller.rpartition(" ")[2])
        return [sorted(found[0]), sorted(found[1] - found[0])]


def _names(source: str, line: int) -> list[str]:
    """What a statement outside of functions defines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        first = min([getattr(node, "lineno", 0), *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        if isinstance(node, ast.stmt) and first <= line < (node.end_lineno or 0):
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                found = [node.name]
    return found


# ------------------------------------------------------------------------------------------------------------- run


def _stages(fault: Fault, reached: Reached, most: float) -> Iterator[dict[str, float]]:
    """The tests of a fault, with their seconds; first those of its room, quick ones, and those that call little.

    After ``most`` seconds of tests, the others are left out.
    """
    taken = 0.0
    rooms = set(Path(fault.file).with_suffix("").parts[1:])

    def order(number: int) -> tuple[float, str]:
        test, seconds, _ = reached.tests[number]
        near = len(rooms & set(re.split(r"[/_.]", test.partition("::")[0])))
        return (0.3 + seconds) * (1 + reached.breadth[number] / 200) / 4**near, test

    for tests in reached.of(fault):
        stage: dict[str, float] = {}
        limit = FIRST_STAGE
        for number in sorted(tests, key=order):
            test, seconds, _ = reached.tests[number]
            taken += seconds
            if taken > most and taken > seconds:
                break
            if stage and sum(stage.values()) + seconds > limit:
                yield stage
                stage, limit = {}, LATER_STAGE
            stage[test] = seconds
        if stage:
            yield stage


def _judge(fault: Fault, slot: Path, tests: Path, stages: Iterable[dict[str, float]]) -> dict[str, Any]:
    """Plant a fault in a slot, run its tests until one fails, and take it out again."""
    begun, ran = time.monotonic(), 0
    path, line = place(slot / "lmcompare", fault)
    source = path.read_text(encoding="utf-8")
    stamp = path.stat().st_mtime
    try:
        path.write_text(planted(source, line, fault), encoding="utf-8")
        os.utime(path, (time.time(), stamp + 2))  # whole seconds tell Python and Numba that the file is another
        for stage in stages:
            ran += len(stage)
            ended = _pytest(slot, tests, stage, 4 * sum(stage.values()) + 120)
            if ended is not None:
                return {"id": fault.id, "caught": True, "by": ended, "ran": ran, "seconds": time.monotonic() - begun}
    finally:
        path.write_text(source, encoding="utf-8")
        os.utime(path, (time.time(), stamp + 4))
    return {"id": fault.id, "caught": False, "by": "", "ran": ran, "seconds": time.monotonic() - begun}


def _pytest(slot: Path, tests: Path, chosen: Iterable[str], limit: float) -> str | None:
    """Run tests; return the first that failed, "time limit" or "import", and None if all pass."""
    listed = slot / "tests.txt"
    listed.write_text("".join(f"{test}\n" for test in chosen), encoding="utf-8")
    command = [PYTEST, "-x", "-n", "0", "-p", "no:cacheprovider", "-o", "addopts="]
    command += ["-q", "-rfE", "--strict-markers", "--import-mode=importlib", f"--basetemp={slot / 'tmp'}"]
    environment = {**os.environ, "PYTHONPATH": str(slot)}
    try:
        done = subprocess.run(
            [*command, f"@{listed}"],
            cwd=tests,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "time limit"
    if done.returncode == 0:
        return None
    failed = re.findall(r"^(?:FAILED|ERROR) (tests/.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode in (1, 2, 4) and failed:  # 4: a file of tests can't be imported
        return str(failed[0])
    if "while loading conftest" in done.stdout + done.stderr or "lmcompare" in done.stderr:
        return "import"
    raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def run(work: Path, tests: Path, out: Path, workers: int, only: str, most: float) -> None:
    """Judge all faults that ``out`` does not have yet, and append a line for each."""
    reached = Reached(work, ROOT / "lmcompare")
    done = {json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()} if out.exists() else set()
    slots: Queue[Path] = Queue()
    for number in range(workers):
        slot = work / f"slot{number}"
        shutil.rmtree(slot / "lmcompare", ignore_errors=True)
        shutil.copytree(ROOT / "lmcompare", slot / "lmcompare", ignore=shutil.ignore_patterns("__pycache__"))
        slots.put(slot)

    def judge(fault: Fault) -> None:
        slot = slots.get()
        try:
            judged = _judge(fault, slot, tests, _stages(fault, reached, most))
        except (NotFoundError, RuntimeError) as error:
            judged = {"id": fault.id, "error": str(error)}
        finally:
            slots.put(slot)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(judged) + "\n")
        print(judged, flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(judge, [f for f in stored() if f.id not in done and re.match(only, f.id)]))


def table(outs: list[Path]) -> None:
    """Print how many faults each file of results caught, and which of the first file's the others missed."""
    faults = {fault.id: fault for fault in stored()}
    first: set[str] = set()
    for out in outs:
        judged = {r["id"]: r for r in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
        caught = {i for i, record in judged.items() if record.get("caught")}
        print(f"{out.name}: {len(caught)} of {len(judged)} caught", end="")
        first = first or caught
        print(f", {len(caught & first)} of the {len(first)} that {outs[0].name} caught")
        for missed in sorted(first - caught if out != outs[0] else set(judged) - caught):
            print(f"  {missed} {faults[missed].file} {faults[missed].function}: {faults[missed].after.strip()[:90]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="draw the mutants anew; the other faults stay")
    drawing.add_argument("--count", type=int, default=290)
    drawing.add_argument("--seed", type=int, default=0)
    reaching = commands.add_parser("reach", help="find out which tests reach which fault")
    running = commands.add_parser("run", help="plant each fault and run its tests")
    for command in (reaching, running):
        command.add_argument("work", type=Path, help="a folder for copies of the package")
        command.add_argument("--tests", type=Path, default=ROOT, help="the checkout with the tests")
    reaching.add_argument("--pytest", default="", help="further arguments of pytest, in one string")
    running.add_argument("--out", type=Path, required=True, help="results, a line for each fault")
    running.add_argument("--workers", type=int, default=1)
    running.add_argument("--most", type=float, default=float("inf"), help="seconds of tests for each fault")
    running.add_argument("--only", default="", help="a regular expression for the ids of the faults")
    tabling = commands.add_parser("table", help="print what was caught")
    tabling.add_argument("outs", nargs="+", type=Path)
    given = parser.parse_args()
    if given.command == "draw":
        kept = [fault for fault in stored() if fault.origin != "drawn"] if FAULTS.exists() else []
        store([*draw(given.count, given.seed), *kept])
    elif given.command == "reach":
        reach(given.work.resolve(), given.tests.resolve(), shlex.split(given.pytest))
    elif given.command == "run":
        run(given.work.resolve(), given.tests.resolve(), given.out, given.workers, given.only, given.most)
    else:
        table(given.outs)


if __name__ == "__main__":
    main()
