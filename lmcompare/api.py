"""The Python interface: compare models on a corpus, and take trained models out of a run folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.errors import LmcompareError, unknown
from lmcompare.model import FloatArray, LanguageModel

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Corpus, Document
    from lmcompare.harness.prepared import Prepared
    from lmcompare.harness.sampling import Sampling

ModelLike = str | type[LanguageModel] | LanguageModel | Mapping[str, Any]


def compare(
    corpus: str | Path | Sequence[str] | Mapping[str, str] | Corpus = "wiki-sample",
    models: Sequence[ModelLike] | ModelLike | None = None,
    *,
    out: str | Path | None = None,
    preset: str = "default",
    tokens: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0,),
    prompts: Sequence[str] | str | None = None,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> Comparison:
    """Train and score models on one corpus; what ``lmcompare run`` does, from Python.

    Parameters:
        corpus: a name ("wiki-sample", "lee"), a path, a mapping of ``train``, ``valid`` and ``test`` paths, a
            sequence of texts, one a document, or a loaded ``Corpus``.
        models: plug-in names, classes, untrained model objects, or mappings like an experiment's ``[[models]]``;
            default: the built-in five. Named plug-ins train in processes of their own; classes and objects train
            in this one, with one seed.
        out: the run folder; a temporary one if not given. What is finished there is kept unless ``force``.
        tokens: as ``[tokens]``, for example ``{"kind": "char"}``; default ``{"kind": "word", "min_count": 2}``.
        options: as ``[corpus]``: documents, sentences, lowercase, nfc, encoding, text_column.

    Raises ``LmcompareError`` for bad input. A model that raises fails alone: see ``Comparison.failures``.
    """
    from lmcompare import corpora
    from lmcompare.harness import experiment as files
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import run

    models = [models] if isinstance(models, str | type | LanguageModel | Mapping) else models
    prompts = [prompts] if isinstance(prompts, str) else prompts
    live: dict[str, LanguageModel] = {}
    listed = [_table(m, live, seeds) for m in models] if models is not None else None
    loaded = corpus if isinstance(corpus, corpora.Corpus) else None
    if isinstance(corpus, str | Path):
        where = {"source": str(corpus), **options}
    elif isinstance(corpus, Mapping):
        where = {**corpus, **options}
    else:
        where = {"source": loaded.name if loaded else "documents", **options}
    table = files.shipped("default").model_dump(mode="json")
    table.update(name="comparison", corpus=where, preset=preset, seeds=list(seeds), device=device, threads=threads)
    table["models"] = table["models"] if listed is None else listed
    table["tokens"] = table["tokens"] if tokens is None else dict(tokens)
    if prompts is not None:
        table["examples"]["prompts"] = list(prompts)
    plan = files.parse(table, "compare")
    if loaded is None and not isinstance(corpus, str | Path | Mapping):
        loaded = corpora.load(list(corpus), plan.corpus.options)  # type: ignore[arg-type]
    folder = Path(tempfile.mkdtemp(prefix="lmcompare-")) if out is None else Path(out)
    outcome = run(
        plan,
        folder,
        force=force,
        show=display(quiet=quiet),
        corpus=loaded,
        live=live,
        command="lmcompare.compare(…)",
    )
    return Comparison(outcome.folder, outcome.failures)


def load(folder: str | Path) -> Comparison:
    """Open a run folder; its trained models are ready to use. Raises ``LmcompareError`` if it is not one."""
    from lmcompare.analysis import load_run

    run = load_run(Path(folder))
    failures = {f"{cell.name}/{cell.seed}": str(cell.error) for cell in run.cells if cell.status == "failed"}
    return Comparison(Path(folder), failures)


class Comparison:
    """A finished run: its table, its report, and its trained models."""

    def __init__(self, folder: Path, failures: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.failures: dict[str, str] = dict(failures or {})

    def __repr__(self) -> str:
        return f"Comparison({str(self.folder)!r})\n{self.table.to_string()}"

    @property
    def table(self) -> pd.DataFrame:
        """One row a model, the best first; the columns are defined in ``docs/metrics.md``."""
        from lmcompare.analysis import leaderboard, load_run

        return leaderboard(load_run(self.folder))

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that were trained."""
        return tuple(dict.fromkeys(row["name"] for row, _ in self._finished()))

    def model(self, name: str, seed: int | None = None) -> TrainedModel:
        """Return a trained model. Raises ``LmcompareError`` if the run has none of this name or seed."""
        return TrainedModel.open(self.folder, name, seed, list(self._finished()))

    def to_html(self) -> str:
        """Return the report, one page that works offline."""
        return (self.folder / "report.html").read_text(encoding="utf-8")

    def _repr_html_(self) -> str:
        table: str = self.table.to_html(na_rep="–", float_format="{:,.4g}".format)
        return table

    def _finished(self) -> Iterator[tuple[dict[str, Any], Path]]:
        from lmcompare.storage import read_json

        for model in read_json(self.folder / "manifest.json")["models"]:
            for place in model["cells"]:
                cell = read_json(self.folder / place / "cell.json")
                if cell["status"] == "done":
                    yield cell, self.folder / place


