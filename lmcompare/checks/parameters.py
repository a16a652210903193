"""Hyper-parameters: named, stored as given, JSON-able, and refused when misspelt."""

from __future__ import annotations

import json

from lmcompare import plugins
from lmcompare.checks.kit import Finding, check
from lmcompare.checks.probe import Probe
from lmcompare.errors import PluginError

NO_SUCH = "no_such_hyper_parameter"


@check("hyper-parameters-are-stored")
def hyper_parameters_are_stored(probe: Probe) -> Finding:
    """``__init__`` stores each hyper-parameter under its name as given, in a form that JSON holds."""
    table = probe.make().hyperparameters()
    try:
        again = json.loads(json.dumps(table, allow_nan=False))
    except (TypeError, ValueError) as error:
        return Finding(False, f"the hyper-parameters can't be stored as JSON: {error}")
    rebuilt = plugins.build(probe.cls, again).hyperparameters()
    for name, value in again.items():
        kept = json.loads(json.dumps(rebuilt[name], default=repr))
        if kept != value:
            return Finding(False, f"the hyper-parameter '{name}' was given as {value!r} and is stored as {kept!r}")
    return Finding(True, f"{len(table)} hyper-parameters: {', '.join(table) or 'none'}")


@check("wrong-hyper-parameter-is-refused")
def wrong_hyper_parameter_is_refused(probe: Probe) -> Finding:
    """A hyper-parameter that the model does not have is an error, not silently ignored."""
    probe.cls.parameter_names()
    try:
        probe.cls(**{NO_SUCH: 1})
    except (TypeError, PluginError):
        return Finding(True, "an unknown one is refused")
    return Finding(False, "__init__ takes a hyper-parameter that it does not have: name them all, without **kwargs")


@check("presets-can-be-built")
def presets_can_be_built(probe: Probe) -> Finding:
    """Each preset is one of quick, default and full and holds hyper-parameters that the model takes."""
    cls = probe.cls
    strange = [name for name in cls.presets if name not in plugins.PRESETS]
    if strange:
        return Finding(False, f"there is no preset '{strange[0]}': they are {', '.join(plugins.PRESETS)}")
    for name, table in cls.presets.items():
        try:
            plugins.build(cls, table)
        except PluginError as error:
            return Finding(False, f"preset '{name}': {error}")
    return Finding(True, f"presets: {', '.join(cls.presets) or 'none'}")
