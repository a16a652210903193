"""lm-evaluation-harness: what it is answered in its units. A stand-in asks; the second tier asks with the harness."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.lm_evaluation import _cause, evaluated
from lmcompare.trained import TrainedModel
from tests.cli.console import lmcompare as command
from tests.harness.small import made_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

ASKED: list[dict[str, Any]] = []  # of the evaluator


class Registry(dict[str, Any]):
    """Classes of models by name."""

    def register(self, name: str) -> Any:
        return lambda cls: self.setdefault(name, cls)


def evaluate(*, model: Any, tasks: list[str], task_manager: Any, **how: Any) -> dict[str, Any]:
    """Ask for the likelihood of a text, as a task does."""
    ASKED.append({"tasks": tasks, **how})
    if tasks == ["broken"]:
        raise KeyError("validation")
    (nats,) = model.loglikelihood_rolling([SimpleNamespace(args=("the cat saw it.",))])
    figures = {"own": {"alias": "own", "nats,none": nats, "nats_stderr,none": "N/A"}}
    return {"results": figures, "versions": {"own": 1}, "config": {"model": "x"}, "n-shot": {"own": 0}}


@pytest.fixture(autouse=True)
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that has what the adapter uses of lm-eval."""
    parts: dict[str, dict[str, Any]] = {
        "lm_eval": {},
        "lm_eval.api": {},
        "lm_eval.api.model": {"LM": type("LM", (), {})},
        "lm_eval.api.registry": {"model_registry": Registry()},
        "lm_eval.evaluator": {"simple_evaluate": evaluate, "get_git_commit_hash": lambda: "abc"},
        "lm_eval.tasks": {
            "TaskManager": lambda include_defaults: SimpleNamespace(all_tasks=["own", "broken"] * include_defaults)
        },
        "lm_eval.utils": {"handle_non_serializable": str},
    }
    for name, members in parts.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    for name in parts:
        home, _, last = name.rpartition(".")
        if home:
            monkeypatch.setattr(sys.modules[home], last, sys.modules[name], raising=False)
    forget()
    yield
    forget()
    ASKED.clear()


def forget() -> None:
    """The adapter is imported anew."""
    sys.modules.pop("lmcompare.lm_evaluation.adapter", None)
    vars(sys.modules["lmcompare.lm_evaluation"]).pop("adapter", None)


@pytest.fixture
def trained() -> TrainedModel:
    return lmcompare.load(made_run() / "run").model("ngram")


def request(*arguments: Any) -> SimpleNamespace:
    return SimpleNamespace(args=arguments)


def test_continuations_are_nats_without_an_end(trained: TrainedModel) -> None:
    from lmcompare.lm_evaluation.adapter import TrainedLM

    lm = TrainedLM(trained)
    (whole, _), (first, _), (rest, _) = lm.loglikelihood(
        [request("", "the cat saw"), request("", "the"), request("the", " cat saw")]
    )
    assert whole == pytest.approx(first + rest, abs=1e-9)
    assert whole == pytest.approx(-trained.score("the cat saw").bits * math.log(2), abs=1e-9)
    (crossing, _) = lm.loglikelihood([request("the ca", "t")])[0]  # a token over the border is the continuation's
    assert crossing == pytest.approx(lm.loglikelihood([request("the", " cat")])[0][0], abs=1e-9)
    likely = trained.generate("the", 1, top_k=1)
    assert [best for _, best in lm.loglikelihood([request("the", likely), request("the", " xyz")])] == [True, False]
    (ended,) = lm.loglikelihood_rolling([request("the cat saw")])
    assert ended == pytest.approx(-trained.score("the cat saw", ends=True).bits * math.log(2), abs=1e-9)
    assert ended < whole


