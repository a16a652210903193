"""The Python interface: compare models on a corpus, and use the trained models of a run folder."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare import corpora, plugins
from lmcompare.errors import LmcompareError, kind_of, one_line, permitted, unknown, usable_path, working_directory
from lmcompare.model import LanguageModel
from lmcompare.trained import TrainedModel, yes_or_no

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.analysis import Cell, ModelEntry, Run

ModelLike = str | type[LanguageModel] | LanguageModel | Mapping[str, Any]


@permitted()
def compare(
    corpus: str | Path | Mapping[str, Any] | Iterable[Any] | corpora.Corpus = "wiki-sample",
    models: Sequence[ModelLike] | ModelLike | None = None,
    *,
    out: str | Path | None = None,
    tokens: Mapping[str, Any] | str | None = None,
    seeds: Sequence[int] | int = (0,),
    prompts: Sequence[str] | str | None = None,
    words: Sequence[str] | str | None = None,
    match: Mapping[str, float] | None = None,
    sweep: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | str | None = None,
    studies: Sequence[str] | str | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> Comparison:
    """Train and score models on one corpus: what ``lmcompare run`` does, from Python.

    Parameters
    ----------
    corpus : str, Path, mapping, iterable or Corpus
        A name ("wiki-sample", "lee", "nltk:brown"), a path, or a loaded corpus; texts, each a document: a list, a
        generator, a pandas Series or a DataFrame with a column "text"; or a mapping of ``train``, ``test`` and, if
        there is one, ``valid`` to paths or texts.
    models : model or sequence of models, optional
        Names of plug-ins, classes, untrained model objects, or mappings like a table of ``[[models]]``; by default
        the built-in five. Named plug-ins train in processes of their own; classes and objects train in this one, with
        one seed.
    out : str or Path, optional
        The run folder; by default a temporary one, which is removed if an error or an interruption ends the call.
        Finished cells in it are kept unless ``force`` is true. A model that is finished there with other
        hyper-parameters gets another name in the folder (see docs/run.md); ``Comparison.model`` of the result finds
        it by the name that was asked for.
    tokens : str or mapping, optional
        A kind of tokenizer, such as "char", or a table like ``[tokens]``; by default words that occur at least twice.
    seeds : int or sequence of int
        One seed, or several for a mean and a spread.
    prompts : str or sequence of str, optional
        Prompts that the models continue.
    words : str or sequence of str, optional
        Words that the report shows in several contexts.
    match : mapping, optional
        What the models are made equal in: "parameters", and one of "steps", "tokens", "epochs" and "seconds".
    sweep : mapping, optional
        What is varied, as in ``{"ngram.order": [2, 3, 4]}`` or, for a search, ``{"rnn.learning_rate": {"low": 1e-4,
        "high": 1e-2, "log": True}}``: the validation text chooses (see docs/sweeps.md).
    search : str or mapping, optional
        "random" or "tpe", or a table like ``[search]``, to try some settings of the sweep in place of a whole grid.
    studies : str or sequence of str, optional
        Names of the studies that measure and that the report shows, in this order; by default all that are installed.
    force : bool
        Whether finished cells are run again, and replaced.
    quiet : bool
        Whether no progress is shown.
    **options
        Fields of ``RunOptions`` (preset, device, threads, processes, workers, engine, address, milestones,
        time_limit), of ``PageOptions`` (live, live_text) and of ``CorpusOptions`` (documents, sentences, lowercase,
        nfc, encoding, text_column, train_words, valid_words, fraction, rare_count, rare_word, file_format,
        stdin_megabytes).

    Returns
    -------
    Comparison
        A model that raises an error fails alone: see ``Comparison.failures``.

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    from lmcompare.harness.environment import PageOptions, RunOptions
    from lmcompare.harness.experiment import shipped
    from lmcompare.harness.overlay import overlaid
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import folder_for, run
    from lmcompare.harness.runner import leave

    here = working_directory()
    force, quiet = yes_or_no(force, "force"), yes_or_no(quiet, "quiet")
    place = None if out is None else here / usable_path(out, "out must be the path of a folder")
    models = [models] if isinstance(models, str | type | LanguageModel | Mapping) else models
    for name, given in (
        ("models", models),
        ("seeds", seeds),
        ("prompts", prompts),
        ("words", words),
        ("studies", studies),
    ):
        if getattr(given, "shape", None) == ():  # numpy.array(3) says that it is iterable, and is not
            raise LmcompareError(f"{name} must be a sequence, not {kind_of(given)} of one value")
    for name, argument, kinds, wanted in (
        ("models", models, Iterable, "a model or a sequence of models"),
        ("tokens", tokens, str | Mapping, "the name of a tokenizer or a mapping, such as {'kind': 'bpe'}"),
        ("match", match, Mapping, "a mapping, such as {'parameters': 1e6}"),
        ("sweep", sweep, Mapping, "a mapping, such as {'ngram.order': [2, 3]}"),
        ("search", search, str | Mapping, "'random', 'tpe' or a mapping like [search]"),
    ):
        if not (argument is None or isinstance(argument, kinds)):
            raise LmcompareError(f"{name} must be {wanted}, not {kind_of(argument)}")
    keys = {field.name: field.name for cls in (RunOptions, PageOptions) for field in fields(cls)}
    keys |= {field.name: f"corpus.{field.name}" for field in fields(corpora.CorpusOptions)}
    for name in options.keys() - keys.keys():
        if name == "fractions":
            raise LmcompareError(
                "compare trains on one amount of text: give fractions in an experiment file, or to 'lmcompare run'"
            )
        raise LmcompareError(unknown("option of compare", name, {*keys, *inspect.signature(compare).parameters}))
    if isinstance(corpus, corpora.Corpus) and (reading := [name for name in options if keys[name] != name]):
        raise LmcompareError(
            f"a Corpus has been read already, so {', '.join(reading)} would have no effect: give a CorpusOptions to"
            " corpora.load instead"
        )
    where = _where(corpus)
    seeds = tuple(seeds) if isinstance(seeds, Iterable) else (seeds,)
    live: dict[str, LanguageModel] = {}
    preset = options.get("preset") or RunOptions.preset
    tables = {
        "corpus": where or {"source": "documents"},
        "tokens": {"kind": tokens} if isinstance(tokens, str) else tokens,
        "match": match,
        "sweep": sweep,
        "search": {"method": search} if isinstance(search, str) else search,
    }
    settings = {
        "name": "comparison",
        "seeds": seeds,
        "models": None if models is None else [_table(m, live, preset, len(seeds)) for m in models],
        "examples.prompts": [prompts] if isinstance(prompts, str) else prompts,
        "examples.words": [words] if isinstance(words, str) else words,
        "report.studies": [studies] if isinstance(studies, str) else studies,
        **{f"{table}.{key}": value for table, given in tables.items() for key, value in (given or {}).items()},
        **{keys[name]: value for name, value in options.items()},
    }
    source = None if where == {"source": "wiki-sample"} else (where or {}).get("source", "documents")
    plan = overlaid(shipped("default", source), settings.items(), "compare")
    loaded = None
    if isinstance(corpus, corpora.Corpus):
        loaded = corpus
    elif where is None:
        loaded = corpora.load(corpus, plan.corpus)
    show = display(quiet=quiet, must_be_seen=False)
    with folder_for(place) as folder:
        try:
            outcome = run(
                plan, folder, force=force, show=show, corpus=loaded, live=live, command="lmcompare.compare(…)"
            )
        finally:
            leave()
    show.say("Writing the report …")
    from lmcompare.report.write import write_reports

    try:
        write_reports(folder, named=plan.report.studies or ())
    except BaseException as error:
        error.add_note(f"The trained models are in {folder}, which lmcompare.load opens.")
        raise
    named = [name for m in plan.models for name in (m.plugin, *plugins.named_in(m.hyperparameters))]
    named += [tokens.kind for tokens in (plan.tokens, *(m.tokens for m in plan.models)) if tokens is not None]
    return Comparison(folder, outcome.failures, (*named, *map(type, live.values())), outcome.names)


