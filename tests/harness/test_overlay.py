"""Settings laid over an experiment, by dotted keys."""

from __future__ import annotations

import json
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_jsonable_python

from lmcompare import plugins
from lmcompare.cli.options import assignment
from lmcompare.errors import LmcompareError
from lmcompare.harness.experiment import Experiment, load, parse, shipped
from lmcompare.harness.overlay import overlaid
from lmcompare.harness.plan import described
from lmcompare.harness.tables import Range, SearchTable
from tests.damage import TEXTS, VALUES


def laid(experiment: Experiment, *given: tuple[str, Any]) -> Experiment:
    return overlaid(experiment, given)


def written(path: Path, *models: str, more: str = "") -> Experiment:
    """The experiment of a file with the corpus "lee" and these models, each "plug-in", or "plug-in as name"."""
    tables = [each.split(" as ") for each in models]
    rows = [
        f'[[models]]\nplugin = "{plugin}"\n' + "".join(f'name = "{n}"\n' for n in name) for plugin, *name in tables
    ]
    path.write_text(f'[corpus]\nsource = "lee"\n{more}{"".join(rows)}')
    return load(path)


def test_none_leaves_everything_as_it_is() -> None:
    assert laid(shipped(), ("threads", None), ("tokens.size", None), ("models", None)) == shipped()


def test_the_shipped_experiment_on_another_corpus_is_named_after_it_and_has_no_prompts() -> None:
    assert shipped().examples.prompts
    assert shipped(source="texts/My book.txt").name == "My-book"
    assert shipped(source="texts/My book.txt").examples.prompts is None
    assert [shipped("quick", source).name for source in ("lee", "train=a.txt,valid=b,test=c", "-")] == [
        *("lee-quick", "a-quick", "stdin-quick"),
    ]


def test_an_experiment_file_says_how_another_corpus_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.toml"
    path.write_text('[corpus]\ntrain = "a"\ntest = "b"\ndocuments = "line"\nlowercase = true\n')
    plan = laid(load(path), ("corpus.source", "lee"), ("corpus.lowercase", None), ("corpus.sentences", "punkt"))
    assert plan.corpus.where == "lee"
    assert (plan.corpus.documents, plan.corpus.lowercase, plan.corpus.sentences) == ("line", True, "punkt")
    assert plan.name == "lines"
    path.write_text('[[models]]\nplugin = "ngram"\n')
    assert load(path).corpus.source == "wiki-sample"
    assert laid(load(path), ("corpus.train", "a"), ("corpus.test", "b")).corpus.where == {"train": "a", "test": "b"}
    path.write_text('corpus = "notes.txt"\n')
    with pytest.raises(LmcompareError, match=r"not 'notes.txt': write \[corpus\]"):
        load(path)


def test_another_tokenizer_has_its_own_usual_min_count() -> None:
    assert shipped().tokens.min_count == 2
    assert laid(shipped(), ("tokens.kind", "char")).tokens.min_count == 1
    assert laid(shipped(), ("tokens.kind", "char"), ("tokens.min_count", 3)).tokens.min_count == 3
    assert laid(shipped(), ("tokens.size", 50)).tokens.min_count == 2


def test_models_keep_their_tables_or_are_names_of_plug_ins(tmp_path: Path) -> None:
    plan = laid(written(tmp_path / "x.toml", "ngram as kn3"), ("models.kn3.order", 3))
    models = laid(plan, ("models", ("kn3", "unigram", "./mine.py:Mine"))).models
    assert models[0].hyperparameters == {"order": 3}
    assert models[1].plugin == "unigram"
    assert models[2].plugin == f"{Path('mine.py').resolve()}:Mine"


def test_the_name_of_a_model_goes_before_that_of_a_plug_in_which_names_all_of_its_models(tmp_path: Path) -> None:
    plan = written(tmp_path / "x.toml", "rnn as elman", "rnn", "ngram as kn3", "ngram as kn2")
    assert [model.name for model in laid(plan, ("models", ("ngram", "rnn"))).models] == ["kn3", "kn2", "rnn"]


def test_hyper_parameters_are_set_by_the_name_of_a_model_plug_in_or_class(tmp_path: Path) -> None:
    plan = written(tmp_path / "x.toml", "ngram as kn3", "ngram as kn2", "unigram")
    given = (("kn3.order", 4), ("ngram.smoothing", "katz"), ("unigram.odd", {"a": [1, 2.5]}))
    assert [model.hyperparameters for model in laid(plan, *((f"models.{key}", n) for key, n in given)).models] == [
        {"order": 4, "smoothing": "katz"},
        {"smoothing": "katz"},
        {"odd": {"a": [1, 2.5]}},
    ]
    for name in ("./mine.py:Mine", "Mine"):
        models = laid(plan, ("models", ("./mine.py:Mine", "unigram")), (f"models.{name}.rate", 0.01)).models
        assert [model.hyperparameters for model in models] == [{"rate": 0.01}, {}]


