"""Fit tokenizer, vocabulary and code on the training text, cut the corpus, and store it in the run folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare.errors import LmcompareError, PluginError, blamed_on
from lmcompare.measure.features import token_features
from lmcompare.runfolder.layout import HELD_OUT, SPLITS, TOKENS_FILES
from lmcompare.runfolder.seals import damage, is_sealed
from lmcompare.runfolder.tokens import TokenizedCorpus, write_tokens
from lmcompare.tokens import (
    Encoded,
    TextCode,
    Tokenizer,
    Vocabulary,
    build_vocabulary,
    encode,
    make_tokenizer,
    tokenise,
    tokens_fingerprint,
)

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Corpus
    from lmcompare.harness.experiment import TokensTable


def prepare(
    corpus: Corpus, table: TokensTable, folder: Path, say: Callable[[str], object] = lambda _: None
) -> TokenizedCorpus:
    """Return the corpus under one tokenizer, stored under ``folder / fingerprint``.

    What is stored there already under the same fingerprint is kept. If it was damaged, it is made anew, and ``say``
    is given a sentence about that, and those that the tokenizer has to say on the text.

    Raises
    ------
    LmcompareError
        For a kind or option that does not exist, a vocabulary larger than the data, and a text without tokens.
    """
    tokenizer = make_tokenizer(table.tokenizer)
    with blamed_on(f"{type(tokenizer).__name__}'s fit"):
        tokenizer.fit([document.text for document in corpus.train])
    for note in tokenizer.notes:
        say(note)
    cut = {split: tokenise(corpus.split(split), tokenizer) for split in SPLITS}
    vocabulary = build_vocabulary(cut["train"], tokenizer, min_count=table.min_count, size=table.size)
    if tokenizer.fixed_vocabulary and (other := set(vocabulary.text_tokens()) - set(tokenizer.always_tokens)):
        raise PluginError(
            f"{type(tokenizer).__name__} declares fixed_vocabulary, but its always_tokens do not contain"
            f" '{min(other)}', a token of the training text: add it, or leave fixed_vocabulary out"
        )
    path = folder / tokens_fingerprint(corpus.fingerprint, tokenizer, vocabulary)
    damaged = damage(path, TOKENS_FILES)
    if damaged is None:
        return TokenizedCorpus(path, named=[tokenizer.kind])
    if is_sealed(path):
        say(f"{path / damaged} is damaged or lost: it is made anew.")
    code = TextCode.fit(cut["train"], tokenizer, vocabulary)
    texts = {split: encode(text, tokenizer, vocabulary) for split, text in cut.items()}
    if not len(texts["test"]) or not len(texts["valid"]):
        raise LmcompareError("valid or test holds no token: give a longer text")
    starts = {split: text.sentence_starts for split, text in cut.items()}
    tables = _tables(corpus, cut, texts, code, tokenizer, vocabulary)
    write_tokens(path, table.model_dump(mode="json"), tokenizer, vocabulary, code, texts, starts, tables)
    return TokenizedCorpus(path, named=[tokenizer.kind])


def _tables(
    corpus: Corpus,
    cut: Mapping[str, Any],
    texts: Mapping[str, Encoded],
    code: TextCode,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
) -> dict[str, pd.DataFrame]:
    """Return the tables of the tokens and documents of valid and test."""
    import pandas as pd

    tables: dict[str, list[pd.DataFrame]] = {"features": [], "surface": [], "documents": []}
    for split in HELD_OUT:
        text, documents = texts[split], corpus.split(split)
        overhead_bits = code.overhead_bits(cut[split], tokenizer, vocabulary)
        features = token_features(texts["train"], text, cut[split].sentence_starts, overhead_bits, split)
        tables["features"].append(features)
        assert text.spans is not None
        surface = features[["split", "document", "position"]].assign(
            token=cut[split].surface(),
            byte_start=text.spans[:, 0],
            byte_end=text.spans[:, 1],
            is_unknown=vocabulary.is_unknown(text.ids),
        )
        tables["surface"].append(surface)
        columns = {
            "split": split,
            "document": range(len(documents)),
            "name": [d.name for d in documents],
            "bytes": [len(d.text.encode()) for d in documents],
            "tokens": text.ends - text.starts,
            "sentences": [len(d.sentences) for d in documents],
            "metadata": [json.dumps(dict(d.metadata), ensure_ascii=False) for d in documents],
            "repeated": [d.repeated for d in documents],
            "repeats": [d.repeats for d in documents],
        }
        tables["documents"].append(pd.DataFrame(columns))
    return {name: pd.concat(rows, ignore_index=True) for name, rows in tables.items()}
