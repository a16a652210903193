"""Small models of Hugging Face, made here: a tokenizer trained on a text, random weights, saved to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

TEXTS = [
    f"The {animal} sat on the {place}.\nIt {verb} there, and {animal}s — über all — are {verb}ing.\n"
    for animal in ("cat", "dog", "hen")
    for place in ("mat", "sofa", "roof")
    for verb in ("slept", "ate", "sang")
]
END = "<|endoftext|>"


def saved_tokenizer(folder: Path, pieces: int = 300, specials: tuple[str, ...] = (END,), **about: str) -> None:
    """Write a byte-level BPE tokenizer, trained on TEXTS, as Hugging Face does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **about).save_pretrained(folder)


def gpt2(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a GPT-2 of two layers with random weights; its end token is its start token as well."""
    from transformers import GPT2Config, GPT2LMHeadModel

    saved_tokenizer(folder, eos_token=END, bos_token=END)
    sizes = {"vocab_size": 300, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 2}
    torch.manual_seed(seed)
    config = GPT2Config(**{**sizes, "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.3, **changes})
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def llama(folder: Path, *, seed: int = 0) -> Path:
    """Write a Llama of two layers with random weights, a start token of its own and 12 ids without a token."""
    from transformers import LlamaConfig, LlamaForCausalLM

    saved_tokenizer(folder, specials=("<unk>", "<s>", "</s>"), bos_token="<s>", eos_token="</s>")
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=312,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
