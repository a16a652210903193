"""Changes to an experiment, as the command line asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_jsonable_python

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.changes import (
    amount,
    amounts,
    started,
    with_corpus,
    with_examples,
    with_hyperparameters,
    with_match,
    with_models,
    with_search,
    with_sweep,
    with_tokens,
    with_varied,
)
from lmcompare.harness.describe import described
from lmcompare.harness.experiment import Experiment, parse
from lmcompare.harness.sweep_table import Range, SearchTable, Values
from tests.damage import TEXTS, VALUES


def main_job() -> Experiment:
    return started(None, None)[0]


def written(path: Path, *models: str, more: str = "") -> Experiment:
    """The experiment of a file with the corpus "lee" and these models, each "plug-in", or "plug-in as name"."""
    tables = [each.split(" as ") for each in models]
    rows = [
        f'[[models]]\nplugin = "{plugin}"\n' + "".join(f'name = "{n}"\n' for n in name) for plugin, *name in tables
    ]
    path.write_text(f'[corpus]\nsource = "lee"\n{more}{"".join(rows)}')
    return started(path, None)[0]


def test_without_changes_it_is_the_main_job_and_a_file_is_read_with_its_folder(tmp_path: Path) -> None:
    plan, base = started(None, None)
    assert (plan.name, plan.preset, plan.corpus.source, base) == ("default", "default", "wiki-sample", Path())
    written(tmp_path / "x.toml")
    plan, base = started(tmp_path / "x.toml", "quick")
    assert (plan.preset, plan.corpus.source, base) == ("quick", "lee", tmp_path)


def test_a_corpus_names_the_folder_and_does_not_keep_options_of_the_other_corpus() -> None:
    plan = with_corpus(main_job(), None, {"sentences": "line"})
    plan = with_corpus(plan, "texts/My book.txt", {"lowercase": True, "encoding": None})
    assert (plan.name, plan.corpus.lowercase, plan.corpus.encoding, plan.corpus.sentences) == (
        *("My-book", True, "utf-8", None),
    )
    assert with_corpus(started(None, "quick")[0], "lee", {}).name == "lee-quick"
    assert with_corpus(main_job(), "train=a.txt,valid=b,test=c", {}).name == "a"
    assert with_corpus(main_job(), "-", {}).name == "stdin"


def test_an_experiment_file_says_how_another_corpus_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.toml"
    path.write_text('[corpus]\ntrain = "a"\ntest = "b"\ndocuments = "line"\nlowercase = true\n')
    plan = with_corpus(started(path, None)[0], "lee", {"lowercase": None, "sentences": "punkt"}, path)
    assert plan.corpus.where == "lee"
    assert (plan.corpus.documents, plan.corpus.lowercase, plan.corpus.sentences) == ("line", True, "punkt")
    assert plan.name == "lines"


def test_another_tokenizer_has_its_own_usual_min_count() -> None:
    assert main_job().tokens.min_count == 2
    assert with_tokens(main_job(), {"kind": "char", "min_count": None}).tokens.min_count == 1
    assert with_tokens(main_job(), {"kind": "char", "min_count": 3}).tokens.min_count == 3
    assert with_tokens(main_job(), {"kind": None, "size": 50}).tokens.min_count == 2


def test_models_keep_their_tables_or_are_names_of_plug_ins(tmp_path: Path) -> None:
    plan = with_hyperparameters(written(tmp_path / "x.toml", "ngram as kn3"), ["kn3.order=3"])
    models = with_models(plan, ("kn3", "unigram", "./mine.py:Mine")).models
    assert models[0].hyperparameters == {"order": 3}
    assert models[1].plugin == "unigram"
    assert models[2].plugin == f"{Path('mine.py').resolve()}:Mine"


def test_the_name_of_a_model_goes_before_that_of_a_plug_in_which_names_all_of_its_models(tmp_path: Path) -> None:
    plan = written(tmp_path / "x.toml", "rnn as elman", "rnn", "ngram as kn3", "ngram as kn2")
    assert [model.name for model in with_models(plan, ("ngram", "rnn")).models] == ["kn3", "kn2", "rnn"]


def test_hyper_parameters_are_set_by_the_name_of_a_model_plug_in_or_class(tmp_path: Path) -> None:
    plan = written(tmp_path / "x.toml", "ngram as kn3", "ngram as kn2", "unigram")
    given = ("kn3.order=4", "ngram.smoothing=katz", 'unigram.odd={"a": [1, 2.5]}', "kn2.none=null")
    assert [model.hyperparameters for model in with_hyperparameters(plan, given).models] == [
        {"order": 4, "smoothing": "katz"},
        {"smoothing": "katz", "none": None},
        {"odd": {"a": [1, 2.5]}},
    ]
    mine = with_models(plan, ("./mine.py:Mine", "unigram"))
    for name in ("./mine.py:Mine", "Mine"):
        models = with_hyperparameters(mine, (f"{name}.rate=1e-2",)).models
        assert [model.hyperparameters for model in models] == [{"rate": 0.01}, {}]


def test_a_model_has_a_tokenizer_of_its_own() -> None:
    plan = with_models(main_job(), ("unigram", "ngram"))
    own = with_hyperparameters(plan, ("ngram.tokens=bpe:300", "unigram.tokens=char")).models
    assert [model.tokens.tokenizer for model in own if model.tokens] == [
        {"kind": "char"},
        {"kind": "bpe", "pieces": 300},
    ]
    with pytest.raises(LmcompareError, match="did you mean 'char'"):
        with_hyperparameters(plan, ("ngram.tokens=chr",))


def test_an_experiment_without_a_corpus_reads_the_default_or_another_one(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[[models]]\nplugin = "ngram"\n')
    plan = started(path, None)[0]
    assert plan.corpus.source == "wiki-sample"
    assert with_corpus(plan, "lee", {}, path).corpus.source == "lee"
    path.write_text('corpus = "notes.txt"\n')
    with pytest.raises(LmcompareError, match=r"not 'notes.txt': write \[corpus\]"):
        started(path, None)


def test_a_path_is_relative_to_the_working_directory_not_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("A text.")
    plan = with_corpus(main_job(), "notes.txt", {}, tmp_path / "far" / "x.toml")
    assert plan.corpus.source == str(tmp_path / "notes.txt")
    assert plan.name == "default"


def test_prompts_and_words_replace_those_of_the_experiment() -> None:
    plan = with_examples(main_job(), ["My aunt"], ["bank", "spring"])
    assert plan.examples.prompts == ("My aunt",)
    assert plan.examples.words == ("bank", "spring")
    assert with_examples(main_job()).examples == main_job().examples


def test_models_are_matched_in_size_and_one_budget(tmp_path: Path) -> None:
    plan = written(tmp_path / "x.toml", more="[budget]\nsteps = 5\n[match]\nparameters = 7\n")
    matched = with_match(plan, {"parameters": 2e6, "seconds": 1.5})
    assert matched.match.parameters == 2_000_000
    assert matched.budget.model_dump(exclude_none=True) == {"seconds": 1.5}
    assert with_match(plan, {}) == plan
    assert with_match(plan, {"tokens": 1e5}).budget.tokens == 100_000
    assert amounts(["parameters=2_000", "seconds=1.5"]) == {"parameters": 2000, "seconds": 1.5}
    with pytest.raises(LmcompareError, match="parameters is given twice, as 20000 and 90000"):
        amounts(["parameters=2e4", "parameters=9e4"])


def other(plan: Experiment, changes: dict[str, Any]) -> Experiment:
    return plan.replace("here", **changes)


def varied(plan: Experiment, space: dict[str, Any]) -> Experiment:
    return with_varied(plan, space, "compare")


def searched(plan: Experiment, options: dict[str, Any]) -> Experiment:
    return with_search(other(plan, {"search": {"method": "tpe"}}), options)


def swept_and_searched(plan: Experiment, options: dict[str, Any]) -> Experiment:
    return with_search(with_sweep(plan, ["ngram.order=2,3"]), options)


def swept_and_set(plan: Experiment, given: list[str]) -> Experiment:
    return with_hyperparameters(with_sweep(plan, ["ngram.order=2,3"]), given)


def of_unigram(plan: Experiment, given: list[str]) -> Experiment:
    return with_hyperparameters(with_models(plan, ["unigram"]), given)


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        (with_match, {"steps": 5, "tokens": 1000}, "only one of"),
        (with_match, {"parametres": 2e6}, "did you mean 'parameters'"),
        (with_match, {"parameters": 2.5}, "parameters"),
        (with_match, {"seconds": 0}, "seconds"),
        (with_hyperparameters, ["order=3"], "not 'order=3'"),
        (with_hyperparameters, ["ngram.order"], "KEY=VALUE"),
        (with_hyperparameters, ["ngram.order=" + "[" * 10**5], "ngram.order=.*nested too deeply"),
        (with_hyperparameters, ["ngram.order=" + "1" * 5000], "ngram.order=.*too many digits"),
        (with_hyperparameters, ["ngrm.order=3"], "'ngrm' .did you mean 'ngram'"),
        (with_hyperparameters, ["ngram.name=x"], "'name'"),
        (with_hyperparameters, ["ngram.order=2", "ngram.order=3"], "order of ngram two values"),
        (with_sweep, ["ngram.order"], "not 'ngram.order'"),
        (with_sweep, ["ngrm.order=2,3"], "'ngrm' .did you mean 'ngram'"),
        (with_sweep, ["ngram.order=2"], "fewer than two values"),
        (with_sweep, ["ngram.order=2,2"], "fewer than two values"),
        (with_sweep, ["ngram.order=2,3", "ngram.order=4,5"], "twice for order of ngram"),
        (with_sweep, ["ngram.plugin=rnn,ngram"], "plugin of 'ngram'"),
        (with_sweep, ["ngram.order=5..2"], "order of 'ngram' .* from 5 to 2"),
        (with_sweep, ["ngram.order=0..2:log"], "from 0: .* above 0"),
        (with_sweep, ["ngram.seed=0..2"], "seed of 'ngram' can't be a range"),
        (with_sweep, ["ngram.seed=0,-1"], "seeds of 'ngram'"),
        (with_sweep, ["ngram.tokens.size=9..99"], "tokens.size of 'ngram' can't be a range"),
        (with_sweep, ["ngram.order=1..x"], "not '1..x'"),
        (with_sweep, ["ngram.order=1..3,5"], "not '1..3,5'"),
        (with_sweep, ["ngram.fraction=0.1,1"], "--fractions"),
        (with_search, {"method": "tpe"}, "something to vary"),
        (with_search, {"trials": 5}, "--search tpe or"),
        (with_models, ["ngram", "ngram"], "two models are named 'ngram'"),
        (varied, {"order": [2, 3]}, "not 'order'"),
        (varied, {"ngram.order": 3}, "order of 'ngram' is 3"),
        (varied, {"ngram.order": {"min": 3}}, "low and high"),
        (varied, {"ngram.order": {"low": 1, "high": 2, "log": 1}}, "true or false"),
        (swept_and_searched, {"method": "tp"}, "'tp'"),
        (swept_and_searched, {"method": "tpe", "trials": 0}, "at least 1"),
        (searched, {}, "something to vary"),
        (swept_and_set, ["ngram.order=4"], "the sweep"),
        (of_unigram, ["ngram.order=3"], "unknown"),
        (other, {"threads": 0}, "here: threads"),
        (other, {"seeds": ("x",)}, "not 'x'"),
        (other, {"live": "none", "live_text": True}, "--live none"),
        (other, {"fractions": [0.333333333, 1 / 3, 1]}, "two of the fractions are 0.333333,"),
        (other, {"preset": "quik"}, "'quik' .did you mean 'quick'"),
        (other, {"corpus": {"source": "lee", "train_words": 0}}, "train_words is 0"),
        (other, {"corpus": {"source": "lee", "lowercas": True}}, "did you mean 'lowercase'"),
        (other, {"corpus": {"source": "lee", "options": {}}}, "unknown key 'options'"),
        (lambda _, preset: started(None, preset), "quik", "did you mean 'quick'"),
        (lambda _, text: amount(text), "parameters", "such as 2e6, not ''"),
    ],
)
def test_wrong_changes_are_one_sentence(change: Callable[[Experiment, Any], object], given: Any, said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        change(main_job(), given)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ("2,3", (2, 3)),
        ("kneser-ney,katz", ("kneser-ney", "katz")),
        ("none,0.5", ("none", 0.5)),
        ("[1,2],[3]", ([1, 2], [3])),
        ("true,null", (True, None)),
        ("1..8", Range(1, 8)),
        ("1e-4..1e-2:log", Range(1e-4, 1e-2, log=True)),
        ("-1.5..2", Range(-1.5, 2)),
    ],
)
def test_values_of_a_sweep_are_read_as_those_of_a_hyper_parameter(values: str, read: Values) -> None:
    assert with_sweep(main_job(), [f"ngram.order={values}"]).sweep == {"ngram": {"order": read}}


def test_tokens_are_varied_whole_or_in_part() -> None:
    plan = with_sweep(main_job(), ["ngram.tokens=char,bpe:500", "unigram.tokens.size=100,200"])
    assert plan.sweep == {"ngram": {"tokens": ("char", "bpe:500")}, "unigram": {"tokens.size": (100, 200)}}
    assert main_job().replace("here", sweep={"unigram": {"tokens": {"size": [100, 200]}}}).sweep["unigram"] == {
        "tokens.size": (100, 200)
    }


def test_a_search_of_the_command_line_changes_that_of_the_file() -> None:
    plan = main_job().replace("here", search={"method": "random", "batch": 2}, sweep={"ngram": {"order": [2, 3]}})
    search = with_search(plan, {"method": "tpe", "trials": 7}).search
    assert search == SearchTable(method="tpe", trials=7, batch=2)
    assert with_search(plan, {"method": None, "trials": None}) == plan


def test_a_sweep_is_of_models_that_are_run() -> None:
    plan = with_sweep(main_job(), ["ngram.order=2,3"])
    assert with_models(plan, ["ngram"]).sweep == plan.sweep
    assert with_models(plan, ["unigram"]).sweep == {}
    assert with_models(with_search(plan, {"method": "tpe"}), ["unigram"]).search is None
    assert with_sweep(plan, ["ngram.order=4,5"]).sweep == {"ngram": {"order": (4, 5)}}


def test_an_experiment_survives_its_table() -> None:
    plan = with_corpus(main_job(), "lee", {"sentences": "line"}).replace("here", threads=2, seeds=(1, 2))
    plan = with_sweep(
        plan, ["ngram.order=2,3", "transformer.learning_rate=1e-4..1e-2:log", "unigram.tokens=char,byte"]
    )
    plan = with_search(plan, {"method": "tpe"})
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
    plan, refused = with_models(main_job(), [model]), None
    try:
        plan = with_hyperparameters(plan, given)
        described(plan.models[0], plan, None)
    except LmcompareError as error:
        refused = error
    assert refused is None or isinstance(refused.__cause__, NoneType | LmcompareError), refused
