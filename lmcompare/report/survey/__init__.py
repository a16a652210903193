"""The survey of a corpus: its words, and where they stand, on a page and on a terminal."""
