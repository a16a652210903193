"""Charts drawn at build as SVG: nothing to load, nothing to wait for, light and dark by style sheet."""