def test_texts_are_greedy_or_samples_with_seeds_of_their_own(trained: TrainedModel) -> None:
    from lmcompare.lm_evaluation.adapter import TrainedLM

    def generated(*asked: dict[str, Any]) -> list[str]:
        return TrainedLM(trained).generate_until([request("the cat", each) for each in asked])

    likely = trained.generate("the cat", 5, top_k=1, until=[])
    for greedy in ({"max_gen_toks": 5}, {"max_tokens": 5, "temperature": 0.7}):
        assert generated(greedy) == [likely]
    assert generated({"max_gen_toks": 5, "do_sample": True, "temperature": 0.0}) == [likely]
    drawn = generated(*[{"max_gen_toks": 5, "do_sample": True, "temperature": 2.0, "top_p": 0.9}] * 3)
    how: dict[str, Any] = {"temperature": 2.0, "top_k": None, "top_p": 0.9, "until": []}
    assert drawn == [trained.generate("the cat", 5, seed=seed, **how) for seed in range(3)]
    assert len(set(drawn)) > 1
    plain: dict[str, Any] = {"temperature": 1.0, "top_k": 3, "top_p": 1.0, "until": []}
    assert generated({"max_gen_toks": 5, "do_sample": True, "top_k": 3}) == [trained.generate("the cat", 5, **plain)]
    word = likely.split()[1]
    for until in (word, [word]):
        assert generated({"max_gen_toks": 5, "until": until}) == [likely[: likely.index(word)]]
    assert generated({})[0].startswith(likely), "256 tokens"
    for length in (-5, 100_001):
        with pytest.raises(LmcompareError, match=f"from 1 to 100,000 tokens, not {length:,}"):
            generated({"max_gen_toks": length})


def test_the_evaluator_is_asked_and_its_results_are_named(trained: TrainedModel, tmp_path: Path) -> None:
    task = tmp_path / "own.yaml"
    task.touch()
    for tasks, defaults in ((["own"], True), ([str(task)], False)):
        found = evaluated(trained, tasks, fewshot=2, limit=7)
        assert found["config"]["model"] == "lmcompare: ngram"
        expected = -trained.score("the cat saw it.", ends=True).bits * math.log(2)
        assert found["results"]["own"]["nats,none"] == pytest.approx(expected)
        assert ASKED.pop() == {"tasks": tasks, "num_fewshot": 2, "limit": 7, "log_samples": False}
        assert defaults or not Path(tasks[0]).read_text()
    for name, said in (("nothing.yaml", "no file nothing.yaml"), ("onw", "did you mean 'own'"), ("x", "ls tasks")):
        with pytest.raises(LmcompareError, match=said):
            evaluated(trained, [name])
    with pytest.raises(LmcompareError, match="can't run broken: it names 'validation'"):
        evaluated(trained, ["broken"])
    for wrong in ("lambada", None, [Path("x.yaml")]):
        with pytest.raises(LmcompareError, match="tasks must be a list of names"):
            evaluated(trained, wrong)  # type: ignore[arg-type]


def test_the_command_stores_and_prints_figures(tmp_path: Path) -> None:
    ask = ("lm-eval", str(made_run() / "run"), "--tasks", "own", "--model")
    done = command(*ask, "ngram", "--limit", "2", "--out", "found.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    value = json.loads((tmp_path / "found.json").read_text())["results"]["own"]["nats,none"]
    assert done.stdout.splitlines()[-1].split()[-2:] == ["nats", f"{value:.4f}"]
    assert ASKED[0]["limit"] == 2
    for model, said in (("ngrm", "did you mean 'ngram'"), ("ngram,unigram", "takes one model")):
        done = command(*ask, model, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
    assert "names no task" in command(*ask[:2], "--tasks", ",", "--model", "ngram", cwd=tmp_path).stderr


def test_why_a_task_can_not_be_run() -> None:
    refused = ConnectionError("Couldn't reach 'nobody/nothing' on the Hub")
    assert "needs a network" in _cause(refused)
    caused = ValueError("no data")
    caused.__cause__ = refused
    assert "needs a network" in _cause(caused)
    for other, said in (
        (ValueError("no such key"), "no such key; correct the task"),
        (FileNotFoundError("lost.jsonl"), "working folder"),
        (KeyError("text"), "it names 'text'"),
        (KeyError(""), "it names something"),
        (ValueError("Sample larger than population or is negative"), "lower --fewshot"),
    ):
        assert said in _cause(other)
        assert "network" not in _cause(other)


def test_without_the_harness_it_is_said_how_to_install_it(
    trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval.api.model", None)
    with pytest.raises(LmcompareError, match=r"pip install 'lmcompare\[lm-eval\]'"):
        evaluated(trained, ["own"])
