"""The folder of a transformer in the style of Llama, read as the papers of Llama and Mistral have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lmcompare.errors import LmcompareError
from lmcompare.models.transformer.plugin import Transformer
from tests.models.neural_cases import SMALL
from tests.training.texts import VOCABULARY, chain, fitted

LLAMA: dict[str, Any] = {**SMALL, "style": "llama", "width": 24, "heads": 4, "layers": 2, "window": 5}


def by_hand(folder: Path, ids: list[int]) -> np.ndarray:
    """(T, V) logits, from the two files of a folder alone."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {name: array.astype(np.float64) for name, array in load_file(folder / "model.safetensors").items()}
    size, heads, groups = config["head_dim"], config["num_attention_heads"], config["num_key_value_heads"]

    def normed(x: np.ndarray, name: str) -> np.ndarray:
        mean = (x**2).mean(-1, keepdims=True)
        scaled: np.ndarray = x / np.sqrt(mean + config["rms_norm_eps"]) * weights[f"{name}.weight"]
        return scaled

    angles = np.arange(len(ids))[:, None] * config["rope_theta"] ** (-np.arange(0, size, 2) / size)
    cosines, sines = np.tile(np.cos(angles), 2), np.tile(np.sin(angles), 2)

    def turned(x: np.ndarray) -> np.ndarray:
        moved: np.ndarray = x * cosines + np.concatenate([-x[:, size // 2 :], x[:, : size // 2]], 1) * sines
        return moved

    back = np.arange(len(ids))[:, None] - np.arange(len(ids))
    seen = (back >= 0) & (back < config["sliding_window"])
    x = weights["model.embed_tokens.weight"][ids]
    for n in range(config["num_hidden_layers"]):
        layer = {name: array for name, array in weights.items() if name.startswith(f"model.layers.{n}.")}
        get = {name.split(".")[-2]: array for name, array in layer.items()}
        h = normed(x, f"model.layers.{n}.input_layernorm")
        q, k, v = (h @ get[f"{name}_proj"].T for name in "qkv")
        mixed = []
        for head in range(heads):
            own, shared = slice(head * size, head * size + size), head * groups // heads * size
            of_group = slice(shared, shared + size)
            scores = np.where(seen, turned(q[:, own]) @ turned(k[:, of_group]).T / np.sqrt(size), -np.inf)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            mixed.append(shares / shares.sum(1, keepdims=True) @ v[:, of_group])
        x = x + np.concatenate(mixed, 1) @ get["o_proj"].T
        h = normed(x, f"model.layers.{n}.post_attention_layernorm")
        gate = h @ get["gate_proj"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ get["up_proj"].T)) @ get["down_proj"].T
    logits: np.ndarray = normed(x, "model.norm") @ weights["lm_head.weight"].T
    return logits


@pytest.mark.slow
def test_the_folder_is_the_model(tmp_path: Path) -> None:
    model = fitted(Transformer(**LLAMA))
    model.file_formats()["/"](VOCABULARY, tmp_path)
    text = chain(3, 1, 30)
    logits = by_hand(tmp_path, [VOCABULARY.end, *text.ids.tolist()])
    log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    np.testing.assert_allclose(log_probs[np.arange(30), text.ids], model.log_probs(text), atol=1e-5)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["vocab_size"], config["hidden_size"]) == ("mistral", len(VOCABULARY), 24)
    shape = load_file(tmp_path / "model.safetensors")["model.layers.0.mlp.up_proj.weight"].shape
    assert (config["intermediate_size"], config["hidden_size"]) == shape
    assert config["bos_token_id"] == config["eos_token_id"] == VOCABULARY.end
    assert config["tie_word_embeddings"] is False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"style": "gpt"}, "style=gpt, qk_norm=true"),
        ({"positions": "alibi"}, "differs from Llama by positions=alibi:"),
        ({"qk_norm": True}, "qk_norm=true"),
        ({"convolution": 2}, "convolution=2"),
    ],
)
def test_a_transformer_that_is_no_llama_is_not_written(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    model = fitted(Transformer(**{**LLAMA, "steps": 1, **changes}))
    with pytest.raises(LmcompareError, match=said):
        model.file_formats()["/"](VOCABULARY, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_llama_has_neither_biases_nor_means() -> None:
    network = Transformer(**LLAMA).network(len(VOCABULARY))
    network.head.start_from(VOCABULARY.counts)
    names = [name for name, _ in network.named_parameters()]
    assert not [name for name in names if "bias" in name]
    assert not network.head.bias.any()
    assert isinstance(network.last_norm, torch.nn.RMSNorm)
