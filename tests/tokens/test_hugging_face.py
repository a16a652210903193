"""The tokenizer of a Hugging Face model, with the model's own ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.tokens import build_vocabulary, encode, make_tokenizer, table_of, tokens_fingerprint
from lmcompare.tokens.cutting import tokenise
from lmcompare.tokens.hugging_face import HuggingFaceTokenizer, located

END = "<|endoftext|>"
TEXTS = [
    f"The {animal} sat on the {place}.\nIt {verb} there, and {animal}s — über all — are {verb}ing.\n"
    for animal in ("cat", "dog", "hen")
    for place in ("mat", "sofa", "roof")
    for verb in ("slept", "ate", "sang")
]


def made(folder: Path, specials: tuple[str, ...], end: int, types: int) -> Path:
    """Write what is read of a model: a tokenizer of 300 pieces that was trained on TEXTS, and the configuration."""
    cutter = Tokenizer(models.BPE())
    cutter.pre_tokenizer, cutter.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    cutter.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=[*specials], initial_alphabet=alphabet, show_progress=False
        ),
    )
    cutter.save(str(folder / "tokenizer.json"))
    write(folder / "config.json", {"vocab_size": types, "eos_token_id": end})
    write(folder / "tokenizer_config.json", {"eos_token": specials[end]})
    return folder


def write(path: Path, table: object) -> None:
    path.write_text(json.dumps(table), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("one"), (END,), 0, 300)


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a start token of its own and 12 ids without a token."""
    return made(tmp_path_factory.mktemp("padded"), ("<unk>", "<s>", "</s>"), 2, 312)


def edited(folder: Path, to: Path, **changes: Any) -> Path:
    """A copy of the folder whose tokenizer.json has other values."""
    for name in ("config.json", "tokenizer_config.json"):
        (to / name).write_bytes((folder / name).read_bytes())
    table = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    write(to / "tokenizer.json", {**table, **changes})
    return to


def test_ids_are_those_of_the_model(folder: Path, padded: Path) -> None:
    for where, end, types in ((folder, 0, 300), (padded, 2, 312)):
        tokenizer = make_tokenizer(table_of(f"hf:{where}")).fit(TEXTS)
        documents = documents_of(TEXTS)
        vocabulary = build_vocabulary(documents, tokenizer)
        text = encode(documents, tokenizer, vocabulary)
        own = Tokenizer.from_file(str(where / "tokenizer.json"))
        wanted = [[*own.encode(each).ids, end] for each in TEXTS]
        assert [ids.tolist() for ids in text.documents()] == wanted
        assert (len(vocabulary), vocabulary.end, vocabulary.unknown) == (types, end, None)
        assert vocabulary.counts[end] == len(TEXTS)
        assert vocabulary.counts.sum() == len(text)
        assert len(set(vocabulary.tokens)) == types


def test_special_tokens_of_a_text_are_text(folder: Path, padded: Path) -> None:
    for where, special in ((folder, END), (padded, "</s>"), (padded, "<s>")):
        tokenizer = make_tokenizer({"kind": "hf", "path": str(where)}).fit(TEXTS)
        tokens, _ = tokenizer.tokenize(f"a {special} b")
        assert len(tokens) > 5
        assert b"".join(map(tokenizer.token_bytes, tokens)).decode() == f"a {special} b"


def test_the_fingerprint_does_not_depend_on_where_it_is(folder: Path, padded: Path, tmp_path: Path) -> None:
    def fingerprint(where: Path) -> str:
        tokenizer = make_tokenizer({"kind": "hf", "path": str(where)}).fit(TEXTS)
        return tokens_fingerprint("text", tokenizer, build_vocabulary(documents_of(TEXTS), tokenizer))

    assert fingerprint(edited(folder, tmp_path)) == fingerprint(folder) != fingerprint(padded)


