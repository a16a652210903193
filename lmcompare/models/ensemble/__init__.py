"""Several trainings of one model whose probabilities are averaged."""
