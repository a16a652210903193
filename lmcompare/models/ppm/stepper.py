"""Decoding with prediction by partial matching: each token that is appended is counted."""

from __future__ import annotations

import numpy as np

from lmcompare.model import Stepper
from lmcompare.models.common.discounts import Discounts
from lmcompare.models.ppm import reading, tables
from lmcompare.models.ppm.tables import Tables
from lmcompare.tokens import FloatArray, IntArray, Vocabulary


class PpmStepper(Stepper):
    """A document that grows, with tables of its own.

    Parameters
    ----------
    counted : Tables
        The counts of the training text; they are copied.
    discounts : Discounts
        The discounts.
    order : int
        The number of tokens in the longest context.
    prefix : IntArray of shape (n,)
        The first tokens of the document.
    vocabulary : Vocabulary
        The vocabulary.
    """

    def __init__(
        self, counted: Tables, discounts: Discounts, order: int, prefix: IntArray, vocabulary: Vocabulary
    ) -> None:
        vocabulary.check(prefix)
        self._tables = tables.copied(counted)
        self._discounts, self._order, self._vocabulary = discounts, order, vocabulary
        self._values = np.array(discounts.values)
        self._ids: IntArray = np.zeros(len(prefix) + 1, np.int32)
        self._size = 0
        for token in prefix:
            self.push(int(token))

    def log_probs(self) -> FloatArray:
        rows = np.empty((1, len(self._vocabulary)))
        reading.distribution(self._tables, self._ids, self._size, self._order, self._values, rows[0])
        log_rows: FloatArray = np.log(rows, out=rows)
        self._discounts.add_unknown(log_rows, self._vocabulary)
        row: FloatArray = log_rows[0]
        return row

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        if self._size == len(self._ids):
            self._ids = np.resize(self._ids, 2 * self._size)
        self._ids[self._size] = token
        self._tables = tables.with_room(self._tables, 1, self._order + 1)
        journal = np.empty((self._order + 2, 2), np.int64)
        start = len(self._vocabulary)
        reading.learn(self._tables, self._ids, self._size, self._size + 1, start, self._order, journal)
        self._size += 1
