"""Probes: what a trained model knows, asked by pairs of sentences, one of them right."""

from lmcompare.probes.accuracy import Judgement, accuracies, ask, judged, store
from lmcompare.probes.pairs import Pair, Pairs, read_pairs

__all__ = ["Judgement", "Pair", "Pairs", "accuracies", "ask", "judged", "read_pairs", "store"]
