"""The tokenizer of a Hugging Face model has the ids of the library that wrote it, and passes the kit."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from lmcompare.checks.tokenizers import run_tokenizer_checks
from lmcompare.corpora import documents_of
from lmcompare.tokens import build_vocabulary, encode, make_tokenizer, table_of
from tests.models.hf_causal.small import TEXTS, gpt2, llama


def test_ids_are_those_of_the_model(tmp_path: Path) -> None:
    for where, end in ((gpt2(tmp_path / "gpt2"), 0), (llama(tmp_path / "llama"), 2)):
        tokenizer = make_tokenizer(table_of(f"hf:{where}")).fit(TEXTS)
        documents = documents_of(TEXTS)
        text = encode(documents, tokenizer, build_vocabulary(documents, tokenizer))
        own = AutoTokenizer.from_pretrained(where)
        wanted = [[*own(each, add_special_tokens=False).input_ids, end] for each in TEXTS]
        assert [ids.tolist() for ids in text.documents()] == wanted


def test_tokenizers_of_pieces_pass_the_kit(tmp_path: Path) -> None:
    for kind, options in (("hf", {"path": str(gpt2(tmp_path))}), ("bpe", {"pieces": 300})):
        assert all(result.ok for result in run_tokenizer_checks(kind, options)), kind
