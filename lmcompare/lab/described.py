"""What has to be known of an experiment before it is run; one of another package is asked in its own process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from lmcompare.errors import PluginError, kind_of, unknown
from lmcompare.lab.contract import EXPERIMENTS, Condition
from lmcompare.processes import EndedError, JunkError, RaisedError, TimeLimitError, call
from lmcompare.registry import absolute
from lmcompare.source_code import source_of

SECONDS = 300.0  # that importing and asking an experiment may take without a time limit of the user
RESERVED = ("name", "plugin", "tokens")  # no hyper-parameter can have these names
LONGEST = 2_000  # characters of a text
# keeps NaN, which is otherwise written as null
_AS_JSON = TypeAdapter(dict[str, Any], config=ConfigDict(ser_json_inf_nan="constants"))


@dataclass(frozen=True, config=ConfigDict(strict=True))
class Described:
    """An experiment.

    Parameters
    ----------
    name, spec : str
        Its name, and "module:Class" or "path/to/file.py:Class" if it has no entry point.
    title, question, prediction, corpus : str
    lacks : str
        As ``LabExperiment.lacks``.
    conditions : tuple of Condition
    measuring : float
        As in ``LabExperiment``.
    source_digest : str
        A digest of its code, and of the code beside it that it imports.
    """

    name: str
    spec: str
    title: str
    question: str
    prediction: str
    corpus: str
    lacks: str
    conditions: tuple[Condition, ...]
    measuring: float
    source_digest: str

    def lacks_on(self, corpus: str | Mapping[str, str]) -> str:
        """Return what it lacks on a machine and a corpus, with the command that helps; "" if nothing is lacking."""
        if self.corpus and corpus != self.corpus:
            return f"needs the corpus {self.corpus}: run it with 'lmcompare lab {self.spec} --corpus {self.corpus}'"
        return self.lacks


def name_of(spec: str) -> str:
    """Return the name of an experiment: that of its entry point, or of its class."""
    return spec.rpartition(":")[2]


def described(spec: str, seconds: float | None) -> Described:
    """Return what is known of an experiment.

    Parameters
    ----------
    spec : str
        The name of an installed experiment, "module:Class" or "./file.py:Class".
    seconds : float or None
        How long importing and asking it may take.

    Raises
    ------
    PluginError
        If it can't be imported, is not an experiment, or does not return valid conditions.
    """
    spec, name, limit = absolute(spec, Path.cwd()), name_of(spec), seconds or SECONDS
    if EXPERIMENTS.is_built_in(spec):
        return _checked(name, describe_job(None, spec))
    try:
        return _checked(name, call(f"{__name__}:describe_job", spec, seconds=limit))
    except RaisedError as error:
        raise PluginError(
            str(error) if error.expected else f"asking it for its conditions failed: {error}"
        ) from error
    except TimeLimitError:
        raise PluginError(
            f"importing it and asking for its conditions took longer than {limit:g} s: raise the limit with"
            " --time-limit"
        ) from None
    except (EndedError, JunkError) as error:
        raise PluginError(f"while it was imported, {error}") from error


def describe_job(_: object, spec: str) -> dict[str, Any]:
    """Import an experiment and ask it; runs in a process of its own if it is not lmcompare's."""
    experiment = EXPERIMENTS.resolve(spec)()
    conditions = experiment.conditions()
    if not isinstance(conditions, Sequence) or not all(isinstance(each, Condition) for each in conditions):
        raise PluginError(f"conditions() must return a tuple of Condition, not {kind_of(conditions)}")
    return {
        "spec": spec,
        **{name: getattr(experiment, name) for name in ("title", "question", "prediction", "corpus")},
        "lacks": experiment.lacks(),
        "conditions": [asdict(each) for each in conditions],
        "measuring": float(experiment.measuring),
        "source_digest": source_digest(type(experiment)),
    }


def source_digest(cls: type) -> str:
    """Return a digest of the code of an experiment, and of the code beside it that it imports."""
    return hashlib.sha256(source_of([cls])).hexdigest()[:16]


def _checked(name: str, found: Any) -> Described:
    """Return what an experiment has said. Raises ``PluginError`` if it is not of the right types."""
    table = {**found, "name": name} if isinstance(found, Mapping) else {}
    try:
        # as JSON, the form in which a process sends it
        told = TypeAdapter(Described).validate_json(_AS_JSON.dump_json(table))
    except ValidationError as error:
        first = error.errors()[0]
        raise PluginError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for field in ("title", "question", "prediction", "corpus", "lacks"):
        if len(text := getattr(told, field)) > LONGEST or not text.isprintable():
            raise PluginError(f"its {field} must be one line of at most {LONGEST:,} characters")
    if not told.conditions:
        raise PluginError("it has no conditions: conditions() must return at least one")
    for condition in told.conditions:
        if not condition.name:
            raise PluginError(f"a condition with the model '{condition.plugin}' has no name: give it one")
        try:
            json.dumps(condition.settings, allow_nan=False)
        except ValueError:
            raise PluginError(f"a setting of '{condition.name}' is NaN or infinite: give a finite number") from None
        if wrong := [key for key in condition.settings if key in RESERVED]:
            raise PluginError(
                f"'{wrong[0]}' is not a hyper-parameter: leave it out of the settings of '{condition.name}'"
            )
    return told


def check_names(specs: Sequence[str]) -> None:
    """Raise ``PluginError`` for a name that no installed package has, and for two experiments of one name."""
    installed = EXPERIMENTS.installed()
    names: dict[str, str] = {}
    for spec in dict.fromkeys(specs):
        if ":" not in spec and spec not in installed:
            raise PluginError(unknown("experiment", spec, installed))
        if names.setdefault(name_of(spec), spec) != spec:
            raise PluginError(f"two experiments are called '{name_of(spec)}': rename the class of one of them")
