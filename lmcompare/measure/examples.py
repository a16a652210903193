"""Qualitative examples: next tokens, continuations, the surprisal of held-out sentences, and words in context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lmcompare.measure.sampling import Sampling, continuation
from lmcompare.measure.selection import example_sentences
from lmcompare.measure.word_contexts import chosen_words, word_tables
from lmcompare.model import LanguageModel
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

NEXT = 10  # how many of the most likely next tokens are shown


def next_tokens(
    model: LanguageModel, corpus: TokenizedCorpus, prompt: str, k: int | None = NEXT
) -> list[dict[str, Any]]:
    """Return the ``k`` most likely tokens after a prompt, or all, with their probabilities in descending order."""
    ids = corpus.prompt_ids(prompt)
    text = Encoded.from_documents([ids], corpus.vocabulary)
    nats = model.next_log_probs(text, np.array([len(text)]))[0].astype(np.float64)  # (V,)
    best = np.argsort(-nats, kind="stable")[:k]
    return [{"token": corpus.vocabulary[int(i)], "probability": float(np.exp(nats[i]))} for i in best]


def continue_prompt(
    model: LanguageModel,
    corpus: TokenizedCorpus,
    prompt: str,
    length: int,
    sampling: Sampling,
    until: Sequence[str] | None = None,
) -> str:
    """Return the text of ``length`` tokens with which the model continues the prompt.

    With ``until`` the text is over before the first of these, and where its document ends.
    """
    vocabulary, detokenize = corpus.vocabulary, corpus.tokenizer.detokenize
    before, _ = corpus.tokenizer.tokenize(prompt)
    ends_document = corpus.tokenizer.covers == "documents"

    def text(drawn: list[int]) -> str:
        after = [vocabulary[i] for i in drawn]
        return detokenize([*before, *after]).removeprefix(detokenize(before))

    ids = corpus.prompt_ids(prompt)
    if until is None:
        return text(continuation(model, ids, vocabulary, length, sampling))

    def enough(drawn: list[int]) -> bool:
        return (ends_document and drawn[-1] == vocabulary.end) or any(stop in text(drawn) for stop in until)

    drawn = continuation(model, ids, vocabulary, length, sampling, enough)
    if ends_document and drawn[-1:] == [vocabulary.end]:
        drawn.pop()
    whole = text(drawn)
    return whole[: min((at for stop in until if (at := whole.find(stop)) >= 0), default=None)]


def model_examples(
    model: LanguageModel, corpus: TokenizedCorpus, options: Mapping[str, Any], seed: int
) -> tuple[dict[str, Any], Encoded]:
    """Return the table of ``examples.json``, and the sentences shown, each a document, for the model's exhibits.

    ``options``: the values of the experiment's ``[examples]``.
    """
    sampling = Sampling(options["temperature"], options["top_k"], options["top_p"], seed)
    prompts = [
        {
            "prompt": prompt,
            "next": next_tokens(model, corpus, prompt),
            "continuation": continue_prompt(model, corpus, prompt, options["length"], sampling),
            "sampling": {**asdict(sampling), "tokens": options["length"]},
        }
        for prompt in options["prompts"]
    ]
    chosen = example_sentences(corpus, options["sentences"])
    scored = _in_context(model, corpus, chosen)
    sentences = [
        {
            "document": sentence.document,
            "first": sentence.first,
            "tokens": sentence.tokens,
            "surprisal_bits": [float(-n / np.log(2)) if np.isfinite(n) else None for n in nats],
        }
        for sentence, nats in zip(chosen, scored, strict=True)
    ]
    ids = [corpus.test.ids[s.start : s.start + len(s.tokens)] for s in chosen]
    return {"prompts": prompts, "sentences": sentences}, Encoded.from_documents(ids, corpus.vocabulary)


def word_examples(model: LanguageModel, corpus: TokenizedCorpus, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ``words`` of ``examples.json``: each in several contexts, with the distances between its vectors."""
    return word_tables(model, corpus, chosen_words(corpus, options["prompts"], options["words"]))


def _in_context(model: LanguageModel, corpus: TokenizedCorpus, chosen: list[Any]) -> list[Any]:
    """Return the nats of each chosen sentence's tokens, scored within their documents, up to the sentence's end."""
    cut = [corpus.test.ids[corpus.test.starts[s.document] : s.start + len(s.tokens)] for s in chosen]
    text = Encoded.from_documents(cut, corpus.vocabulary)
    nats = model.log_probs(text)
    return [nats[end - len(s.tokens) : end] for s, end in zip(chosen, text.ends, strict=True)]
