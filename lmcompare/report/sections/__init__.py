"""The parts of the report, each of which makes its HTML and its Markdown from the same numbers."""