def test_what_it_has_learnt_comes_back(folder: Path) -> None:
    tokenizer = HuggingFaceTokenizer(str(folder)).fit(TEXTS)
    again = HuggingFaceTokenizer("elsewhere")
    again.restore(tokenizer.state())
    assert again.types == tokenizer.types
    assert again.tokenize(TEXTS[0])[0] == tokenizer.tokenize(TEXTS[0])[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "Lowercase"}},
        {"normalizer": {"type": "Replace", "pattern": {"String": "—"}, "content": "-"}},
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}},
    ],
)
def test_one_that_changes_the_text_is_refused(folder: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(LmcompareError, match=r"changes the text or leaves some of it out .at "):
        make_tokenizer({"kind": "hf", "path": str(edited(folder, tmp_path, **changes))}).fit(TEXTS)


def test_one_that_puts_a_blank_before_each_text_is_taken(folder: Path, tmp_path: Path) -> None:
    normalizer = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    model = {"type": "BPE", "byte_fallback": True, "unk_token": None, "merges": [["▁", "a"]]}
    vocab = {END: 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}, "▁": 257, "a": 258, "▁a": 259}
    parts = {"pre_tokenizer": None, "decoder": None, "normalizer": normalizer, "model": {**model, "vocab": vocab}}
    tokenizer = make_tokenizer({"kind": "hf", "path": str(edited(folder, tmp_path, **parts))}).fit(TEXTS)
    for text, tokens, spans in (
        ("a a", [" a", " a"], [[0, 1], [1, 3]]),
        (" a", [" ", " a"], [[0, 0], [0, 2]]),
        ("üa", [" ", "<0xC3>", "<0xBC>", "a"], [[0, 0], [0, 1], [1, 2], [2, 3]]),
        ("", [], []),
    ):
        found, offsets = tokenizer.tokenize(text)
        assert [tokenizer.token_bytes(each) for each in found] == [tokenizer.token_bytes(each) for each in tokens]
        assert offsets.tolist() == spans
        assert tokenizer.detokenize(found) == text
    lines = tokenise(documents_of(["üa\na"]), tokenizer)
    assert lines.sentence_starts.tolist() == [0, 5]  # the blank, two bytes of ü, a, the line end


def test_a_text_that_it_would_change_is_refused_later_too(folder: Path, tmp_path: Path) -> None:
    lower = edited(folder, tmp_path, normalizer={"type": "Lowercase"})
    tokenizer = make_tokenizer({"kind": "hf", "path": str(lower)}).fit(["all is low"])
    with pytest.raises(LmcompareError, match="at 'Not"):
        tokenizer.tokenize("all is Not low")


def test_the_end_of_a_text_has_to_be_known(folder: Path, tmp_path: Path) -> None:
    where = edited(folder, tmp_path)
    config = json.loads((where / "config.json").read_text(encoding="utf-8"))
    for given, end in (([0, 7], 0), (None, 0)):  # the first of several; that of the tokenizer
        write(where / "config.json", {**config, "eos_token_id": given})
        assert HuggingFaceTokenizer(str(where)).fit(TEXTS).types.index("</s>") == end
    (where / "tokenizer_config.json").unlink()
    with pytest.raises(LmcompareError, match="set eos_token_id"):
        HuggingFaceTokenizer(str(where)).fit(TEXTS)


def test_the_part_of_a_configuration_that_is_about_text(folder: Path, tmp_path: Path) -> None:
    where = edited(folder, tmp_path)
    write(where / "config.json", {"model_type": "several", "text_config": {"vocab_size": 310, "eos_token_id": 7}})
    types = HuggingFaceTokenizer(str(where)).fit(TEXTS).types
    assert (len(types), types.index("</s>")) == (310, 7)


def test_what_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    class GatedRepoError(OSError): ...

    def unreachable(name: str, *, local_files_only: bool, **_: object) -> str:
        raise OSError("no cache") if local_files_only or name == "some/model" else GatedRepoError("403")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    file = tmp_path / "file"
    file.write_text("")
    for path, said in (
        ("some/model", "some/model is neither a folder nor a model .* could not be downloaded"),
        ("some/gated", "accepted its terms"),
        ("./no-model", "is not a folder"),  # no name on the hub begins with a full stop
        ("/no/such/folder", "is not a folder"),
        (str(file), "is a file"),
    ):
        with pytest.raises(LmcompareError, match=said):
            located(path)
    for content, said in ((None, r"has no tokenizer\.json"), ("[1]", "is not a JSON object"), ("{", "can't be read")):
        if content is not None:
            (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(LmcompareError, match=said):
            HuggingFaceTokenizer(str(tmp_path)).fit(TEXTS)
    with pytest.raises(LmcompareError, match="no model is named"):
        make_tokenizer({"kind": "hf"})


def test_a_model_in_the_cache_needs_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []

    def cached(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        assert not any(pattern.endswith((".py", ".bin", "*")) for pattern in allow_patterns)
        asked.append((name, local_files_only))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cached)
    assert HuggingFaceTokenizer("some/model").fit(TEXTS).types[0] == "</s>"
    assert asked == [("some/model", True)]
