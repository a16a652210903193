"""Experiment files: what is typed, what is refused and how."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness import experiment as files
from lmcompare.harness.tables import TokensTable

FULL = """
name = "mine"
seeds = [0]
[corpus]
train = "train.txt"
valid = "valid.txt"
test = "test.txt"
documents = "line"
[tokens]
kind = "whitespace"
min_count = 1
[[models]]
plugin = "ngram"
name = "kn5"
order = 5
[examples]
prompts = ["How to make Thai"]
"""

PUBLISHED = """
[[published]]
name = "AWD-LSTM"
figure = 57.3
unit = "perplexity"
tokens = "whitespace"
source = "Merity et al. 2018"
"""


def _load(tmp_path: Path, text: str) -> files.Experiment:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return files.load(path)


def test_a_full_file_is_read_as_written(tmp_path: Path) -> None:
    experiment = _load(tmp_path, FULL)
    assert experiment.name == "mine"
    assert experiment.corpus.where == {"train": "train.txt", "valid": "valid.txt", "test": "test.txt"}
    assert experiment.corpus.documents == "line"
    assert experiment.tokens.tokenizer == {"kind": "whitespace"}
    assert experiment.models[0].name == "kn5"
    assert experiment.models[0].hyperparameters == {"order": 5}
    assert experiment.examples.prompts == ("How to make Thai",)


def test_published_figures_are_read(tmp_path: Path) -> None:
    (row,) = _load(tmp_path, FULL + PUBLISHED).published
    assert (row.name, row.figure, row.tokens, row.split, row.over) == ("AWD-LSTM", 57.3, "whitespace", "test", None)
    assert _load(tmp_path, FULL).published == ()


def test_names_that_are_not_given(tmp_path: Path) -> None:
    text = FULL.replace('name = "mine"\n', "").replace('name = "kn5"\n', "") + '[[models]]\nplugin = "./my.py:Mine"\n'
    experiment = _load(tmp_path, text)
    assert experiment.name == "mine", "that of the file"
    assert [m.name for m in experiment.models] == ["ngram", "Mine"], "that of the plug-in or class"


def test_the_brown_benchmark_is_read_as_written() -> None:
    experiment = files.load(Path(__file__).parents[2] / "benchmarks" / "brown.toml")
    options = experiment.corpus
    assert experiment.corpus.where == "nltk:brown"
    assert (options.train_words, options.valid_words) == (800_000, 200_000)
    assert (options.rare_count, options.rare_word) == (3, "<unk_>")
    assert experiment.tokens.tokenizer == {"kind": "whitespace"}
    assert experiment.tokens.min_count == 1


LINE, KIND, MODEL, ORDER = 'documents = "line"', 'kind = "whitespace"\nmin_count = 1', 'plugin = "ngram"', "order = 5"
END = "[examples]"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds = [0]", "seed = [0]", "did you mean 'seeds'"),
        ("seeds = [0]", "seeds = []", "seeds"),
        ("seeds = [0]", "seeds = [-1]", "from 0 to 4294967295, not -1"),
        ("seeds = [0]", "seeds = 3", "seeds must be a list, not 3"),
        ("seeds = [0]", 'seeds = ["a"]', "number 1 of seeds must be a whole number, not 'a'"),
        ("seeds = [0]", "threads = 5000", "threads must be at most 1024, not 5000"),
        ("seeds = [0]", "threads = true", "threads must be a number, not true or false"),
        (LINE, 'document = "line"', "did you mean 'documents'"),
        (LINE, 'documents = "lnie"', "unknown value 'lnie' (did you mean 'line'"),
        (LINE, "documents = 7", "unknown value 7; it must be one of file, line, blank-line"),
        (LINE, "train_words = 1", "corpus: train_words is given without valid_words"),
        (LINE, "valid_words = 0", "corpus: valid_words is 0"),
        (LINE, 'train_words = "a"', "corpus.train_words must be a whole number, not 'a'"),
        (LINE, "rare_count = 3", "corpus: rare_count is given without rare_word"),
        (LINE, "rare_count = 2.5", "corpus.rare_count must be a whole number, not 2.5"),
        (LINE, 'rare_word = "<unk_>"', "corpus: rare_word is given without rare_count"),
        (LINE, 'rare_count = 1\nrare_word = "a b"', "corpus: rare_word is 'a b'; give one word"),
        (LINE, "rare_count = 1\nrare_word = 1", "corpus.rare_word must be a text in quotes, not 1"),
        (LINE, "lowercase = 0", "lowercase must be true or false, not a number"),
        ('train = "train.txt"', 'source = "lee"\ntrain = "train.txt"', "either source, or train"),
        ("min_count = 1", "min_count = 0", "min_count must be at least 1"),
        ("min_count = 1", "min_count = true", "min_count must be a number, not true or false"),
        (KIND, 'kind = "byte"\nmin_count = 2', "byte always has the same"),
        (END, "[match]\nparameters = 1e30\n[examples]", "match.parameters must be a whole number below"),
        (END, "[budget]\nsteps = 1\nseconds = 2\n[examples]", "give only one of steps, tokens, epochs and"),
        (END, "[budget]\nepochs = inf\n[examples]", "budget.epochs must be a finite number, not inf"),
        (END, "[examples]\nlength = 0", "examples.length must be at least 1, not 0"),
        (END, "[examples]\ntop_p = true", "top_p must be a number, not true or false"),
        ('name = "kn5"', 'name = "../kn5"', "letters, digits"),
        ('name = "mine"', 'name = "../../mine"', "name of an experiment"),
        (END, '[[models]]\nplugin = "ngram"\nname = "kn5"\n[examples]', "two models are named 'kn5'"),
        (MODEL, "", "the model 'kn5' lacks the key 'plugin'"),
        (ORDER, "order = nan", "order is nan: give a finite number"),
        (ORDER, "order = " + "[" * 10**5, "not valid TOML: it is nested too deeply"),
        (ORDER, "order = " + "1" * 5000, "not valid TOML: a number in it has too many digits"),
        (ORDER, "tokens = {size = 2}", "tokens.size of the model 'kn5' must be at least 3"),
        (END, "[sweep]\nngram.order = [2, 3]\n[examples]", "order of 'kn5' has one value in [[models]]"),
        ("[corpus]", "[corpus", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in FULL
    with pytest.raises(LmcompareError) as caught:
        _load(tmp_path, FULL.replace(old, new))
    assert said in str(caught.value)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("57.3", "57.3\nover = 0", "over of the published figure 'AWD-LSTM' must be "),
        ("57.3", "57.3\nsorce = 'x'", "in the published figure 'AWD-LSTM' (did you mean 'source'?)"),
        ("tokens", "note", "a perplexity needs tokens"),
        ("perplexity", "bits per byte", "leave tokens out"),
        ("perplexity", "bits per word", "did you mean 'bits per byte'?"),
        ("57.3", "0", "'AWD-LSTM' must be above 0"),
        ("source", "note", "lacks the key 'source'"),
        ('"perplexity"\ntokens = "whitespace"', "'bits per character'", "set over to the number of characters"),
        ("figure", "figre", "'figre' in the published figure"),
        ("name", "nme", "unknown key 'nme' in number 1 of [[published]]"),
        ("whitespace", "whitspace", "did you mean 'whitespace'"),
        ("[[published]]", "[published]", "write [[published]]"),
    ],
)
def test_a_wrong_published_figure_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in PUBLISHED
    with pytest.raises(LmcompareError) as caught:
        _load(tmp_path, FULL + PUBLISHED.replace(old, new))
    assert said in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(FULL, encoding="utf-8-sig")
    assert files.load(tmp_path / "mine.toml").name == "mine"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=r"no experiment file .*none\.toml"):
        files.load(tmp_path / "none.toml")
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(LmcompareError, match=r"pipe\.toml can't be read.*not an ordinary file"):
        files.load(tmp_path / "pipe.toml")


@pytest.mark.parametrize("preset", ["quick", "default", "full"])
def test_the_shipped_experiments_hold_five_generations(preset: str) -> None:
    experiment = files.shipped(preset)
    names = [m.name for m in experiment.models]
    assert names == ["unigram", "ngram", "cache", "word2vec-bow", "rnn-attention", "transformer"]
    assert experiment.preset == preset
    assert {"How to make Thai", "The river bank", "The central bank"} <= set(experiment.examples.prompts or ())


def test_an_option_that_the_kind_of_tokens_contradicts_is_refused() -> None:
    assert TokensTable.model_validate({"kind": "bpe:300", "pieces": 300}).tokenizer["pieces"] == 300
    with pytest.raises(ValueError, match="sets pieces to 300, and pieces is given as 400"):
        TokensTable.model_validate({"kind": "bpe:300", "pieces": 400})


def test_a_tokenizer_of_others_is_imported_when_its_table_is_completed(tmp_path: Path) -> None:
    (tmp_path / "merges.txt").touch()
    plugin = "from tests.tokens.bpe import BytePairs\n\nclass Own(BytePairs):\n    files = ('merges',)\n"
    path = tmp_path / "own.toml"
    path.write_text('[corpus]\nsource = "lee"\n[tokens]\nkind = "own.py:Own"\nmerges = "merges.txt"\n')
    tokens = files.load(path).tokens
    with pytest.raises(LmcompareError, match=r"there is no plug-in file .*own\.py"):
        tokens.completed(tmp_path)
    (tmp_path / "own.py").write_text(plugin)
    full = tokens.completed(tmp_path)
    assert full.kind == f"{tmp_path / 'own.py'}:Own"
    assert (full.min_count, full.tokenizer["merges"]) == (1, str(tmp_path / "merges.txt"))
    with pytest.raises(LmcompareError, match="always has the same vocabulary"):
        TokensTable(kind=full.kind, size=50).completed(tmp_path)
