"""The Python interface: compare models on a corpus, and take trained models out of a run folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.errors import LmcompareError, blamed_on, unknown
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
    tokens: Mapping[str, Any] | str | None = None,
    seeds: Sequence[int] | int = (0,),
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
        tokens: a kind, such as "char", or a table like ``[tokens]``; default ``{"kind": "word", "min_count": 2}``.
        seeds: one, or several for mean and spread.
        options: as ``[corpus]``: documents, sentences, lowercase, nfc, encoding, text_column.

    Raises ``LmcompareError`` for bad input. A model that raises fails alone: see ``Comparison.failures``.
    """
    from lmcompare import corpora
    from lmcompare.harness import experiment as files
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import run

    models = [models] if isinstance(models, str | type | LanguageModel | Mapping) else models
    prompts = [prompts] if isinstance(prompts, str) else prompts
    tokens = {"kind": tokens} if isinstance(tokens, str) else tokens
    seeds = (seeds,) if isinstance(seeds, int) else tuple(seeds)
    if not isinstance(corpus, corpora.Corpus | str | Path | Mapping | Sequence):
        raise LmcompareError(
            "a corpus is a name, a path, a mapping of train, valid and test, or a sequence of texts, not "
            f"{_article(corpus)}"
        )
    live: dict[str, LanguageModel] = {}
    listed = [_table(m, live, preset, len(seeds)) for m in models] if models is not None else None
    loaded = corpus if isinstance(corpus, corpora.Corpus) else None
    if isinstance(corpus, str | Path):
        where = {"source": str(corpus), **options}
    elif isinstance(corpus, Mapping):
        where = {**corpus, **options}
    else:
        where = {"source": loaded.name if loaded else "documents", **options}
    table = files.shipped("default").model_dump(mode="json")
    table.update(name="comparison", corpus=where, preset=preset, seeds=seeds, device=device, threads=threads)
    table["models"] = table["models"] if listed is None else listed
    table["tokens"] = table["tokens"] if tokens is None else tokens
    if prompts is not None:
        table["examples"]["prompts"] = tuple(prompts)
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
        from lmcompare.analysis import load_run

        for cell in load_run(self.folder).cells:
            if cell.status == "done":
                yield dict(cell.info), cell.path


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

    def __init__(self, name: str, model: LanguageModel, prepared: Prepared, truthful: bool) -> None:
        self.name = name
        self.model = model
        self.truthful = truthful  # whether it passed the truth checks of its run
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
        with blamed_on(f"{name}'s restore"):
            model.restore(load_state(place / "model"))
        prepared = Prepared.load(folder / "tokens" / cell["tokens_fingerprint"], texts=False)
        return cls(name, model, prepared, bool(cell["truth"].get("passed")))

    def __repr__(self) -> str:
        return f"TrainedModel({self.name!r}, {type(self.model).__name__})"

    def score(self, text: str) -> Scored:
        """Score a text as one document; its lines are its sentences."""
        from lmcompare.corpora import documents_of

        return next(iter(self.score_documents(documents_of([_text(text)]))))

    def score_documents(self, documents: Iterable[Document]) -> Iterator[Scored]:
        """Score documents one by one."""
        from lmcompare.harness.scoring import checked_log_probs

        for document in documents:
            encoded, tokens, side_bits = self._prepared.read([document])
            with blamed_on(f"{self.name}'s log_probs"):
                nats = checked_log_probs(self.model, encoded)
            bits = -nats / np.log(2)
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

        with blamed_on(f"{self.name}'s next_log_probs"):
            rows = next_tokens(self.model, self._prepared, _text(prompt))
        return [(row["token"], row["probability"]) for row in rows]

    def generate(self, prompt: str, length: int = 50, sampling: Sampling | None = None) -> str:
        """Return the text that the model goes on with, ``length`` tokens long."""
        from lmcompare.harness.examples import continue_prompt
        from lmcompare.harness.sampling import Sampling

        if length < 0:
            raise LmcompareError(f"a text is 0 tokens long or more, not {length}")
        with blamed_on(f"{self.name}'s stepper"):
            return continue_prompt(self.model, self._prepared, _text(prompt), length, sampling or Sampling())

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


def _text(text: str) -> str:
    """Return a text as it is. Raises ``LmcompareError`` for what is none."""
    from lmcompare.corpora import has_utf8

    if not isinstance(text, str):
        raise LmcompareError(f"a text is a string, not {_article(text)}")
    if not has_utf8(text):
        raise LmcompareError("the text holds half a surrogate pair, which is no character: decode it properly")
    return text


def _article(value: object) -> str:
    name = type(value).__name__
    return "None" if value is None else f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _table(model: ModelLike, live: dict[str, LanguageModel], preset: str, seeds: int) -> dict[str, Any]:
    """Return the experiment's table of a model to be run with so many seeds; live objects are put aside by name."""
    if isinstance(model, str):
        return {"plugin": model}
    if isinstance(model, Mapping):
        return dict(model)
    if not isinstance(model, type | LanguageModel):
        raise LmcompareError(f"a model is a plug-in's name, a class, an object or a mapping, not {_article(model)}")
    from lmcompare import plugins

    instance = plugins.build(model, {}, preset) if isinstance(model, type) else model
    if seeds > 1:
        raise LmcompareError("a model object is trained with one seed: name its plug-in instead to run several seeds")
    cls = type(instance)
    name = cls.__name__
    while name in live:
        name += "+"
    live[name] = instance
    return {"plugin": f"{cls.__module__}:{cls.__qualname__}", "name": name, **instance.hyperparameters()}