@permitted()
def load(folder: str | Path) -> Comparison:
    """Open a run folder, whose trained models are ready to use. Raises ``LmcompareError`` if it is not one."""
    from lmcompare.runfolder.run import load_run

    path = usable_path(folder, "a run folder must be given as the path of a folder")
    path = working_directory() / path  # the caller may go to another one
    load_run(path)
    return Comparison(path)


class Comparison:
    """A finished run: its table, its report, and its trained models."""

    def __init__(
        self,
        folder: Path,
        failures: Mapping[str, str] | None = None,
        named: Sequence[str | type[LanguageModel]] = (),
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._names = dict(names or {})  # from the caller's names of its models to their names in the folder
        self._failures = failures  # of the call that made this object; None if the folder names them
        self._named = tuple(named)  # plug-ins that the caller has named, whose code may run

    def __repr__(self) -> str:
        return f"Comparison({str(self.folder)!r})\n{self.table.to_string()}"

    @property
    def _run(self) -> Run:
        """The run folder, opened anew: it may have changed."""
        from lmcompare.runfolder.run import load_run

        return load_run(self.folder)

    @property
    def failures(self) -> dict[str, str]:
        """By "name/seed", why a model failed or can't be used."""
        if self._failures is not None:
            return dict(self._failures)
        cells = self._run.cells
        return {f"{cell.name}/{cell.seed}": str(cell.error) for cell in cells if cell.status == "failed"}

    @property
    def table(self) -> pd.DataFrame:
        """A row for each model, the best first; ``docs/metrics.md`` defines the columns."""
        from lmcompare.analysis import leaderboard

        return leaderboard(self._run)

    @permitted()
    def probe(self, pairs: str = "english") -> pd.DataFrame:
        """Return the accuracy of every model on minimal pairs, with a row for each phenomenon and one for all pairs.

        The report shows it from now on.

        Parameters
        ----------
        pairs : str
            The path of a file in BLiMP's format, of a folder of such files, or "english", the pairs that come with
            lmcompare.
        """
        import pandas as pd

        from lmcompare.probes import ask, read_pairs, store
        from lmcompare.report.write import write_reports

        asked = read_pairs(pairs)
        models = self.trained_models()
        answers = {name: ask(model, asked) for name, model in models.items()}
        store(self.folder, answers, models)
        write_reports(self.folder)
        return pd.DataFrame([{"model": name} | asdict(row) for name, each in answers.items() for row in each.rows])

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that were trained."""
        return tuple(model.name for model in self._run.scored)

    @permitted()
    def model(
        self,
        name: str,
        seed: int | None = None,
        *,
        plugin: str | type[LanguageModel] | Sequence[str | type[LanguageModel]] = (),
    ) -> TrainedModel:
        """Return a trained model.

        Parameters
        ----------
        name : str
            The model's name in the run. In the result of ``compare`` it is the name that ``compare`` was given, even
            if the model has another name in the folder.
        seed : int, optional
            By default the first of its seeds.
        plugin : str, type, or sequence of them
            The code of the model, or of a model that it is based on, if it is not installed: the class, or
            "module:Class" or "./file.py:Class". A run folder is data and cannot decide what code is run. It must be
            the code that the model was trained with.

        Raises
        ------
        LmcompareError
            If the run has no model of this name and seed, or its code may not be run.
        """
        return self._opened(self._run, self._own_name(name), seed, _plugins_in(plugin))

    @permitted()
    def trained_models(
        self,
        names: Sequence[str] | str | None = None,
        seed: int | None = None,
        *,
        plugin: str | type[LanguageModel] | Sequence[str | type[LanguageModel]] = (),
    ) -> dict[str, TrainedModel]:
        """Return trained models by name, by default all of the run; ``seed`` and ``plugin`` as in ``model``."""
        run = self._run  # once for all models: it checks the files
        names = [names] if isinstance(names, str) else names
        if names is None:
            asked = {model.name: model.name for model in run.scored}
        else:
            asked = {name: self._own_name(name) for name in names}
        given = _plugins_in(plugin)
        return {name: self._opened(run, own, seed, given) for name, own in asked.items()}

    def _own_name(self, name: str) -> str:
        """Return the name in the folder of a model that the caller asks for."""
        if not isinstance(name, str):
            raise LmcompareError(f"a model is asked for by its name, not by {kind_of(name)}")
        return self._names.get(name, name)

    def _usable(self, model: ModelEntry) -> list[Cell]:
        """Return the finished cells of a model, except the cells that the call of ``compare`` failed to run again."""
        return [cell for cell in model.done if f"{model.name}/{cell.seed}" not in (self._failures or {})]

    def _opened(self, run: Run, name: str, seed: int | None, given: Sequence[str | type]) -> TrainedModel:
        """Return a model by its name in the folder, without reading the files of other models."""
        if seed is not None and not isinstance(seed, int):
            raise LmcompareError(f"seed must be a whole number or None, not {kind_of(seed)}")
        cells = [cell for model in run.models if model.name == name for cell in self._usable(model)]
        if not cells:
            for failed, error in self.failures.items():
                if failed.rpartition("/")[0] == name:
                    raise LmcompareError(f"'{name}' can't be used: {error}")
            known = [model.name for model in run.models if self._usable(model)]
            raise LmcompareError(f"{self.folder}: {unknown('model', name, known)}")
        for cell in cells:
            if seed in (None, cell.seed):
                return TrainedModel.open(self.folder, cell, (*self._named, *given))
        if (failed_with := self.failures.get(f"{name}/{seed}")) is not None:
            raise LmcompareError(f"'{name}' with seed {seed} can't be used: {failed_with}")
        seeds = ", ".join(str(cell.seed) for cell in cells)
        raise LmcompareError(f"'{name}' was not run with seed {seed}; its seeds are {seeds}")

    def to_html(self) -> str:
        """Return the report as HTML, a page that works offline. Raises ``LmcompareError`` if it can't be read."""
        page = self.folder / "report.html"
        try:
            return page.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LmcompareError(
                f"{page} can't be read ({one_line(error)}): write it again with lmcompare report"
            ) from error

    def _repr_html_(self) -> str:
        from lmcompare.report.notebook import notebook

        return notebook(self.folder)


def _where(corpus: object) -> dict[str, str] | None:
    """Return the source of a corpus, or the paths of its splits, as in ``[corpus]``; None for texts in memory."""
    if isinstance(corpus, corpora.Corpus):
        return {"source": corpus.name}
    if isinstance(corpus, str | Path):
        return {"source": str(corpus)}
    if isinstance(corpus, Mapping) and not corpus:
        raise LmcompareError("the mapping of splits to paths or texts is empty: give it train and test")
    if isinstance(corpus, Mapping) and all(isinstance(part, str | Path) for part in corpus.values()):
        return {str(which): str(path) for which, path in corpus.items()}
    if isinstance(corpus, Iterable):
        return None
    raise LmcompareError(
        f"a corpus must be a name, a path, texts or a mapping of splits to these, not {kind_of(corpus)}"
    )


def _plugins_in(plugin: object) -> list[str | type]:
    """Return the plug-ins that a caller names. Raises ``LmcompareError`` for a value that can't be a plug-in."""
    found: list[str | type] = []
    for each in plugin if isinstance(plugin, list | tuple | set | frozenset) else (plugin,):
        if not isinstance(each, str | type):
            raise LmcompareError(f"plugin must be a class or a name such as './file.py:Class', not {kind_of(each)}")
        if isinstance(each, str):
            plugins.check_named(each)
        found.append(each)
    return found


def _table(model: ModelLike, live: dict[str, LanguageModel], preset: str, seeds: int) -> dict[str, Any]:
    """Return a model's table for the experiment; classes and objects are added to ``live`` by name."""
    if isinstance(model, str):
        return {"plugin": model}
    if isinstance(model, Mapping):
        return dict(model)
    if not isinstance(model, type | LanguageModel):
        raise LmcompareError(f"a model must be a name, a class, an object or a mapping, not {kind_of(model)}")
    instance = plugins.build(model, {}, preset) if isinstance(model, type) else model
    if seeds > 1:
        raise LmcompareError("only a model given by its name, such as './file.py:Class', can have several seeds")
    cls = type(instance)
    name = cls.__name__
    while name in live:
        name += "+"
    live[name] = instance
    return {"plugin": f"{cls.__module__}:{cls.__qualname__}", "name": name, **instance.hyperparameters()}
