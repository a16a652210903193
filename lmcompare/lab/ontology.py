"""How much does an embedding cost that a person can read, and what of WordNet is in word vectors?"""

from __future__ import annotations

PREDICTION = (
    "With the same classes in the output, readable vectors cost between 0.01 and 0.1 bits per byte against the"
    " vectors of word2vec, and with their rows permuted at least 0.03 bits per byte more. From word2vec's vectors,"
    " the first supersense that is named for a word that was held out is right for more than half of the words,"
    " and more often than one that is guessed from its suffix."
)
