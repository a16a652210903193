"""The command line, ``lmcompare``."""

from lmcompare.cli.entry import main

__all__ = ["main"]
