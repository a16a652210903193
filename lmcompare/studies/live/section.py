"""Type your own text: what the page carries, so that its models answer without Python and without a network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.corpora.schemes.gensim_data import SOURCE
from lmcompare.errors import LmcompareError
from lmcompare.render import numbers
from lmcompare.render.templating import asset
from lmcompare.report.data import SERVED, Model, ReportData, Section
from lmcompare.runfolder.tokens import TokenizedCorpus

MOST_EXAMPLES = 200_000  # characters of the words that spelling is learnt from, compressed
MOST_TOKENS = 1_000_000  # of the training text
KINDS = ("kneser-ney", "frequencies", "network", "cache")  # of models that the page can compute
# one program, in this order
ENGINE = ("live-layers.js", "live-network.js", "live-pieces.js", "live-spelling.js", "live-engine.js")
WORDS_FIRST = "The"  # the text in the field if the run has no prompt


@dataclass(frozen=True)
class Answering:
    """A model and how the page computes it; ``reason`` says why not, and ``quality`` how good the copy is."""

    model: Model
    copy: Mapping[str, Any]
    reason: str = ""
    quality: str = ""


def build(data: ReportData) -> Section | None:
    """Return the section; None if the page can compute none of the models."""
    if data.page.get("live") == SERVED:
        served = [model for model in data.scored if model.name in data.page["models"]]
        here = [Answering(model, {}, quality="The model itself, on the server of this page.") for model in served]
        names = [{"name": model.title, "id": model.name} for model in served]
        return _section(data, {"served": True, "models": names}, here)
    fingerprint = data.main_tokens
    if not fingerprint or "none" in _options(data, "live"):
        return None
    models = data.groups[fingerprint]
    entry = data.run.manifest.tokens[fingerprint]
    no_text = _why_no_text(data, entry.tokens.get("train", 0))
    found = [_answering(data, model, no_text) for model in models]
    here = [each for each in found if not each.reason]
    if not here:
        return None
    tokens = data.run.tokens[fingerprint]
    try:
        cut = _cut(entry.in_page, tokens)
    except LmcompareError as error:
        return _section(data, {}, here, why=error)
    carries = any(_needs_text(each.copy) for each in here)
    return _section(
        data,
        _packed(tokens, cut, here, carries),
        here,
        left_out=[each for each in found if each.reason],
        others=[model for model in data.scored if model not in models],
        licensed=carries and _is_public(data),
    )


def _section(data: ReportData, packed: Mapping[str, Any], answering: Sequence[Answering], **values: Any) -> Section:
    """Return the section with what the script reads, and the models that answer."""
    return Section.written(
        "live",
        "Type your own text",
        __package__,
        data=packed,
        answering=answering,
        beginning=_beginning(answering[0].model),
        unranked=data.unranked,
        **values,
    )


def _cut(in_page: Mapping[str, Any], tokens: TokenizedCorpus) -> Mapping[str, Any]:
    """Return how the page cuts a text. Raises ``LmcompareError`` if it can't."""
    if "cut" not in in_page:
        raise LmcompareError(in_page.get("reason", "the run was made before pages had models: run it again"))
    if in_page["cut"] != "pieces":
        return in_page
    return {**in_page, "table": _compressed(json.dumps(tokens.pieces_in_page(), ensure_ascii=False).encode())}


def _why_no_text(data: ReportData, tokens: int) -> str:
    """Return why the page does not carry the training text, or ""."""
    if not _is_public(data) and not all(_options(data, "live_text")):
        return "it needs the training text, which the page gives away only with --live-text"
    if tokens > MOST_TOKENS:
        return f"it needs the training text, which is longer than {numbers.count(MOST_TOKENS)} tokens"
    return ""


def _options(data: ReportData, name: str) -> list[Any]:
    """Return an option of the page: as the user wants it now, or else as each run had it."""
    return [data.page[name]] if name in data.page else [run.manifest.experiment.get(name) for run in data.run.runs]


def _is_public(data: ReportData) -> bool:
    """Return whether the text may be given away: the licence of the Wikipedia is CC BY-SA."""
    return all(run.corpus.source == SOURCE for run in data.run.runs)


def _answering(data: ReportData, model: Model, no_text: str) -> Answering:
    copy = model.cell.measured("live") or {"reason": "it could not be measured"}
    kind = copy.get("kind")
    if kind not in KINDS:
        return Answering(model, {}, str(copy.get("reason", f"the page can't compute models of the kind '{kind}'")))
    return Answering(model, copy, no_text if _needs_text(copy) else "", _quality(copy))


def _needs_text(copy: Mapping[str, Any]) -> bool:
    """Return whether the page computes a model from the training text."""
    return bool(copy.get("base", copy)["kind"] == "kneser-ney")


def _quality(copy: Mapping[str, Any]) -> str:
    """Return how much worse a copy is than the model, in bits per byte of the beginning of the test text."""
    if "bits_lost" not in copy:
        return "The model itself."
    return (
        f"A pocket copy: it needs {numbers.decimals(copy['bits_lost'], 3)} bits per byte more than the model itself."
    )


def _beginning(model: Model) -> str:
    """Return the initial text of the field: the longest prompt of the run."""
    prompts = [str(prompt["prompt"]) for prompt in model.cell.measured("prompts") or ()]
    return max(prompts, key=len, default=WORDS_FIRST)


def _packed(
    tokens: TokenizedCorpus, cut: Mapping[str, Any], answering: list[Answering], carries: bool
) -> dict[str, Any]:
    """Return the vocabulary, the training text if it is carried, and the models, for JSON."""
    vocabulary, train = tokens.vocabulary, tokens.train
    text: dict[str, Any] | None = None
    if carries:
        kind = np.uint16 if len(vocabulary) < 2**16 else np.int32
        text = {
            "ids": _compressed(train.ids.astype(np.dtype(kind).newbyteorder("<")).tobytes()),
            "documents": train.starts.tolist(),
            "titles": list(train.names),
        }
    return {
        "engine": "".join(asset(name, __package__) for name in ENGINE),
        "cut": cut,
        "words": _compressed(json.dumps(list(vocabulary.tokens), ensure_ascii=False).encode()),
        "counts": _compressed(json.dumps(vocabulary.counts.tolist()).encode()),
        "end": vocabulary.end,
        "unknown": vocabulary.unknown,
        "spelling": _spelling(tokens, cut),
        "text": text,
        "models": [{"name": each.model.title, "copy": each.copy} for each in answering],
    }


def _spelling(tokens: TokenizedCorpus, cut: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the model of the spelling of unknown words; None for pieces, and if its examples are too many."""
    if cut["cut"] == "pieces":
        return None
    model = tokens.code.spelling.to_json()
    examples = _compressed(json.dumps(model["examples"]).encode())
    return {"order": model["order"], "examples": examples} if len(examples) <= MOST_EXAMPLES else None


def _compressed(raw: bytes) -> str:
    """Return bytes as base64 of gzip, which the page can read; the same for the same bytes."""
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode()
