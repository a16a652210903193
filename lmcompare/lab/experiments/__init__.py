"""The experiments that train language models: one file for each."""
