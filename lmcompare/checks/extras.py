"""Checks of what a model offers besides probabilities: its title and notes, exhibits, vectors and its size."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np

from lmcompare.checks.asked import AGREEMENT
from lmcompare.checks.kit import Finding, check
from lmcompare.checks.probe import Probe
from lmcompare.errors import PluginError
from lmcompare.exhibits import MOST, from_json, problem_with, to_json
from lmcompare.model import FloatArray, check_words, checked_size

TITLE_LENGTH = 60  # characters


@check("title-and-summary-are-texts")
def title_and_summary_are_texts(probe: Probe) -> Finding:
    """``title`` is a short name on one line, without a full stop, and ``summary`` is a sentence."""
    title, summary = probe.untrained.title(), probe.untrained.summary()
    check_words(title, summary, (), probe.untrained.idea, type(probe.untrained).__name__)
    for name, text in (("title", title), ("summary", summary)):
        if "\n" in text:
            return Finding(False, f"{name} returned {text!r}: return a text of one line")
    if not 0 < len(title.strip()) <= TITLE_LENGTH or title.endswith("."):
        limit = f"1 to {TITLE_LENGTH} characters without a full stop"
        return Finding(False, f"title returned {title!r}: return a name of {limit}")
    if probe.fitted.title() != title:
        return Finding(False, f"title is {title!r} before training and {probe.fitted.title()!r} after it")
    return Finding(True, f"it is called {title!r}")


@check("notes-are-sentences")
def notes_are_sentences(probe: Probe) -> Finding:
    """``notes`` is a tuple of sentences, the same after saving and loading."""
    notes = probe.fitted.notes
    if not isinstance(notes, tuple) or not all(isinstance(note, str) and note.strip() for note in notes):
        return Finding(False, f"notes is {notes!r}: it must be a tuple of texts, empty if there is nothing to say")
    check_words("", "", notes, None, type(probe.fitted).__name__)
    unfinished = [note for note in notes if note.rstrip()[-1] not in ".!?"]
    if unfinished:
        return Finding(False, f"the note {unfinished[0]!r} is not a sentence: end it with a full stop")
    restored = probe.make().restore(probe.fitted.state()).notes
    if restored != notes:
        return Finding(False, f"a restored model has the notes {restored!r}, the trained one {notes!r}: store them")
    return Finding(True, f"{len(notes)} notes")


@check("exhibits-are-well-formed")
def exhibits_are_well_formed(probe: Probe) -> Finding:
    """Exhibits are of the known kinds, their parts fit together, JSON holds them and they come out the same."""
    texts = probe.texts
    sentences = texts.text("exhibits", documents=1, tokens=30).split_sentences()
    text = texts.encoded(*list(sentences.documents())[:3], [0, 0, 4, 1])
    shown = list(islice(probe.fitted.exhibits(text), MOST + 1))
    if len(shown) > MOST:
        return Finding(False, f"it has more than {MOST} exhibits, which nobody reads: show fewer")
    stored = []
    for exhibit in shown:
        if wrong := problem_with(exhibit):
            return Finding(False, f"{type(exhibit).__name__} '{str(getattr(exhibit, 'title', ''))[:80]}': {wrong}")
        written = json.dumps(to_json(exhibit), allow_nan=False)
        if from_json(json.loads(written)) != exhibit:
            reason = f"{exhibit.kind} '{exhibit.title}' is not the same after JSON: use tuples, not lists"
            return Finding(False, reason)
        stored.append(written)
    again = [json.dumps(to_json(e)) for e in probe.fitted.exhibits(text)]
    if again != stored:
        return Finding(False, "asked again, it shows other exhibits for the same text")
    kinds = sorted({e.kind for e in shown})
    return Finding(True, f"{len(shown)} exhibits{': ' if kinds else ''}{', '.join(kinds)}")


@check("word-vectors-fit")
def word_vectors_fit(probe: Probe) -> Finding:
    """``word_vectors`` is None or a finite (V, d) array of floats."""
    vectors = probe.fitted.word_vectors()
    if vectors is None:
        return Finding(True, "it has none")
    V = len(probe.texts.vocabulary)
    if wrong := _wrong_vectors("word_vectors", vectors, V):
        return Finding(False, wrong)
    return Finding(True, f"{V} vectors of {vectors.shape[1]} dimensions")


@check("context-vectors-fit")
def context_vectors_fit(probe: Probe) -> Finding:
    """``context_vectors`` is None or a finite (n, d) array of floats, the same whatever follows in the document."""
    whole = probe.texts.text("context vectors", documents=3, tokens=40)
    at = np.array([0, 5, 5, 17, int(whole.starts[1]), len(whole) - 1])
    vectors = probe.fitted.context_vectors(whole, at)
    if vectors is None:
        return Finding(True, "it has none")
    if wrong := _wrong_vectors("context_vectors", vectors, len(at)):
        return Finding(False, wrong)
    document, start = whole.document_of(at), whole.context_starts(at)
    cut = probe.texts.encoded(*(whole.ids[a : b + 1] for a, b in zip(start, at, strict=True)))
    alone = probe.fitted.context_vectors(cut, cut.ends - 1)
    if not isinstance(alone, np.ndarray) or alone.shape != vectors.shape:
        return Finding(False, f"context_vectors gives other shapes where documents end, not {vectors.shape}")
    gaps = np.abs(alone - vectors).max(1) / max(float(np.abs(vectors).max()), 1e-9)
    worst = int(gaps.argmax())
    if probe.untrained.traits.causal and gaps[worst] > AGREEMENT:
        where = f"position {at[worst] - start[worst]} of document {document[worst]}"
        return Finding(False, f"the vector at {where} changes if the text ends there: it sees the future")
    return Finding(True, f"{vectors.shape[1]} dimensions, the same whatever follows", float(gaps[worst]))


@check("size-is-told")
def size_is_told(probe: Probe) -> Finding:
    """``size`` returns whole numbers of parameters and of bytes, 0 to 10**18; ``sized`` names hyper-parameters."""
    try:
        size = checked_size(probe.fitted.size(), type(probe.fitted).__name__)
    except PluginError as error:
        return Finding(False, str(error))
    widths = probe.fitted.sized(size.parameters, len(probe.texts.vocabulary))
    for name in widths or ():
        if name not in probe.fitted.parameter_names():
            return Finding(False, f"sized names '{name}', which is not a hyper-parameter")
    return Finding(True, f"{size.parameters:,} parameters, {size.bytes:,} bytes")


def _wrong_vectors(name: str, vectors: FloatArray, rows: int) -> str:
    """Return why these are not ``rows`` finite vectors; "" if they are."""
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or len(vectors) != rows or not vectors.shape[1]:
        return f"{name} has shape {np.shape(vectors)}: it must be ({rows}, d)"
    if not np.issubdtype(vectors.dtype, np.floating) or not np.isfinite(vectors).all():
        return f"{name} has values that are not finite floating-point numbers"
    return ""
