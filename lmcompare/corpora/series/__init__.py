"""Series of numbers as corpora: read from tables, put on a regular grid, and split so that test is the future."""
