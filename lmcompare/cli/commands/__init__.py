"""The commands, in the order of the help: each imports what it needs when it runs."""

from lmcompare.cli.commands import run, report, listings, corpora, trained, probe, lab, lm_eval, plugins  # noqa: F401, I001