@dataclass(frozen=True)
class Scored:
    """A text's score: nats in all, bits per byte with every byte charged, and the tokens with their bits.

    ``surprisal_bits``: −log2 of each token's probability under the model; ``side_bits``: what is charged beside the
    model for spelling unknown words and for the gaps between tokens.
    """

    name: str
    text: str
    log_probability: float
    bits_per_byte: float
    tokens: tuple[str, ...]
    surprisal_bits: tuple[float, ...]
    side_bits: tuple[float, ...]

    def to_json(self, *, tokens: bool = False) -> dict[str, Any]:
        """Return a JSON-able table; ``tokens`` adds each token with its surprisal; null is an infinite figure."""
        table: dict[str, Any] = {
            "text": self.text,
            "log_probability": _finite(self.log_probability),
            "bits_per_byte": _finite(self.bits_per_byte),
        }
        if tokens:
            table["tokens"] = [
                {"token": token, "surprisal_bits": _finite(bits)}
                for token, bits in zip(self.tokens, self.surprisal_bits, strict=True)
            ]
        return table


class TrainedModel:
    """A model of a run with its tokenizer: text in, figures and text out."""

    def __init__(self, name: str, model: LanguageModel, prepared: Prepared) -> None:
        self.name = name
        self.model = model
        self._prepared = prepared

    @classmethod
    def open(
        cls, folder: Path, name: str, seed: int | None, cells: Sequence[tuple[Mapping[str, Any], Path]]
    ) -> TrainedModel:
        """Restore one of the finished cells; ``seed`` None takes the first."""
        from lmcompare import plugins
        from lmcompare.harness.prepared import Prepared
        from lmcompare.storage import load_state

        of_name = [(cell, place) for cell, place in cells if cell["name"] == name]
        if not of_name:
            raise LmcompareError(f"{folder}: {unknown('model', name, {c['name'] for c, _ in cells})}")
        chosen = [pair for pair in of_name if seed is None or pair[0]["seed"] == seed]
        if not chosen:
            seeds = ", ".join(str(cell["seed"]) for cell, _ in of_name)
            raise LmcompareError(f"'{name}' was not run with seed {seed}; its seeds are {seeds}")
        cell, place = chosen[0]
        model = plugins.build(cell["plugin"], cell["hyperparameters"])
        model.restore(load_state(place / "model"))
        return cls(name, model, Prepared.load(folder / "tokens" / cell["tokens_fingerprint"], texts=False))

    def __repr__(self) -> str:
        return f"TrainedModel({self.name!r}, {type(self.model).__name__})"

    def score(self, text: str) -> Scored:
        """Score a text as one document; its lines are its sentences."""
        from lmcompare.corpora import documents_of

        return next(iter(self.score_documents(documents_of([text]))))

    def score_documents(self, documents: Iterable[Document]) -> Iterator[Scored]:
        """Score documents one by one."""
        for document in documents:
            encoded, tokens, side_bits = self._prepared.read([document])
            nats = self.model.log_probs(encoded)
            bits = -np.asarray(nats, np.float64) / np.log(2)
            yield Scored(
                name=document.name,
                text=document.text,
                log_probability=float(np.sum(nats)),
                bits_per_byte=float((bits.sum() + side_bits.sum()) / max(len(document.text.encode()), 1)),
                tokens=tuple(tokens),
                surprisal_bits=tuple(bits.tolist()),
                side_bits=tuple(side_bits.tolist()),
            )

    def next_tokens(self, prompt: str) -> list[tuple[str, float]]:
        """Return the ten likeliest tokens after a prompt, with their probabilities."""
        from lmcompare.harness.examples import next_tokens

        return [(row["token"], row["probability"]) for row in next_tokens(self.model, self._prepared, prompt)]

    def generate(self, prompt: str, length: int = 50, sampling: Sampling | None = None) -> str:
        """Return the text that the model goes on with, ``length`` tokens long."""
        from lmcompare.harness.examples import continue_prompt
        from lmcompare.harness.sampling import Sampling

        return continue_prompt(self.model, self._prepared, prompt, length, sampling or Sampling())

    def word_vector(self, word: str) -> FloatArray:
        """Return a token's vector (d,). Raises ``LmcompareError`` for a model without vectors or an unknown token."""
        vectors = self.model.word_vectors()
        if vectors is None:
            raise LmcompareError(f"'{self.name}' has no word vectors: ask word2vec-bow")
        if word not in self._prepared.vocabulary:
            raise LmcompareError(f"'{word}' is not in the vocabulary")
        vector: FloatArray = vectors[self._prepared.vocabulary.id(word)]
        return vector


def _finite(figure: float) -> float | None:
    return figure if np.isfinite(figure) else None


def _table(model: ModelLike, live: dict[str, LanguageModel], seeds: Sequence[int]) -> dict[str, Any]:
    """Return the experiment's table of a model; live objects are put aside under their names."""
    if isinstance(model, str):
        return {"plugin": model}
    if isinstance(model, Mapping):
        return dict(model)
    instance = model() if isinstance(model, type) else model
    if len(seeds) > 1:
        raise LmcompareError("a model object is trained with one seed: name its plug-in instead to run several seeds")
    cls = type(instance)
    name = cls.__name__
    while name in live:
        name += "+"
    live[name] = instance
    return {"plugin": f"{cls.__module__}:{cls.__qualname__}", "name": name, **instance.hyperparameters()}
