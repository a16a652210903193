"""Data sets of Hugging Face out of folders and of a cache made here; the network is never used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from lmcompare.corpora import check_scheme, load
from lmcompare.corpora.schemes import hugging_face
from lmcompare.errors import LmcompareError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROWS = {
    "train": [f"Training text {n} says this." for n in range(20)],
    "validation": ["A text for validation.", "", "And one more."],
    "test": ["A text for the test."],
}


def table(texts: list[str], column: str = "text") -> datasets.Dataset:
    features = datasets.Features(
        {
            column: datasets.Value("string"),
            "genre": datasets.ClassLabel(names=["film", "book"]),
            "scores": datasets.Sequence(datasets.Value("float32")),
        }
    )
    rows: dict[str, list[Any]] = {
        column: texts,
        "genre": [n % 2 for n in range(len(texts))],
        "scores": [[0.5]] * len(texts),
    }
    return datasets.Dataset.from_dict(rows, features=features)


def layout(folder: Path, splits: dict[str, list[str]] = ROWS, column: str = "text") -> Path:
    (folder / "data").mkdir(parents=True)
    for name, texts in splits.items():
        table(texts, column).to_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")
    return folder


class Built(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # the library has no types
    """What ``load_dataset`` leaves in its cache."""

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=datasets.Features({"text": datasets.Value("string")}))

    def _split_generators(self, dl_manager: object) -> list[datasets.SplitGenerator]:
        return [datasets.SplitGenerator(name, gen_kwargs={"texts": texts}) for name, texts in ROWS.items()]

    def _generate_examples(self, texts: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
        yield from enumerate({"text": text} for text in texts)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(folder))
    for repository, config in (("somebody/TinyText", "small"), ("somebody/TinyText", "large"), ("plain", "default")):
        name = repository.rpartition("/")[2]
        Built(
            cache_dir=str(folder), dataset_name=name, config_name=config, repo_id=repository, hash="abc"
        ).download_and_prepare()
    return folder


def test_a_folder_in_the_layout_of_a_data_set(tmp_path: Path) -> None:
    corpus = load(f"hf:{layout(tmp_path / 'reviews')}")
    assert corpus.name == "reviews"
    assert [d.text for d in corpus.train] == ROWS["train"]
    assert [(d.name, d.text) for d in corpus.valid] == [
        ("validation:1", "A text for validation."),
        ("validation:3", "And one more."),
    ]
    assert [d.text for d in corpus.test] == ROWS["test"]
    assert [d.metadata["genre"] for d in corpus.train[:3]] == ["film", "book", "film"]
    assert set(corpus.train[0].metadata) == {"genre"}  # lists are no metadata
    assert "train: train, 20 rows; valid: validation, 2 rows; test: test, 1 row." in corpus.said[0]


def test_the_same_texts_as_without_the_scheme(tmp_path: Path) -> None:
    folder = layout(tmp_path / "reviews")
    assert [d.text for d in load(folder).train] == [d.text for d in load(f"hf:{folder}").train]


def test_a_saved_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    datasets.DatasetDict({name: table(texts) for name, texts in ROWS.items()}).save_to_disk(folder)
    assert [d.text for d in load(f"hf:{folder}").train] == ROWS["train"]
    with pytest.raises(LmcompareError, match=f"give it as hf:{folder}"):
        load(folder)
    os.mkfifo(folder / "pipe.arrow")
    with pytest.raises(LmcompareError, match="not an ordinary file"):
        load(f"hf:{folder}")
    alone = tmp_path / "alone"
    table(ROWS["train"]).save_to_disk(alone)
    assert sum(len(load(f"hf:{alone}").split(which)) for which in ("train", "valid", "test")) == 20


def test_lines_of_json(tmp_path: Path) -> None:
    for name, texts in ROWS.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert [d.text for d in load(f"hf:{tmp_path}").test] == ROWS["test"]


def test_the_cache_of_load_dataset(cache: Path) -> None:
    for source, said in (("TinyText", "small"), ("TinyText/tiny", "cannot read")):  # one of two has to be chosen
        with pytest.raises(LmcompareError, match=said):
            load(f"hf:somebody/{source}")
    for source in ("hf:somebody/TinyText/small", "hf:plain", "hf:plain/default"):
        assert [d.text for d in load(source).train] == ROWS["train"], source
    assert load("hf:somebody/TinyText/small:train").name == "small"


def test_a_config_of_a_folder(tmp_path: Path) -> None:
    for config in ("small", "large"):
        layout(tmp_path / config)
    configs = "".join(f"- config_name: {c}\n  data_dir: {c}/data\n" for c in ("small", "large"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    assert [d.text for d in load(f"hf:{tmp_path}/small").train] == ROWS["train"]
    with pytest.raises(LmcompareError, match=r"small.*large"):
        load(f"hf:{tmp_path}")


def test_code_of_a_data_set_never_runs(tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    (folder / "train.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(LmcompareError, match="cannot read"):
        load(f"hf:{folder}")
    assert not (tmp_path / "ran").exists()


def test_progress_bars_are_as_they_were(cache: Path) -> None:
    assert not datasets.are_progress_bars_disabled()
    load("hf:plain")
    assert not datasets.are_progress_bars_disabled()


def test_the_scheme_passes_its_checks(cache: Path) -> None:
    assert check_scheme(hugging_face.HUGGING_FACE, "plain") == []
