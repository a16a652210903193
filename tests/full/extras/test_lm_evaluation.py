"""lm-evaluation-harness: the figures of local tasks are those of lmcompare, in the harness's units."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import lmcompare
from lmcompare.api import Comparison
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.lm_evaluation import evaluated
from tests.cli import console
from tests.models.hf_causal.small import gpt2

pytestmark = pytest.mark.usefixtures("cells_here")

ANIMALS, PLACES = ("cat", "dog", "hen", "fox"), ("mat", "sofa", "roof", "lawn")
TEXTS = [
    f"The {a} sat on the {p}.\nIt slept there, not on the  {q}!\n" for a in ANIMALS for p in PLACES for q in PLACES
]
TEST = ["The cat sat on the xylophone.\nIt slept — there.\n", " A blank first", "The dog sat on the roof.\n"]
QUESTIONS = [
    {"question": "The cat sat on", "choices": ["the", "there"], "answer": 0},
    {"question": "The hen", "choices": ["mat", "sat"], "answer": 1},
]
TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: {output}
{rest}
metadata:
  version: 2.0
"""
ROLLING = """
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - metric: word_perplexity
  - metric: byte_perplexity
  - metric: bits_per_byte
"""
CHOICE = """
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list:
  - metric: acc
"""
GENERATED = """
doc_to_text: "{{question}}"
doc_to_target: "{{choices[answer]}}"
generation_kwargs:
  until: ["on", "."]
  max_gen_toks: 5
metric_list:
  - metric: exact_match
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("harness")


@pytest.fixture(scope="module")
def run(place: Path) -> Comparison:
    folder = place / "gpt2"
    folder.mkdir()
    models: list[Any] = [
        "ngram",
        {"plugin": "ngram", "name": "pieces", "tokens": {"kind": "bpe", "pieces": 280}},
        {"plugin": "ngram", "name": "letters", "tokens": {"kind": "char"}},
        {"plugin": "hf-causal", "path": str(gpt2(folder)), "window": 32},
    ]
    corpus = {"train": TEXTS, "valid": TEXTS[:3], "test": TEST}
    return lmcompare.compare(corpus, models, out=place / "run", device="cpu", quiet=True)


def task(place: Path, name: str, output: str, rest: str, rows: list[dict[str, Any]]) -> str:
    """Write a task and its data, and return the path of the YAML file."""
    data, file = place / f"{name}.jsonl", place / f"{name}.yaml"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    file.write_text(TASK.format(name=name, data=data, output=output, rest=rest), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def rolling(place: Path) -> str:
    return task(place, "own_texts", "loglikelihood_rolling", ROLLING, [{"text": text} for text in TEST])


@pytest.mark.parametrize("name", ["ngram", "pieces", "letters", "hf-causal"])
def test_perplexities_are_the_bits_of_lmcompare(run: Comparison, rolling: str, name: str) -> None:
    trained = run.model(name)
    figures = evaluated(trained, [rolling])["results"]["own_texts"]
    scored = list(trained.score_documents(documents_of(TEST), ends=True))
    bits, n_bytes = sum(each.bits for each in scored), sum(len(text.encode()) for text in TEST)
    assert figures["bits_per_byte,none"] == pytest.approx(bits / n_bytes, abs=1e-6)
    assert math.log2(figures["byte_perplexity,none"]) == pytest.approx(bits / n_bytes, abs=1e-6)
    words = sum(len(text.split(" ")) + text.count("\n") for text in TEST)  # the harness counts gaps of white space
    assert math.log2(figures["word_perplexity,none"]) == pytest.approx(bits / words, abs=1e-6)
    assert sum(sum(each.overhead_bits) for each in scored) > 0 or name in ("pieces", "hf-causal")
    table = run.table.set_index("name")
    assert figures["bits_per_byte,none"] == pytest.approx(table.loc[name, "bits_per_byte"], abs=1e-6)


def test_continuations_are_scored_without_an_end(run: Comparison) -> None:
    from lmcompare.lm_evaluation.adapter import TrainedLM

    class Request:
        def __init__(self, *args: str) -> None:
            self.args = args

    for name, over in (("ngram", "cat"), ("letters", "t"), ("pieces", "at")):
        trained = run.model(name)
        lm = TrainedLM(trained)
        ((whole, _), (first, _), (rest, _)) = lm.loglikelihood(
            [Request("", "The cat sat"), Request("", "The"), Request("The", " cat sat")]
        )
        assert whole == pytest.approx(first + rest, abs=1e-9)
        assert whole == pytest.approx(-trained.score("The cat sat").bits * math.log(2), abs=1e-9)
        # a token over the border is the continuation's
        (crossing, _) = lm.loglikelihood([Request("The ca", "t")])[0]
        expected = trained.score("t", context="The ca")
        assert crossing == pytest.approx(-expected.bits * math.log(2), abs=1e-9)
        assert expected.tokens == (over,)
        assert lm.loglikelihood([Request("The", "")]) == [(0.0, True)]


def test_choices_and_generated_texts(run: Comparison, place: Path) -> None:
    choice = task(place, "own_choice", "multiple_choice", CHOICE, QUESTIONS)
    generated = task(place, "own_text", "generate_until", GENERATED, [{**QUESTIONS[1], "choices": ["mat", "sat"]}])
    found = evaluated(run.model("ngram"), [choice, generated])
    assert found["results"]["own_choice"]["acc,none"] == 1.0
    assert found["results"]["own_text"]["exact_match,none"] in (0.0, 1.0)
    assert found["config"]["model"] == "lmcompare: ngram"
    assert found["versions"] == {"own_choice": 2.0, "own_text": 2.0}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("length", [-5, 100_000_000])
def test_a_text_of_a_length_without_reason_is_refused(run: Comparison, place: Path, length: int) -> None:
    rest = GENERATED.replace("max_gen_toks: 5", f"max_gen_toks: {length}")
    with pytest.raises(
        LmcompareError, match=f"max_gen_toks of a task must be from 1 to 100,000 tokens, not {length:,}"
    ):
        evaluated(run.model("ngram"), [task(place, f"long{length}", "generate_until", rest, QUESTIONS[:1])])


def test_repeated_samples_differ(run: Comparison) -> None:
    from lmcompare.lm_evaluation.adapter import TrainedLM

    class Request:
        def __init__(self, **asked: Any) -> None:
            self.args = ("The dog", {"max_gen_toks": 12, **asked})

    trained = run.model("ngram")
    drawn = TrainedLM(trained).generate_until([Request(do_sample=True) for _ in range(4)])
    how: dict[str, Any] = {"temperature": 1.0, "top_k": None, "top_p": 1.0, "until": []}
    assert drawn == [trained.generate("The dog", 12, seed=seed, **how) for seed in range(4)]
    assert len(set(drawn)) == 4
    greedy = [{}, {"temperature": 0.7}, {"do_sample": True, "temperature": 0.0}]
    likely = trained.generate("The dog", 12, top_k=1, until=[])
    assert TrainedLM(trained).generate_until([Request(**asked) for asked in greedy]) == [likely] * 3


def test_on_the_command_line(run: Comparison, rolling: str, place: Path) -> None:
    def command(*rest: str, model: str = "ngram") -> console.Done:
        return console.lmcompare("lm-eval", "run", "--model", model, *rest, cwd=place)

    done = command("--tasks", "own_texts.yaml", "--limit", "2", "--out", "found.json")
    assert done.returncode == 0, done.stderr
    stored = json.loads((place / "found.json").read_text(encoding="utf-8"))
    value = stored["results"]["own_texts"]["bits_per_byte,none"]
    assert stored["n-samples"]["own_texts"]["effective"] == 2
    assert f"bits_per_byte {value:>7.4f}".split() == done.stdout.splitlines()[-1].split()[-2:]
    (place / "plain.yaml").write_text(
        Path(rolling).read_text().partition("metadata:")[0].replace("task: own_texts", "task: plain")
    )
    plain = command("--tasks", "plain.yaml", "--limit", "1").stdout
    assert "bits_per_byte" in plain
    assert "Yaml" not in plain  # which is what the harness has for a task without a version
    for tasks, model, said in (
        ("own_texts.yml", "ngram", "no file own_texts.yml"),
        (",", "ngram", "--tasks names no task"),
        ("own_texts.yaml", "ngrm", "unknown model 'ngrm' (did you mean 'ngram'?)"),
        ("own_texts.yaml", "ngram,pieces", "takes one model"),
    ):
        done = command("--tasks", tasks, model=model)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") <= 1


def test_a_task_that_can_not_be_run(run: Comparison, place: Path) -> None:
    rows = [{"text": "A text."}]
    lost = task(place, "lost", "loglikelihood_rolling", ROLLING, [])
    (place / "lost.jsonl").unlink()
    key = task(place, "key", "loglikelihood_rolling", ROLLING.replace("doc_to_text", "doc_to_txt"), rows)
    column = task(place, "column", "loglikelihood_rolling", ROLLING.replace("{{text}}", "{{txt}}"), rows)
    split = task(place, "split", "loglikelihood_rolling", ROLLING, rows)
    Path(split).write_text(Path(split).read_text().replace("test_split: test", "test_split: tests"))
    broken = place / "broken.yaml"
    broken.write_text("task: [broken\n")
    for file, said in (
        (lost, "Unable to find .*lost.jsonl.*working folder"),
        (key, "doc_to_txt"),
        (column, "'txt' is undefined"),
        (split, "names 'tests'"),
        (str(broken), "broken.yaml.*line 1"),
        (str(place / "nothing.yaml"), "no file .*nothing.yaml"),
    ):
        with pytest.raises(LmcompareError, match=said) as caught:
            evaluated(run.model("ngram"), [file])
        assert "network" not in str(caught.value)
    with pytest.raises(LmcompareError, match="lower --fewshot"):
        evaluated(run.model("ngram"), [task(place, "few", "loglikelihood_rolling", ROLLING, rows)], fewshot=50)
    for tasks in ("lambada", None, [Path("x.yaml")]):
        with pytest.raises(LmcompareError, match="tasks must be a list of names"):
            evaluated(run.model("ngram"), tasks)  # type: ignore[arg-type]
