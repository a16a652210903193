"""The summaries of installed plug-ins, each asked for in a process of its own.

Importing a package may end the process or never return, and the list of models must be printed all the same.
"""

from __future__ import annotations

from lmcompare import plugins
from lmcompare.processes import Emit, EndedError, RaisedError, TimeLimitError, call

SECONDS = 20.0  # for importing a plug-in


def summary(name: str) -> str:
    """Return the sentence for the list of models; for a plug-in that can't be loaded, the reason."""
    if plugins.MODELS.is_built_in(name):
        return plugins.summary(name)
    try:
        return str(call("lmcompare.cli.listing:imported_summary", name, seconds=SECONDS))
    except TimeLimitError:
        return f"can't be loaded: importing it took longer than {SECONDS:g} s"
    except EndedError as ended:
        return f"can't be loaded: while it was imported, {ended}"
    except RaisedError as error:
        return f"can't be loaded: {error}"


def imported_summary(emit: Emit, name: str) -> str:
    """Import a plug-in and return its summary; runs in a process of its own."""
    return plugins.summary(name)
