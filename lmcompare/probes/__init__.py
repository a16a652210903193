"""Probes: what a trained model knows, asked by pairs of sentences of which one is right."""

from lmcompare.probes.accuracy import Accuracy, Judgement, accuracies, judged
from lmcompare.probes.pairs import Pair, read_pairs

__all__ = ["Accuracy", "Judgement", "Pair", "accuracies", "judged", "read_pairs"]
