"""The conformance kits in a process of its own: a plug-in that ends its process ends no more than that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from lmcompare import plugins
from lmcompare.checks import CHECKS, run_checks
from lmcompare.checks.kit import Check, Result
from lmcompare.checks.probe import PRESET
from lmcompare.checks.tokenizers import kit_of, run_tokenizer_checks
from lmcompare.conformance.studies import STUDY_CHECKS, run_study_checks
from lmcompare.errors import LmcompareError, unknown
from lmcompare.processes import CallError, Emit, Event, JunkError, RaisedError, call
from lmcompare.registry import ANYTHING
from lmcompare.study import STUDIES, is_study
from lmcompare.tokens import TOKENIZERS, is_tokenizer, make_tokenizer, table_of


def run_checks_apart(
    plugin: str,
    parameters: Mapping[str, Any],
    seed: int,
    on_result: Callable[[Result], None],
    seconds: float | None = None,
) -> list[Result]:
    """Run the kit of models, of tokenizers or of studies, whichever the plug-in is, in a new process.

    Parameters
    ----------
    plugin : str
        The name of the plug-in; of a tokenizer also with an option, as ``"bpe:300"``.
    parameters : mapping
        Its hyper-parameters or options.
    seed : int
        The seed of the texts and trainings.
    on_result : callable
        Called with each result as it comes.
    seconds : float, optional
        The time limit, after which the process is killed.

    Raises
    ------
    PluginError
        The plug-in is not found, or refuses the hyper-parameters.
    LmcompareError
        The plug-in ended the process, ran too long or sent junk. The results before that were given to ``on_result``.
    """
    results: list[Result] = []
    names: list[str] = []

    def take(event: Event) -> None:
        try:
            names.extend(event.get("checks", ()))
            if "result" in event:
                results.append(Result(**event["result"]))
                on_result(results[-1])
        except TypeError:
            raise JunkError(str(event)[:80]) from None

    try:
        call("lmcompare.conformance.worker:run", plugin, dict(parameters), seed, on_event=take, seconds=seconds)
        if not names or len(results) < len(names):
            raise JunkError("an early end")
    except CallError as error:
        if isinstance(error, RaisedError) and error.expected:
            raise LmcompareError(str(error)) from None
        where = " while it was imported and built"
        if names:
            where = f" in the check '{names[len(results)]}'" if len(results) < len(names) else ""
        raise LmcompareError(f"the plug-in stopped the checks{where}: {error}") from error
    return results


def run(emit: Emit, plugin: str, parameters: dict[str, Any], seed: int) -> None:
    """Run the kit and emit its results; runs in a process of its own."""

    def begin(checks: Iterable[Check[Any]]) -> Callable[[Result], None]:
        emit({"checks": [check.name for check in checks]})
        return lambda result: emit({"result": asdict(result)})

    table = {**table_of(plugin), **parameters}
    kind = table["kind"]
    if ":" in kind or kind.endswith(".py"):
        ANYTHING.resolve(kind)  # before it is asked what it is
    if is_tokenizer(kind):
        tokenizer = make_tokenizer(table)  # a wrong value is an error of the user, not a failed check
        if tokenizer.files:
            tokenizer.fit([])  # and so is a file that is not there
        options = {key: value for key, value in table.items() if key != "kind"}
        run_tokenizer_checks(kind, options, begin(kit_of(type(tokenizer))[0]))
        return
    models = plugins.MODELS.installed()
    if plugin not in models and is_study(plugin):
        if parameters:
            raise LmcompareError("a study has no hyper-parameters: leave out --set")
        run_study_checks(plugin, begin(STUDY_CHECKS))
        return
    if ":" not in plugin and not plugin.endswith(".py") and plugin not in models:
        raise LmcompareError(
            unknown("model, tokenizer or study", plugin, (*models, *TOKENIZERS.installed(), *STUDIES.installed()))
            + plugins.OWN_HINT
        )
    model = plugins.build(plugin, parameters, PRESET)
    for name in model.files:
        path = getattr(model, name)
        try:
            _ = path is None or model.digest_of(name)
        except OSError as error:
            if path == "":
                raise LmcompareError(
                    f"{plugin} reads a file, and none is given: name it with --set {name}=PATH"
                ) from None
            raise LmcompareError(f"{name} is {path}, which can't be read ({error.strerror}): name another") from None
    run_checks(type(model), parameters=parameters, seed=seed, on_result=begin(CHECKS))
