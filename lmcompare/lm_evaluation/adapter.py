"""A trained model as a model of lm-evaluation-harness; imported only where the harness is installed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, cast
from unittest.mock import patch

from lm_eval.api.model import LM
from lm_eval.api.registry import model_registry
from lm_eval.evaluator import simple_evaluate
from lm_eval.utils import handle_non_serializable
from tqdm import tqdm

from lmcompare.errors import LmcompareError
from lmcompare.trained import TrainedModel

NAME = "lmcompare"
USUAL = 256  # tokens of a generated text, if the task does not set a number
MOST = 100_000  # tokens of a generated text: without a text that ends it, more would take hours


class TrainedLM(LM):  # type: ignore[misc]
    """Answers the harness in nats of text: the nats of the model, and what is charged beside it.

    Parameters
    ----------
    trained : TrainedModel
        The model.
    """

    def __init__(self, trained: TrainedModel, **_: Any) -> None:
        super().__init__()
        self.trained = trained

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Return for each (context, continuation) the nats of the continuation, and whether it is the most likely.

        Both are cut into tokens together, and a token over the border belongs to the continuation. The end of the
        document is not charged.
        """
        return [self._continued(*request.args) for request in _shown(requests)]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Return the nats of each document, its end included."""
        return [-self.trained.score(each.args[0], ends=True).bits * math.log(2) for each in _shown(requests)]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Return a continuation of each context, which is over before the first of its ``until``.

        It is greedy, unless the task asks for samples (``do_sample``). Each is drawn with a seed of its own, since a
        task may ask for several of one context.
        """
        return [self._generated(seed, *request.args) for seed, request in enumerate(_shown(requests))]

    def _continued(self, context: str, continuation: str) -> tuple[float, bool]:
        scored = self.trained.score(continuation, context=context)
        return -scored.bits * math.log(2), self.trained.is_greedy(continuation, context=context)

    def _generated(self, seed: int, context: str, asked: dict[str, Any]) -> str:
        until = asked.get("until") or []
        length = int(asked.get("max_gen_toks") or asked.get("max_tokens") or USUAL)
        if not 0 < length <= MOST:
            raise LmcompareError(f"max_gen_toks of a task must be from 1 to {MOST:,} tokens, not {length:,}")
        temperature = float(1.0 if asked.get("temperature") is None else asked["temperature"])
        how: dict[str, Any] = {"top_k": 1, "top_p": 1.0}
        if asked.get("do_sample") and temperature > 0:
            how = {"temperature": temperature, "top_k": asked.get("top_k"), "top_p": asked.get("top_p", 1.0)}
            how["seed"] = seed
        stops = [until] if isinstance(until, str) else list(until)
        return self.trained.generate(context, length, until=stops, **how)


def _shown(requests: Sequence[Any]) -> Iterable[Any]:
    """Return the requests, and show on a terminal how many are done."""
    return cast("Iterable[Any]", tqdm(requests, desc="Asking the model", disable=None))


def run(
    trained: TrainedModel, tasks: list[str], manager: Any, fewshot: int | None, limit: int | None
) -> dict[str, Any]:
    """Register the model and call the harness's evaluator; return its results, JSON-able."""
    if NAME not in model_registry:
        model_registry.register(NAME)(TrainedLM)
    with patch("lm_eval.evaluator.get_git_commit_hash", return_value=None):  # it would describe the working folder
        found = simple_evaluate(
            model=model_registry.get(NAME)(trained),
            tasks=tasks,
            task_manager=manager,
            num_fewshot=fewshot,
            limit=limit,
            log_samples=False,
        )
    found["config"]["model"] = f"{NAME}: {trained.name}"
    table: dict[str, Any] = json.loads(json.dumps(found, default=handle_non_serializable))
    return table
