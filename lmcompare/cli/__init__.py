"""The command line, ``lmcompare``."""

try:
    from lmcompare.cli.entry import main
except KeyboardInterrupt:  # Ctrl-C before the command begins
    raise SystemExit(130) from None

__all__ = ["main"]
