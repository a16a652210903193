"""The sections of the report; each makes its HTML and its Markdown from the same figures."""
