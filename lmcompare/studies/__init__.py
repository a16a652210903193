"""One folder for each question about the models of a run."""
