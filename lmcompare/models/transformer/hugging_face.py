"""The folder of a transformer in the style of Llama that Hugging Face's transformers can read.

Its ``model_type`` is "mistral" (Jiang et al. 2023), which is Llama with sliding-window attention.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from torch import Tensor

from lmcompare.errors import LmcompareError
from lmcompare.models.transformer.design import EPSILON, Design
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.self_attention import BASE
from lmcompare.tokens import Vocabulary

_NAMES = {  # the names of a layer's weights in transformers, and ours
    "input_layernorm": "before_attention",
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.output",
    "post_attention_layernorm": "before_feed_forward",
    "mlp.down_proj": "feed_forward.down",
}
LONGEST = 32768  # positions; rotations have no limit of their own


def write_folder(network: TransformerNetwork, vocabulary: Vocabulary, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``.

    Raises
    ------
    LmcompareError
        If the network is not in the style of Llama.
    """
    from safetensors.torch import save_file

    design = network.design
    if differences := _differences(design):
        raise LmcompareError(
            "Hugging Face's transformers has no model like this one, which differs from Llama by"
            f" {', '.join(differences)}: train one with style=llama and these options at their defaults, or export"
            " this one to a .safetensors file"
        )
    folder.joinpath("config.json").write_text(json.dumps(_config(design, vocabulary), indent=2) + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in _weights(network).items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _differences(design: Design) -> list[str]:
    llama = {"style": "llama", "positions": "rotary", "activation": "swiglu", "qk_norm": False, "causal": True}
    others = [name for name, value in {**llama, "convolution": 0}.items() if getattr(design, name) != value]
    return [f"{name}={str(getattr(design, name)).lower()}" for name in others]


def _config(design: Design, vocabulary: Vocabulary) -> dict[str, object]:
    return {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "vocab_size": len(vocabulary),
        "hidden_size": design.width,
        "intermediate_size": design.hidden,
        "num_hidden_layers": design.layers,
        "num_attention_heads": design.heads,
        "num_key_value_heads": design.key_heads,
        "head_dim": design.width // design.heads,
        "hidden_act": "silu",
        "max_position_embeddings": LONGEST,
        "rms_norm_eps": EPSILON,
        "rope_theta": BASE,
        "sliding_window": design.window,
        "tie_word_embeddings": False,
        "bos_token_id": vocabulary.end,
        "eos_token_id": vocabulary.end,
        "torch_dtype": "float32",
    }


def _weights(network: TransformerNetwork) -> dict[str, Tensor]:
    """Return the weights by their names in transformers.

    The table is multiplied by √width where words are read, and not where they are predicted, so there are two tables.
    """
    types, own = network.head.types, network.state_dict()
    table = own["head.table"][:types]
    found = {
        "model.embed_tokens.weight": table * math.sqrt(network.design.width),
        "model.norm.weight": own["last_norm.weight"],
        "lm_head.weight": table,
    }
    for layer in range(network.design.layers):
        here, there = f"blocks.{layer}", f"model.layers.{layer}"
        for name, ours in _NAMES.items():
            found[f"{there}.{name}.weight"] = own[f"{here}.{ours}.weight"]
        gate, up = own[f"{here}.feed_forward.up.weight"].chunk(2)
        found |= {f"{there}.mlp.gate_proj.weight": gate, f"{there}.mlp.up_proj.weight": up}
    return found
