"""The exhibits of retrieval: the worked equation, and the training contexts that were found for a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.exhibits import Exhibit, Passage, SourcedGuess, Sources, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import LONGEST
from lmcompare.models.retrieval.datastore import Datastore, Found, Mixing
from lmcompare.tokens import Encoded, FloatArray, IntArray

PASSAGES = 2  # passages of the training text for each guess
AROUND = 12  # tokens of a passage before the word that followed, and after it

EQUATION = latex_lines(
    r"P(w \mid h) &= (1 - \lambda)\,P_0(w \mid h) + \lambda\,P_K(w \mid h)",
    r"P_K(w \mid h) &= \frac{\sum_{k: w_k = w} g_k}{\sum_k g_k}, \quad"
    r" g_k = e^{(d_{K+1} - d_k) / T} - 1",
)
SAYING = (
    "The network turns the context h into a vector, and finds the K training contexts whose vectors are nearest. The"
    " smaller the squared distance d of such a context, the more the word that followed it counts. This prediction is"
    " mixed with that of the network."
)


def exhibits(
    store: Datastore,
    mixing: Mixing,
    base_name: str,
    text: Encoded,
    found: Found,
    base: FloatArray,
    rows: FloatArray,
) -> Iterator[Exhibit]:
    """Yield the exhibits for the example sentences in ``text``.

    Parameters
    ----------
    store, mixing : Datastore, Mixing
        The datastore and the mixing of the model.
    base_name : str
        The plug-in of the base.
    text : Encoded
        N tokens of sentences, each a document.
    found : Found
        The neighbours of all N positions.
    base : ndarray of shape (N,)
        The base's scores, in nats.
    rows : ndarray of shape (N, V)
        The distributions of the whole model, in nats.
    """
    right = store.following[found.which] == text.ids[:, None]
    retrieved = (mixing.shares(found) * right).sum(1)
    if mixing.shares(found).any():
        yield _worked(mixing, base_name, text, found, base, retrieved)
    first = int(np.argmax(np.diff(np.append(text.starts, len(text))) >= 4))
    begin, end = int(text.starts[first]), int(text.ends[first])
    yield Sources(
        title="Where its neighbours are",
        note="For each word of a sentence: the most likely known word, how many of the nearest training contexts it"
        " followed, and the nearest of these contexts.",
        guesses=tuple(_guess(store, text, found, rows, at) for at in range(begin, min(end, begin + LONGEST))),
    )


def _worked(
    mixing: Mixing, base_name: str, text: Encoded, found: Found, base: FloatArray, retrieved: FloatArray
) -> WorkedEquation:
    """Work the equation for the word that gains most."""
    some = mixing.shares(found).sum(1) > 0
    mixed = np.where(some, (1 - mixing.weight) * np.exp(base) + mixing.weight * retrieved, np.exp(base))
    with np.errstate(divide="ignore", invalid="ignore"):
        at = int(np.nanargmax(np.where(some, np.log(mixed) - base, -np.inf)))
    word = text.vocabulary[int(text.ids[at])]
    perplexities = mixing.perplexities
    gained = (
        " λ and T were chosen on the validation text, whose perplexity falls from"
        f" {perplexities[0]:.1f} to {perplexities[1]:.1f}."
        if len(perplexities) == 2
        else ""
    )
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}', which gains most in these sentences.{gained}",
        equation=EQUATION,
        saying=SAYING,
        lines=(
            (f"P₀({word}): by '{base_name}' alone", float(np.exp(base[at]))),
            ("K: the number of neighbours", float(found.which.shape[1])),
            ("T: the temperature", mixing.temperature),
            (f"the neighbours that '{word}' followed: their share P_K", float(retrieved[at])),
            ("λ: the weight of the neighbours", mixing.weight),
            (f"P({word})", float(mixed[at])),
        ),
    )


def _guess(store: Datastore, text: Encoded, found: Found, rows: FloatArray, at: int) -> SourcedGuess:
    """Return the most likely word at a place, except ``<unk>``, with the nearest contexts that it followed."""
    vocabulary = text.vocabulary
    known = np.flatnonzero(~vocabulary.is_unknown(np.arange(rows.shape[1])))
    guess = int(known[np.argmax(rows[at][known])])
    alone = text.context_starts(np.array([at]))[0] == at  # no token precedes the word
    which = found.which[at][:0] if alone else found.which[at]
    followed = which[store.following[which] == guess]
    return SourcedGuess(
        token=vocabulary[int(text.ids[at])],
        guess=vocabulary[guess],
        probability=float(np.exp(rows[at][guess])),
        followed=len(followed),
        occurs=len(which),
        passages=tuple(_passage(store, text, int(store.places[k])) for k in followed[:PASSAGES]),
    )


def _passage(store: Datastore, text: Encoded, place: int) -> Passage:
    """Return the passage around a place of the training text."""

    def words(ids: IntArray) -> str:
        return " ".join(text.vocabulary[int(i)] for i in ids)

    return Passage(
        before=words(store.words[max(0, place - AROUND) : place]),
        context="",
        next=words(store.words[place : place + 1]),
        after=words(store.words[place + 1 : place + 1 + AROUND]),
    )
