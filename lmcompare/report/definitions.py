"""What every number means and in which unit it is: one place, for the glossary and for every heading's tip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A number of the report; ``definition`` is whole sentences."""

    name: str
    unit: str
    definition: str


TERMS: dict[str, Term] = {
    "bits_per_byte": Term(
        "Bits per byte",
        "bits per byte of UTF-8 text, less is better",
        "How many bits the model needs to write down the held-out text, divided by the text's bytes. Every "
        "byte is charged once: by a token, by the mark at a sentence's end, or by a small model of gaps and "
        "spellings that is the same for all models with that tokenizer. It is the one figure that compares "
        "models with different tokens.",
    ),
    "interval": Term(
        "95 % interval",
        "the unit of the figure it belongs to",
        "How far the figure depends on what happened to be drawn for test: the bootstrap draws test documents again "
        "and again, the same ones for every model. Where there are few documents, blocks of sentences are drawn, and "
        "the interval is for other passages of these documents; for other documents it would be wider.",
    ),
    "rank": Term(
        "Rank",
        "",
        "1 and the number of models that are significantly better by the paired bootstrap, so that models that "
        "can't be told apart share a rank. Models that are not valid probability models, and models that failed, "
        "have none.",
    ),
    "perplexity": Term(
        "Perplexity",
        "effective choices per token, less is better",
        "2 to the power of the mean surprisal in bits, over all test tokens: among how many equally likely "
        "tokens the model hesitates on average. It depends on what a token is and may only be compared "
        "between models that have the same tokens and the same vocabulary.",
    ),
    "perplexity_excluding_unknown": Term(
        "Perplexity without unknown words",
        "effective choices per token, less is better",
        "The perplexity over the test tokens whose word is in the vocabulary. Words outside it are all one "
        "token, <unk>, which is easy to guess and makes the plain figure look better.",
    ),
    "perplexity_reset": Term(
        "Reset perplexity",
        "effective choices per token, less is better",
        "The same model scored with every sentence as a document of its own, so that nothing is remembered "
        "across sentences. N-gram tools report this figure: compare theirs with this column, not with the "
        "plain one. A model that learns from earlier documents never begins anew and has none.",
    ),
    "top1_accuracy": Term(
        "Top-1 accuracy",
        "percent of test tokens, more is better",
        "How often the token that came was the model's likeliest.",
    ),
    "top5_accuracy": Term(
        "Top-5 accuracy",
        "percent of test tokens, more is better",
        "How often the token that came was among the model's five likeliest.",
    ),
    "surprisal": Term(
        "Surprisal",
        "bits",
        "Minus the logarithm, to the base 2, of the probability that the model gave to the token that came. "
        "1 bit is the surprise of a coin, 10 bits that of one chance in 1,024.",
    ),
    "train_seconds": Term(
        "Training time",
        "seconds of wall clock",
        "The time from the first look at the training text to a ready model.",
    ),
    "microseconds_per_token": Term(
        "Time per token",
        "microseconds of wall clock per scored token",
        "The time to give one held-out token its probability. A softmax reads the whole vocabulary for it, a table "
        "of counts looks a few places up, a plug-in that can't score faster makes the whole distribution.",
    ),
    "peak_memory_bytes": Term(
        "Peak memory",
        "bytes (1 MB is a million)",
        "The most memory the process held while it trained and scored this model, Python and its libraries included.",
    ),
    "parameters": Term(
        "Parameters",
        "a count",
        "The numbers that training fitted.",
    ),
    "model_bytes": Term(
        "Model size",
        "bytes (1 MB is a million)",
        "What the trained model takes when it is stored.",
    ),
    "tokens_read": Term(
        "Tokens read",
        "a count",
        "How many tokens of train the model read while it was trained, those read again counted again. Models that "
        "count once, in one go, have none.",
    ),
    "loss": Term(
        "Loss",
        "nats per token, less is better",
        "The mean surprisal with the natural logarithm: 1 nat is 1.443 bits; e to the power of the loss is the "
        "perplexity on the same tokens. Learning curves follow a part of valid, some thousand tokens, and so differ "
        "from figures on all of it.",
    ),
    "pareto": Term(
        "Pareto front",
        "",
        "The models than which no other is both cheaper and better. A model above the dashed line is beaten on both.",
    ),
    "truth": Term(
        "Truth checks",
        "nats, or a difference of probability",
        "Checks on every run at sampled positions of the test text: the next-token probabilities sum to "
        "one, the scores agree with those distributions, the future of a text does not change the scores of "
        "its past, and scoring twice gives the same. A model that fails one is not a valid probability "
        "model and is not ranked.",
    ),
    "unknown": Term(
        "Unknown words",
        "percent of tokens",
        "Tokens whose word is not in the vocabulary, which is made from the training text alone. They are "
        "scored as <unk>; bits per byte charges their spelling as well.",
    ),
    "fingerprint": Term(
        "Fingerprint",
        "",
        "A digest of the text and its splits, or of tokenizer and vocabulary: figures with different "
        "fingerprints were not measured on the same thing.",
    ),
    "context_distance": Term(
        "Context distance",
        "1 minus a cosine, from 0 to 2",
        "How far apart a model's vectors of one word lie in two contexts: 1 minus the cosine of the two, after the "
        "model's mean vector over a sample of test was taken away from both. 0 is one and the same direction; 1 is "
        "as unlike as two tokens of the text are on average. The vector is what the model holds when it has read "
        "the document up to and including the word: for a network the features from which it predicts the next "
        "token, for a bag of word vectors the word's own.",
    ),
}
