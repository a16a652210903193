"""The command line's options over an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness.overrides import Overrides, planned


def test_nothing_asked_is_the_main_job() -> None:
    plan, base = planned(None, Overrides())
    assert (plan.name, plan.preset, plan.corpus.source, base) == ("default", "default", "wiki-sample", Path())


def test_a_corpus_gives_the_folder_its_name_and_keeps_no_option_of_the_file() -> None:
    plan, _ = planned(None, Overrides(corpus="texts/My book.txt", options={"lowercase": True, "encoding": None}))
    assert plan.name == "My-book"
    assert plan.corpus.lowercase
    assert plan.corpus.encoding == "utf-8"
    assert planned(None, Overrides(corpus="lee", preset="quick"))[0].name == "lee-quick"
    assert planned(None, Overrides(corpus="train=a.txt,valid=b,test=c"))[0].name == "a"
    assert planned(None, Overrides(corpus="-"))[0].name == "stdin"


def test_another_kind_of_tokens_has_its_own_least_count() -> None:
    assert planned(None, Overrides())[0].tokens.min_count == 2
    assert planned(None, Overrides(tokens={"kind": "char", "min_count": None}))[0].tokens.min_count == 1
    assert planned(None, Overrides(tokens={"kind": "char", "min_count": 3}))[0].tokens.min_count == 3


def test_models_keep_their_tables_or_are_taken_as_plug_ins(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[corpus]\nsource = "lee"\n[[models]]\nplugin = "ngram"\nname = "kn3"\norder = 3\n')
    plan, base = planned(path, Overrides(models=("kn3", "unigram", "./mine.py:Mine"), seeds=("3", "1")))
    assert base == tmp_path
    assert plan.models[0].hyperparameters == {"order": 3}
    assert plan.models[1].plugin == "unigram"
    assert plan.models[2].plugin == f"{Path('mine.py').resolve()}:Mine"
    assert plan.seeds == (3, 1)


def test_hyper_parameters_are_set_by_a_models_name_or_plug_in(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        '[corpus]\nsource = "lee"\n[[models]]\nplugin = "ngram"\nname = "kn3"\norder = 3\n'
        '[[models]]\nplugin = "ngram"\nname = "kn2"\norder = 2\n[[models]]\nplugin = "unigram"\n'
    )
    given = ("kn3.order=4", "ngram.smoothing=katz", 'unigram.odd={"a": [1, 2.5]}')
    models = planned(path, Overrides(hyperparameters=given))[0].models
    assert models[0].hyperparameters == {"order": 4, "smoothing": "katz"}
    assert models[1].hyperparameters == {"order": 2, "smoothing": "katz"}
    assert models[2].hyperparameters == {"odd": {"a": [1, 2.5]}}
    mine = Overrides(models=("./mine.py:Mine",), hyperparameters=("./mine.py:Mine.rate=1e-2",))
    assert planned(path, mine)[0].models[0].hyperparameters == {"rate": 0.01}


def test_hyper_parameters_are_set_by_the_name_of_a_files_class(tmp_path: Path) -> None:
    overrides = Overrides(models=("./own.py:Mine", "ngram"), hyperparameters=("Mine.order=2",))
    mine, ngram = planned(None, overrides)[0].models
    assert (mine.hyperparameters, ngram.hyperparameters) == ({"order": 2}, {})


def test_an_experiment_without_a_corpus_reads_the_default_or_what_is_given(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[[models]]\nplugin = "ngram"\n')
    assert planned(path, Overrides())[0].corpus.source == "wiki-sample"
    assert planned(path, Overrides(corpus="lee"))[0].corpus.source == "lee"
    path.write_text('corpus = "notes.txt"\n')
    with pytest.raises(LmcompareError, match=r"not 'notes.txt': write \[corpus\], and its keys on the lines below"):
        planned(path, Overrides())


def test_prompts_and_words_take_the_place_of_the_files() -> None:
    plan, _ = planned(None, Overrides(prompts=("My aunt",), words=("bank", "spring")))
    assert plan.examples.prompts == ("My aunt",)
    assert plan.examples.words == ("bank", "spring")
    assert planned(None, Overrides())[0].examples.words is None


def test_matched_are_the_size_and_one_budget(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[corpus]\nsource = "lee"\n[budget]\nsteps = 5\n[match]\nparameters = 7\n')
    plan, _ = planned(path, Overrides(match=("parameters=2e6", "seconds=1.5")))
    assert plan.match.parameters == 2_000_000
    assert plan.budget.model_dump(exclude_none=True) == {"seconds": 1.5}
    assert planned(path, Overrides())[0].match.parameters == 7
    assert planned(path, Overrides(match=("tokens=1e5",)))[0].budget.tokens == 100_000


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (Overrides(preset="quik"), "did you mean 'quick'"),
        (Overrides(match=("steps=5", "tokens=1000")), "give one of steps, tokens, epochs and seconds"),
        (Overrides(seeds=("x",)), "whole number, not 'x'"),
        (Overrides(hyperparameters=("order=3",)), "MODEL.KEY=VALUE, such as transformer.steps=200, not 'order=3'"),
        (Overrides(hyperparameters=("ngram.order",)), "KEY=VALUE"),
        (Overrides(hyperparameters=("ngrm.order=3",)), "unknown model of the run 'ngrm' .did you mean 'ngram'"),
        (Overrides(hyperparameters=("ngram.name=x",)), "'name' of a model stands in an experiment file"),
        (Overrides(models=("unigram",), hyperparameters=("ngram.order=3",)), "unknown model of the run 'ngram'"),
        (Overrides(threads=0), "threads"),
        (Overrides(match=("parametres=2e6",)), "did you mean 'parameters'"),
        (Overrides(match=("parameters",)), "such as 2e6, not ''"),
        (Overrides(match=("parameters=2.5",)), "parameters"),
        (Overrides(match=("seconds=0",)), "seconds"),
    ],
)
def test_wrong_options_are_one_sentence(overrides: Overrides, said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        planned(None, overrides)
