"""What a model says by itself: continuations drawn one token at a time, next tokens, and some held-out sentences."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from numbers import Integral, Real
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.measure.scoring import checked_log_probs, example_sentences
from lmcompare.model import FloatArray, LanguageModel, check_stepper, greatest, most_likely, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import END_TOKEN, Encoded, IntArray, Tokenizer, Vocabulary, text_after


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Parameters
    ----------
    temperature : float
        Divides the log-probabilities.
    top_k : int, optional
        Only this number of the most likely tokens can be drawn.
    top_p : float
        Of those, only the smallest set with this share of the probability (Holtzman et al. 2020).
    seed : int
        Of the draws.
    """

    temperature: float = 0.8
    top_k: int | None = 50
    top_p: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.temperature, Real) and 0 < self.temperature <= sys.float_info.max):
            raise LmcompareError(f"temperature must be a number above 0, not {reprlib.repr(self.temperature)}")
        if not (isinstance(self.top_p, Real) and 0 < self.top_p <= 1):
            raise LmcompareError(f"top_p must be a number above 0 and at most 1, not {reprlib.repr(self.top_p)}")
        if self.top_k is not None and not (isinstance(self.top_k, Integral) and self.top_k >= 1):
            raise LmcompareError(f"top_k must be a whole number, at least 1, or None, not {reprlib.repr(self.top_k)}")
        if not (isinstance(self.seed, Integral) and self.seed >= 0):
            raise LmcompareError(f"seed must be a whole number, at least 0, not {reprlib.repr(self.seed)}")


def draw(ids: IntArray, nats: FloatArray, sampling: Sampling, generator: np.random.Generator) -> int:
    """Return one of the token ids (n,), given the most likely first, drawn by their log-probabilities in nats."""
    below = nats[: sampling.top_k].astype(np.float64) - nats[0]  # 0 for the most likely token at any temperature
    with np.errstate(over="ignore"):
        weights = np.exp(below / sampling.temperature)
    weights /= weights.sum()
    # keep the shortest list that reaches top_p, its last member included
    kept = int(np.searchsorted(np.cumsum(weights), sampling.top_p)) + 1
    head = weights[:kept] / weights[:kept].sum()
    drawn = int(np.searchsorted(np.cumsum(head), generator.random(), side="right"))
    return int(ids[min(drawn, len(head) - 1)])


def continuation(model: LanguageModel, prefix: IntArray, vocabulary: Vocabulary, sampling: Sampling) -> Iterator[int]:
    """Yield token ids that continue ``prefix``, without end; ``<unk>`` is never drawn, because it spells no word."""
    generator = np.random.default_rng(sampling.seed)
    whose = type(model).__name__
    stepper = model.stepper(prefix, vocabulary)
    check_stepper(stepper, whose)
    k = len(vocabulary) if sampling.top_k is None else min(sampling.top_k + 1, len(vocabulary))
    while True:
        ids, nats = most_likely(stepper, k, whose)
        spelled = ~vocabulary.is_unknown(ids)
        if not np.isfinite(nats[spelled][:1]).any():
            raise PluginError(
                f"{whose}'s stepper gives every token that can be drawn a probability of 0: give some of them more"
            )
        token = draw(ids[spelled], nats[spelled], sampling, generator)
        yield token
        stepper.push(token)


NEXT = 10  # how many of the most likely next tokens are shown
LONGEST = 10_000  # tokens of a line of a continuation
INCOMPLETE = "\ufffd"  # the decoder's sign for an incomplete character


def next_tokens(
    model: LanguageModel, corpus: TokenizedCorpus, prompt: str, k: int | None = NEXT
) -> list[dict[str, Any]]:
    """Return the ``k`` most likely tokens after a prompt, or all, with their probabilities in descending order."""
    return tokens_after(model, corpus.prompt_ids(prompt), corpus.vocabulary, k)


def tokens_after(model: LanguageModel, ids: IntArray, vocabulary: Vocabulary, k: int | None) -> list[dict[str, Any]]:
    """Return the ``k`` most likely tokens after a document of these ids, as ``next_tokens`` does."""
    text = Encoded.from_documents([ids], vocabulary)
    nats = next_distributions(model, text, np.array([len(text)]))[0].astype(np.float64)  # (V,)
    return [{"token": vocabulary[int(i)], "probability": float(np.exp(nats[i]))} for i in greatest(nats, k)]


