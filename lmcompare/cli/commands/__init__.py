"""The commands, in the order of the help: each imports what it needs when it runs."""

from lmcompare.cli.commands import run, plan, report, clean, listings, corpora, trained, compress  # noqa: F401, I001
from lmcompare.cli.commands import serve, probe, lab, lm_eval, plugins  # noqa: F401
