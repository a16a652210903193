"""``python -m lmcompare.cli``."""

from lmcompare.cli import main

main()