def continued(
    model: LanguageModel, corpus: TokenizedCorpus, prompt: str, length: int, sampling: Sampling
) -> Iterator[str]:
    """Yield the text of ``length`` tokens with which the model continues the prompt, a line at a time.

    No more than a line is in memory; of a line without an end, about ``LONGEST`` tokens.
    """
    before, _ = corpus.tokenizer.tokenize(prompt)
    held: list[str] = []
    for i in islice(continuation(model, corpus.prompt_ids(prompt), corpus.vocabulary, sampling), length):
        held.append(corpus.vocabulary[i])
        ends = _ends_line(corpus.tokenizer, held[-1])
        if ends or (len(held) >= LONGEST and not text_after(corpus.tokenizer, before, held).endswith(INCOMPLETE)):
            yield text_after(corpus.tokenizer, before, held)
            before, held = held[-1:], []
    yield text_after(corpus.tokenizer, before, held)


def continued_by_token(
    model: LanguageModel, corpus: TokenizedCorpus, prompt: str, length: int, sampling: Sampling
) -> Iterator[str]:
    """Yield the text that each of ``length`` tokens adds with which the model continues the prompt.

    A token that ends within a character adds its text together with the next one.
    """
    before, _ = corpus.tokenizer.tokenize(prompt)
    drawn: list[str] = []
    said = ""
    for i in islice(continuation(model, corpus.prompt_ids(prompt), corpus.vocabulary, sampling), length):
        drawn.append(corpus.vocabulary[i])
        whole = text_after(corpus.tokenizer, before, drawn)
        if whole.endswith(INCOMPLETE):
            continue
        # a second quotation mark moves the blank at the first one, which was yielded before
        yield whole[len(said) :] if whole.startswith(said) else text_after(corpus.tokenizer, drawn[-2:-1], drawn[-1:])
        said = whole


def continued_until(
    model: LanguageModel,
    corpus: TokenizedCorpus,
    prompt: str,
    length: int,
    sampling: Sampling,
    until: Sequence[str],
) -> str:
    """Return the text of at most ``length`` tokens with which the model continues the prompt.

    It is over before the first of the texts ``until``, and where its document ends.
    """
    before, _ = corpus.tokenizer.tokenize(prompt)
    drawn: list[str] = []
    for i in islice(continuation(model, corpus.prompt_ids(prompt), corpus.vocabulary, sampling), length):
        if corpus.tokenizer.covers == "documents" and i == corpus.vocabulary.end:
            break
        drawn.append(corpus.vocabulary[i])
        if any(stop in text_after(corpus.tokenizer, before, drawn) for stop in until):
            break
    whole = text_after(corpus.tokenizer, before, drawn)
    return whole[: min((at for stop in until if (at := whole.find(stop)) >= 0), default=None)]


def _ends_line(tokenizer: Tokenizer, token: str) -> bool:
    return token == END_TOKEN or (tokenizer.covers != "words" and tokenizer.token_bytes(token).endswith(b"\n"))


def prompt_examples(
    model: LanguageModel, corpus: TokenizedCorpus, options: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Return the next tokens and a continuation of each prompt; ``options`` as in ``[examples]`` of an experiment."""
    sampling = Sampling(options["temperature"], options["top_k"], options["top_p"], seed)
    return [
        {
            "prompt": prompt,
            "next": next_tokens(model, corpus, prompt),
            "continuation": "".join(continued(model, corpus, prompt, options["length"], sampling)),
            "sampling": {**asdict(sampling), "tokens": options["length"]},
        }
        for prompt in options["prompts"]
    ]


def sentence_examples(model: LanguageModel, corpus: TokenizedCorpus, number: int) -> list[dict[str, Any]]:
    """Return some test sentences with the surprisal of each token in bits, None for infinity."""
    chosen = example_sentences(corpus, number)
    scored = _in_context(model, corpus, chosen)
    return [
        {
            "document": sentence.document,
            "first": sentence.first,
            "tokens": sentence.tokens,
            "surprisal_bits": [float(-n / np.log(2)) if np.isfinite(n) else None for n in nats],
        }
        for sentence, nats in zip(chosen, scored, strict=True)
    ]


def shown_sentences(corpus: TokenizedCorpus, number: int) -> Encoded:
    """Return the sentences of ``sentence_examples``, each a document, for the exhibits of a model."""
    ids = [corpus.test.ids[s.start : s.start + len(s.tokens)] for s in example_sentences(corpus, number)]
    return Encoded.from_documents(ids, corpus.vocabulary)


def _in_context(model: LanguageModel, corpus: TokenizedCorpus, chosen: list[Any]) -> list[Any]:
    """Return the nats of each chosen sentence's tokens, scored within its document, which is read once."""
    ends: dict[int, int] = {}  # of the last chosen sentence in each document
    for s in chosen:
        ends[s.document] = max(ends.get(s.document, 0), s.first + len(s.tokens))
    test = corpus.test
    cut = [test.ids[test.starts[document] :][:end] for document, end in ends.items()]
    text = Encoded.from_documents(cut, corpus.vocabulary)
    nats = checked_log_probs(model, text)
    begins = dict(zip(ends, text.starts.tolist(), strict=True))
    return [nats[begins[s.document] + s.first :][: len(s.tokens)] for s in chosen]
