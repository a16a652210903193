"""What other programs read of a transformer: a report's page its layers, Hugging Face's transformers a folder.

The folder is for a transformer in the style of Llama. Its ``model_type`` is "mistral" (Jiang et al. 2023), which is
Llama with sliding-window attention.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from lmcompare.errors import LmcompareError
from lmcompare.models.transformer.positions import BASE, alibi_slopes
from lmcompare.tokens import Vocabulary

if TYPE_CHECKING:  # the network imports this module
    from lmcompare.models.transformer.network import Design, TransformerNetwork

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


def layers_of_page(design: Design, end: int) -> list[dict[str, Any]]:
    """Return a report page's layers: word vectors, blocks and the last norm; ``end`` is the id of ``</s>``."""
    llama = design.style == "llama"
    norm = "rms" if llama else "layer"
    scale = math.sqrt(design.width)
    layers: list[dict[str, Any]] = [
        {"type": "embed", "table": "head.table", "scale": scale, "begin": end if llama else None}
    ]
    if design.positions == "learned":
        layers.append({"type": "places", "table": "places"})
    elif design.positions == "sinusoidal":
        layers.append({"type": "waves"})
    for n in range(design.layers):
        name = f"blocks.{n}."
        attention: dict[str, Any] = {
            "type": "attention",
            "name": f"{name}attention",
            "heads": design.heads,
            "window": design.window,
            "norm": norm if design.qk_norm else None,
            "rotary": design.positions == "rotary",
            "slopes": alibi_slopes(design.heads).tolist() if design.positions == "alibi" else None,
            "distances": "distances" if design.positions == "relative" else None,
        }
        feed_forward: list[dict[str, Any]] = [
            {"type": "linear", "name": f"{name}feed_forward.up"},
            {"type": "swiglu" if llama else "gelu"},
            {"type": "linear", "name": f"{name}feed_forward.down"},
        ]
        for which, part, inner in ((0, "attention", [attention]), (1, "feed_forward", feed_forward)):
            before: list[dict[str, Any]] = [{"type": "norm", "name": f"{name}before_{part}", "kind": norm}]
            if size := design.convolution:
                before.append({"type": "convolution", "name": f"{name}convolutions.{which}", "size": size})
            layers.append({"type": "add", "layers": [*before, *inner]})
    return [*layers, {"type": "norm", "name": "last_norm", "kind": norm}]


def write_folder(network: TransformerNetwork, vocabulary: Vocabulary, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``.

    Raises
    ------
    LmcompareError
        If the network is not in the style of Llama.
    """
    from safetensors.torch import save_file

    if differences := _differences(network.design):
        raise LmcompareError(
            "Hugging Face's transformers has no model like this one, which differs from Llama by"
            f" {', '.join(differences)}: train one with style=llama and these options at their defaults, or export"
            " this one to a .safetensors file"
        )
    folder.joinpath("config.json").write_text(json.dumps(_config(network, vocabulary), indent=2) + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in _weights(network).items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _differences(design: Design) -> list[str]:
    llama = {"style": "llama", "positions": "rotary", "qk_norm": False, "causal": True, "convolution": 0}
    others = [name for name, value in llama.items() if getattr(design, name) != value]
    return [f"{name}={str(getattr(design, name)).lower()}" for name in others]


def _config(network: TransformerNetwork, vocabulary: Vocabulary) -> dict[str, object]:
    design = network.design
    return {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "vocab_size": len(vocabulary),
        "hidden_size": design.width,
        "intermediate_size": network.get_parameter("blocks.0.feed_forward.down.weight").shape[1],
        "num_hidden_layers": design.layers,
        "num_attention_heads": design.heads,
        "num_key_value_heads": design.heads,
        "head_dim": design.width // design.heads,
        "hidden_act": "silu",
        "max_position_embeddings": LONGEST,
        "rms_norm_eps": network.last_norm.eps,
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