def test_a_model_has_a_tokenizer_of_its_own() -> None:
    own = laid(shipped(), ("models.ngram.tokens", "bpe:300"), ("models.unigram.tokens", "char")).models
    assert [model.tokens.tokenizer for model in own if model.tokens] == [
        {"kind": "char"},
        {"kind": "bpe", "pieces": 300},
    ]


def test_models_are_matched_in_size_and_one_budget(tmp_path: Path) -> None:
    plan = written(tmp_path / "x.toml", more="[budget]\nsteps = 5\n[match]\nparameters = 7\n")
    matched = laid(plan, ("match.parameters", 2e6), ("match.seconds", 1.5))
    assert matched.match.parameters == 2_000_000
    assert matched.budget.model_dump(exclude_none=True) == {"seconds": 1.5}
    assert laid(plan, ("match.tokens", 1e5)).budget.model_dump(exclude_none=True) == {"tokens": 100_000}


SWEPT = ("sweep.ngram.order", [2, 3])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([("match.steps", 5), ("match.tokens", 1000)], "only one of"),
        ([("match.parametres", 2e6)], "did you mean 'parameters'"),
        ([("match.parameters", 2.5)], "parameters"),
        ([("match.seconds", 0)], "seconds"),
        ([("match.parameters", 2e4), ("match.parameters", 9e4)], "parameters is given twice, as 20000 and 90000"),
        ([("models.order", 3)], "not 'order=3'"),
        ([("models.ngrm.order", 3)], "--set ngrm.order: .*'ngrm' .did you mean 'ngram'"),
        ([("models.ngram.name", "x")], "'name'"),
        ([("models.ngram.tokens", "chr")], "did you mean 'char'"),
        ([("models.ngram.order", 2), ("models.ngram.order", 3)], "order of ngram two values"),
        ([("sweep.order", [2, 3])], "not 'order'"),
        ([("sweep.ngrm.order", [2, 3])], "--sweep ngrm.order: .*'ngrm' .did you mean 'ngram'"),
        ([("sweep.ngram.order", [2])], "fewer than two values"),
        ([("sweep.ngram.order", [2, 2])], "fewer than two values"),
        ([("sweep.ngram.order", 3)], "order of 'ngram' is 3"),
        ([("sweep.ngram.order", {"min": 3})], "low and high"),
        ([("sweep.ngram.order", {"low": 1, "high": 2, "log": 1})], "true or false"),
        ([("sweep.ngram.order", {"low": 5, "high": 2})], "order of 'ngram' .* from 5 to 2"),
        ([("sweep.ngram.order", {"low": 0, "high": 2, "log": True})], "from 0: .* above 0"),
        ([("sweep.ngram.seed", {"low": 0, "high": 2})], "seed of 'ngram' can't be a range"),
        ([("sweep.ngram.seed", [0, -1])], "seeds of 'ngram'"),
        ([("sweep.ngram.tokens.size", {"low": 9, "high": 99})], "tokens.size of 'ngram' can't be a range"),
        ([("sweep.ngram.plugin", ["rnn", "ngram"])], "plugin of 'ngram'"),
        ([("sweep.ngram.fraction", [0.1, 1])], "--fractions"),
        ([SWEPT, SWEPT], "twice for order of ngram"),
        ([SWEPT, ("models.ngram.order", 4)], "the sweep"),
        ([SWEPT, ("search.method", "tp")], "'tp'"),
        ([SWEPT, ("search.method", "tpe"), ("search.trials", 0)], "at least 1"),
        ([("search.method", "tpe")], "something to vary"),
        ([("search.trials", 5)], "--search tpe or"),
        ([("models", ["ngram", "ngram"])], "two models are named 'ngram'"),
        ([("models", ["unigram"]), ("models.ngram.order", 3)], "unknown"),
        ([("threads", 0)], "the command line: threads"),
        ([("seeds", ("x",))], "not 'x'"),
        ([("live", "none"), ("live_text", True)], "--live none"),
        ([("fractions", [0.333333333, 1 / 3, 1])], "two of the fractions are 0.333333,"),
        ([("preset", "quik")], "'quik' .did you mean 'quick'"),
        ([("corpus.train_words", 0)], "train_words is 0"),
        ([("corpus.lowercas", True)], "did you mean 'lowercase'"),
        ([("corpus.options", {})], "unknown key 'options'"),
        ([("thread", 5)], "did you mean 'threads'"),
    ],
)
def test_wrong_settings_are_one_sentence(given: list[tuple[str, Any]], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        overlaid(shipped(), given)


def test_an_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(LmcompareError, match="did you mean 'quick'"):
        shipped("quik")


def test_tokens_are_varied_whole_or_in_part() -> None:
    plan = laid(shipped(), ("sweep.ngram.tokens", ["char", "bpe:500"]), ("sweep.unigram.tokens.size", [100, 200]))
    assert plan.sweep == {"ngram": {"tokens": ("char", "bpe:500")}, "unigram": {"tokens.size": (100, 200)}}
    assert laid(shipped(), ("sweep.unigram.tokens", {"size": [100, 200]})).sweep["unigram"] == {
        "tokens.size": (100, 200)
    }


def test_a_search_changes_that_of_the_file() -> None:
    plan = shipped().replace("here", search={"method": "random", "batch": 2}, sweep={"ngram": {"order": [2, 3]}})
    search = laid(plan, ("search.method", "tpe"), ("search.trials", 7)).search
    assert search == SearchTable(method="tpe", trials=7, batch=2)


def test_a_sweep_is_of_models_that_are_run() -> None:
    plan = laid(shipped(), SWEPT, ("search.method", "tpe"))
    assert laid(plan, ("models", ["ngram"])).sweep == plan.sweep
    alone = laid(plan, ("models", ["unigram"]))
    assert (alone.sweep, alone.search) == ({}, None)
    assert laid(plan, ("sweep.ngram.order", [4, 5])).sweep == {"ngram": {"order": (4, 5)}}


def test_an_experiment_survives_its_table() -> None:
    rates = {"low": 1e-4, "high": 1e-2, "log": True}
    plan = laid(
        shipped(source="lee"),
        *(("corpus.source", "lee"), ("corpus.sentences", "line"), ("threads", 2), ("seeds", (1, 2))),
        *(("sweep.ngram.order", [2, 3]), ("sweep.transformer.learning_rate", rates)),
        *(("sweep.unigram.tokens", ["char", "byte"]), ("search.method", "tpe")),
    )
    assert plan.sweep["transformer"] == {"learning_rate": Range(1e-4, 1e-2, log=True)}
    table = to_jsonable_python(plan)
    assert (table["threads"], table["corpus"]["sentences"]) == (2, "line")
    assert parse(table, "here") == plan


SET = st.one_of(
    VALUES.map(json.dumps),
    VALUES.map(lambda value: json.dumps([value])),
    TEXTS,
    st.sampled_from(["auto", "rnn", "ngram", "kneser-ney", "katz", "true", "1e400", "-", "[0, 1]", '{"order": 3}']),
)


@pytest.mark.slow
@given(data=st.data())
def test_any_hyper_parameter_is_set_or_refused_in_a_sentence(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from([*plugins.MODELS.installed()]))
    names = st.sampled_from(
        [*plugins.resolve(model).parameter_names()] * 3 + ["", "name", "plugin", "x.y", "é", "tokens"]
    )
    given = data.draw(st.lists(st.builds("{}={}".format, names.map(lambda name: f"{model}.{name}"), SET), max_size=3))
    refused = None
    try:
        settings = [(f"models.{key}", value) for key, value in map(assignment, given)]
        plan = laid(shipped(), ("models", [model]), *settings)
        described(plan.models[0], plan, None)
    except LmcompareError as error:
        refused = error
    assert refused is None or isinstance(refused.__cause__, NoneType | LmcompareError), refused


def test_studies_are_chosen_by_name_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    more = '[report]\nstudies = ["slices", "./own.py:Own"]\n'
    file = written(tmp_path / "files" / "e.toml", "ngram", more=more)
    assert file.report.studies == ("slices", f"{tmp_path}/files/own.py:Own")
    assert laid(file, ("report.studies", ("./own.py:Own", "cost"))).report.studies == (
        f"{tmp_path}/own.py:Own",
        "cost",
    )
    assert shipped().report.studies is None
    for name, said in (
        ("slcies", r"report.studies: unknown study 'slcies' \(did you mean 'slices'"),
        ("own.py", "no study in it"),
    ):
        with pytest.raises(LmcompareError, match=said):
            laid(file, ("report.studies", (name,)))
