"""Configurations and weights of Hugging Face models, read from a folder without running any code in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lmcompare.errors import LmcompareError, in_one_sentence, one_line
from lmcompare.tokens.hugging_face import WEIGHTS, table_in

_CODE = ("auto_map", "_attn_implementation", "attn_implementation", "quantization_config")
"""Keys of a configuration that name code or libraries outside of transformers."""


def configuration(table: Mapping[str, Any], whose: str) -> Any:
    """Return the ``transformers`` configuration of the JSON object of a ``config.json``.

    Raises
    ------
    LmcompareError
        If the installed transformers has no such model: code that comes with a model is not run.
    """
    with _library(whose):
        from transformers import AutoConfig

        values = {name: value for name, value in table.items() if name not in _CODE}
        return AutoConfig.for_model(values.pop("model_type"), **values)


def untrained(config: Any, whose: str) -> Any:
    """Return the model of a configuration, with random weights from torch's global random state."""
    with _library(whose):
        from transformers import AutoModelForCausalLM

        return _built(lambda **how: AutoModelForCausalLM.from_config(config, **how))


def pretrained(folder: Path, whose: str) -> Any:
    """Return the model of a folder with its weights in float32.

    Raises
    ------
    LmcompareError
        If there are no weights in the safetensors format, if some are missing, or if transformers has no such model.
    """
    if not any(folder.glob(WEIGHTS)):
        raise LmcompareError(
            f"{whose} has no weights in the format safetensors, and other formats can contain code; save them again "
            "with save_pretrained"
        )
    config = configuration(table_in(folder, "config.json"), whose)
    with _library(whose):
        from transformers import AutoModelForCausalLM

        given = {"config": config, "use_safetensors": True, "local_files_only": True, "output_loading_info": True}
        model, found = _built(lambda **how: AutoModelForCausalLM.from_pretrained(folder, **given, **how))
    lacking = sorted({*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])})
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise LmcompareError(
            f"the weights of {whose} lack {lacking[0]}{more}, which would be random numbers; save the whole model "
            "again"
        )
    model.config.pad_token_id = None  # avoids a warning on padding without a mask; a causal model needs no mask
    return model.eval()


def _built(make: Any) -> Any:
    """Return a model with torch's own attention, or with eager attention if it has no other."""
    how = {"trust_remote_code": False, "dtype": torch.float32}
    try:
        return make(attn_implementation="sdpa", **how)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return make(attn_implementation="eager", **how)


@contextmanager
def _library(whose: str) -> Iterator[None]:
    """Import transformers, keep it quiet, and explain its errors."""
    try:
        from transformers.utils import logging
    except ImportError:
        raise LmcompareError(
            "models of Hugging Face need the library transformers; install it with: pip install 'lmcompare[hf]'"
        ) from None
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with in_one_sentence(
            lambda error: (
                f"the installed transformers can't load {whose} as a causal language model "
                f"({one_line(error)[:200]}); code that comes with a model is not run"
            )
        ):
            yield
    finally:
        logging.set_verbosity(before)
