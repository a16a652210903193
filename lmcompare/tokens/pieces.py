"""Subword pieces of whole documents, cut by Hugging Face's library ``tokenizers``, and how the page cuts them.

The page of a report carries out parts of ``tokenizer.json`` by its script ``live-pieces.js``, as the library does. A
tokenizer with any other part is refused, so that the page always shows the same tokens as Python.
"""

from __future__ import annotations

import json
import re
import reprlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import regex

from lmcompare.errors import LmcompareError, PluginError, expanded, one_line, ordinary
from lmcompare.state import State
from lmcompare.tokens.tokenizer import Tokenizer, spans_of_lengths
from lmcompare.tokens.vocabulary import END_TOKEN, UNKNOWN_TOKEN, IntArray, Vocabulary
from lmcompare.tokens.word import BYTE_NAMES

if TYPE_CHECKING:
    import tokenizers


Table = Mapping[str, Any]

_WORDS = (  # the expression of GPT-2 in JavaScript, whose \s is not Unicode's White_Space
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"
    r"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"
)


def page_table(table: Table, ids: Mapping[str, int], *, special_as_text: bool) -> dict[str, Any]:
    """Return how the page cuts a text into pieces.

    Parameters
    ----------
    table : mapping
        The content of ``tokenizer.json``.
    ids : mapping of str to int
        The id of each piece that a text may be cut into.
    special_as_text : bool
        Whether special tokens that are written out in a text are cut like any other text.

    Returns
    -------
    dict
        "added"
            The ids of the added tokens that are found in the text first, and of those that are found in the rest.
        "changes"
            The changes of the text between added tokens, in order: ["prepend", text], ["replace", text, by] or
            ["nfc"].
        "cuts"
            The steps that cut this text into words, in order: ["match", expression]; ["blank"] for a blank before the
            text; ["bytes"] for a character per byte; ["digits", each by itself]; ["replace", text, by]; or ["before",
            character].
        "pieces", "bytes"
            The pieces by id, "" for an id that no text has; and whether a character without a piece is cut into
            bytes.
        "merges", "whole"
            For byte pair encoding, pairs of ids by rank, as a flat list; and whether a word that is a piece stays
            whole.
        "scores", "least"
            For a unigram model, the log-probability of each piece; and that of the least likely piece.

    Raises
    ------
    LmcompareError
        If the page can't cut a text as the tokenizer does.
    """
    changes = [step for part in _flat(table.get("normalizer"), "normalizers") for step in _change(part)]
    added: tuple[dict[str, int], dict[str, int]] = {}, {}
    for token in table.get("added_tokens") or ():
        if special_as_text and token["special"]:
            continue
        if token["single_word"] or token["lstrip"] or token["rstrip"] or (token["normalized"] and changes):
            raise _cannot(f"it has special rules for {token['content']}")
        if token["content"] not in ids:
            raise _cannot(f"{token['content']} is not a text")
        added[token["normalized"]][token["content"]] = ids[token["content"]]
    cuts = [step for part in _flat(table.get("pre_tokenizer"), "pretokenizers") for step in _cuts(part)]
    model = table["model"]
    known = {piece: ids[piece] for piece in _pieces(model) if piece in ids}
    pieces = [""] * (max(known.values(), default=-1) + 1)
    for piece, index in known.items():
        pieces[index] = piece
    fallback = bool(model.get("byte_fallback"))
    steps = {"added": added, "changes": changes, "cuts": cuts, "pieces": pieces, "bytes": fallback}
    return {**steps, **(_merges(model, known) if model["type"] == "BPE" else _scores(model, pieces))}


def _pieces(model: Table) -> list[str]:
    kind = model.get("type")
    if kind == "BPE" and not (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")):
        return list(model["vocab"])
    if kind == "Unigram":
        return [piece for piece, _ in model["vocab"]]
    raise _cannot(f"its model is of the kind {kind}, with options that the page does not have")


def _merges(model: Table, ids: Mapping[str, int]) -> dict[str, Any]:
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    if not all(a in ids and b in ids and a + b in ids for a, b in pairs):
        raise _cannot("it merges pieces that are not text")
    return {"merges": [ids[piece] for pair in pairs for piece in pair], "whole": bool(model.get("ignore_merges"))}


def _scores(model: Table, pieces: Sequence[str]) -> dict[str, Any]:
    scored = dict(model["vocab"])
    return {"scores": [scored.get(piece) for piece in pieces], "least": min(scored.values(), default=0)}


def _flat(part: Table | None, name: str) -> list[Table]:
    """Return the parts of a sequence, or the part itself."""
    if part is None:
        return []
    return [each for one in part[name] for each in _flat(one, name)] if part["type"] == "Sequence" else [part]


def _change(part: Table) -> list[list[Any]]:
    if part["type"] == "Prepend":
        return [["prepend", part["prepend"]]]
    if part["type"] == "NFC":
        return [["nfc"]]
    if part["type"] == "Replace" and "String" in part["pattern"]:
        return [["replace", part["pattern"]["String"], part["content"]]]
    raise _cannot(f"it changes the text by {part['type']}")


def _cuts(part: Table) -> list[list[Any]]:
    kind = part["type"]
    if kind == "ByteLevel":
        return (
            [["blank"]] * part["add_prefix_space"] + [["match", _WORDS]] * part.get("use_regex", True) + [["bytes"]]
        )
    if kind == "Digits":
        return [["digits", part["individual_digits"]]]
    if kind == "Metaspace" and part.get("prepend_scheme") == "never":
        blank = part["replacement"]
        return [["replace", " ", blank], *([["before", blank]] if part.get("split", True) else [])]
    raise _cannot(f"it cuts the text by {kind}")


def _cannot(reason: str) -> LmcompareError:
    return LmcompareError(f"the page can't cut a text as this tokenizer does, because {reason}")


_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # a piece of one byte, in vocabularies of SentencePiece
_BLANK = "▁"  # a blank, in vocabularies of SentencePiece
MOST_PIECES = 10**6  # four times those of the largest vocabularies in use
PART = 1 << 20  # about how many characters of a long document are cut at a time
# A single blank: byte level pre-tokenisation begins a piece of text with it, whatever is before and after
_BETWEEN_WORDS = re.compile(r"(?<=\S) (?=\S)")
LONGEST_WORD = 4000  # characters: the library learns from a word in a time that grows with the square of its length
_MAYBE_LONGER = re.compile(rf"(?<!\S)\S{{{LONGEST_WORD}}}|\s{{{LONGEST_WORD}}}")
_RUNS = regex.compile(r"\p{L}++|\p{N}++|[^\s\p{L}\p{N}]++|\s++")  # byte level pre-tokenisation joins no two of them


class PieceTokenizer(Tokenizer):
    """Cuts whole documents into pieces that have every byte of the text, so that no text has an unknown token."""

    covers = "documents"
    fixed_vocabulary = True

    _special_as_text: ClassVar[bool] = False  # whether special tokens that a text writes out are cut like the rest
    _mark: str = ""  # the string that the tokenizer puts before each text
    _cutter: tokenizers.Tokenizer | None = None
    _names: tuple[str, ...] = ()  # the name of each piece, by its number in the cutter
    _bytes: Mapping[str, bytes] = {}  # the bytes of each piece, by its name
    _lengths: IntArray = np.zeros(0, np.int64)  # the number of bytes of each piece, by its number

    def _take(self, content: str, whose: str) -> None:
        """Load a tokenizer from the JSON form of the library ``tokenizers``."""
        library = _library()
        try:
            table = json.loads(content)
            if isinstance(table.get("model"), dict) and table["model"].get("dropout"):
                table["model"]["dropout"] = (
                    None  # dropout draws pieces at random, for training; figures would change each time
                )
                content = json.dumps(table)
            self._cutter = library.Tokenizer.from_str(content)
        except BaseException as error:
            _pass_interrupt(error)
            raise LmcompareError(
                f"{whose} is not a tokenizer that the installed library tokenizers can read "
                f"({one_line(error)[:200]}); save it again"
            ) from None
        self._cutter.no_truncation()
        self._cutter.no_padding()
        numbers = self._cutter.get_vocab(with_added_tokens=True)
        if (most := max(numbers.values(), default=0)) >= MOST_PIECES:
            raise LmcompareError(
                f"{whose} has a piece with the number {most:,}, but the largest that can be used is"
                f" {MOST_PIECES - 1:,}: number its pieces without gaps, and save it again"
            )
        pieces: list[bytes | None] = [None] * (max(numbers.values(), default=-1) + 1)
        bytes_of = _bytes_of_pieces(table)
        for piece, number in numbers.items():
            pieces[number] = bytes_of(piece)
        self._names = _distinct_names(pieces)
        self._bytes = {name: piece or b"" for name, piece in zip(self._names, pieces, strict=True)}
        self._lengths = np.array([len(piece or b"") for piece in pieces], np.int64)

    def _compare(self, text: str, tokens: Sequence[str], whose: str) -> None:
        """Raise `LmcompareError` if the tokens of a text do not have exactly its bytes."""
        data = text.encode()
        found = b"".join([self._bytes[token] for token in tokens])
        if found == data:
            return
        at = next(
            (n for n, (a, b) in enumerate(zip(found, data, strict=False)) if a != b), min(len(found), len(data))
        )
        before, after = (part.decode(errors="replace") for part in (data[max(0, at - 20) : at], data[at : at + 20]))
        raise LmcompareError(
            f"{whose} changes the text or leaves some of it out (at '{after}', after '{before}'), so not every byte "
            "would be charged; use a byte-level tokenizer that does not normalise"
        )

    def state(self) -> State:
        return State(values={} if self._cutter is None else {"tokenizer": self._cutter.to_str()})

    def restore(self, state: State) -> None:
        if "tokenizer" in state.values:
            self._take(str(state.values["tokenizer"]), "the stored tokenizer")

    @property
    def always_tokens(self) -> tuple[str, ...]:
        return tuple(name for name in self._names if self._bytes[name])

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        if self._cutter is None:
            raise PluginError(f"the tokenizer {self.kind} has learnt nothing yet; call fit or restore first")
        try:
            ids = self._cutter.encode(text, add_special_tokens=False).ids
        except BaseException as error:
            _pass_interrupt(error)
            raise LmcompareError(
                f"the tokenizer {self.kind} can't cut the text ({one_line(error)[:200]}): if it has no piece for"
                " unknown characters, add one and save the tokenizer again"
            ) from None
        return [self._names[i] for i in ids], spans_of_lengths(self._lengths[ids])

    def in_page(self) -> dict[str, Any]:
        self.pieces_in_page(Vocabulary([END_TOKEN, *self.always_tokens]))
        return {"cut": "pieces"}

    def pieces_in_page(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the table that the page needs in addition to ``in_page``, with the ids of a vocabulary.

        It is the table of `page_table`, with "level", whether the pieces are written with a character per byte, and
        "mark", the string that the tokenizer puts before each text.

        Raises
        ------
        LmcompareError
            If the page can't cut exactly as this tokenizer does.
        """
        table = self._table()
        ids = {piece: vocabulary.id(name) for piece, name in self._texts().items()}
        found = page_table(table, ids, special_as_text=self._special_as_text)
        return {**found, "level": _is_byte_level(table), "mark": self._mark}

    def _texts(self) -> dict[str, str]:
        """Return the name of each piece that a text may be cut into."""
        assert self._cutter is not None
        numbers = self._cutter.get_vocab(with_added_tokens=True)
        named = {piece: self._names[number] for piece, number in numbers.items()}
        return {piece: name for piece, name in named.items() if self._bytes.get(name)}

    def _table(self) -> dict[str, Any]:
        """Return the tokenizer in the form of ``tokenizer.json``."""
        if self._cutter is None:
            raise PluginError(f"the tokenizer {self.kind} has learnt nothing yet; call fit or restore first")
        table: dict[str, Any] = json.loads(self._cutter.to_str())
        return table

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the tokenizer's own table with the ids of the vocabulary in place of its own."""
        table = self._table()
        assert self._cutter is not None
        if table["model"]["type"] != "BPE":
            raise LmcompareError(
                f"the tokenizer {self.kind} can't be written as tokenizer.json: in a model of the kind"
                f" {table['model']['type']} the order of the pieces matters, and the vocabulary has another order"
            )
        if wanting := [name for name in (UNKNOWN_TOKEN, END_TOKEN) if name in self._cutter.get_vocab()]:
            raise LmcompareError(
                f"the tokenizer {self.kind} can't be written as tokenizer.json: it has a piece {wanting[0]}, a name"
                " that the vocabulary uses for another purpose"
            )
        taken = {piece: vocabulary.id(self._names[number]) for piece, number in self._cutter.get_vocab().items()}
        reserved = {vocabulary[index]: index for index in vocabulary.special}  # no text is cut into these
        table["model"]["vocab"] = {**reserved, **{piece: taken[piece] for piece in table["model"]["vocab"]}}
        table["added_tokens"] = [{**entry, "id": taken[entry["content"]]} for entry in table["added_tokens"]]
        return {**table, "post_processor": None}

    def token_bytes(self, token: str) -> bytes:
        return self._bytes.get(token) or token.encode()


class BpeTokenizer(PieceTokenizer):
    """Byte pair encoding (Sennrich et al. 2016) of bytes, as in GPT-2, learnt from the training text.

    White space before a word belongs to its first piece, and no piece crosses from one word to the next.

    Parameters
    ----------
    pieces : int
        The number of pieces, the 256 bytes included.
    """

    kind = "bpe"
    description = "Byte pair encoding, learnt from the training text: pieces of words with the blank before them."

    def __init__(self, pieces: int = 4000) -> None:
        if not isinstance(pieces, int) or not len(BYTE_NAMES) <= pieces <= MOST_PIECES:
            raise LmcompareError(
                f"a bpe tokenizer can't have {reprlib.repr(pieces)} pieces: give a whole number from"
                f" {len(BYTE_NAMES)}, one for each byte, to {MOST_PIECES:,}"
            )
        self.pieces = pieces

    def fit(self, texts: Sequence[str]) -> Self:
        library = _library()
        cutter = library.Tokenizer(library.models.BPE())
        cutter.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        cutter.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=self.pieces,
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        words = (piece for text in texts for part in self.parts(text) for piece in _without_long_words(part))
        _interruptible(lambda: cutter.train_from_iterator(words, trainer))
        self._take(cutter.to_str(), "the learnt tokenizer")
        return self

    @property
    def notes(self) -> tuple[str, ...]:
        found = len(self._names)
        fewer = f", not {self.pieces:,}, because there are no more pairs to join" if found < self.pieces else ""
        return (f"Byte pair encoding has {found:,} pieces{fewer}.",) if found else ()

    def parts(self, text: str) -> Iterator[str]:
        begin = 0
        while found := _BETWEEN_WORDS.search(text, begin + PART):
            yield text[begin : found.start()]
            begin = found.start()
        yield text[begin:]


class SavedTokenizer(PieceTokenizer):
    """A tokenizer that was saved as ``tokenizer.json``, the format of Hugging Face.

    Parameters
    ----------
    path : str
        The path of the file.
    """

    kind = "saved"
    description = "A tokenizer read from a file in the format of Hugging Face's tokenizer.json."
    files: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(self, path: str = "") -> None:
        if not isinstance(path, str) or not path or "\0" in path:
            raise LmcompareError("no file is named; give --tokens PATH/tokenizer.json, or path in an experiment file")
        self.path = path

    def fit(self, texts: Sequence[str]) -> Self:
        try:
            content = ordinary(expanded(self.path)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LmcompareError(
                f"{self.path} cannot be read ({one_line(error)}); give the path of a tokenizer.json"
            ) from None
        self._take(content, self.path)
        for text in texts:
            self.tokenize(text)  # raises an error if the tokens do not have the bytes of the text
        return self

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        self._compare(text, tokens, self.path)
        return tokens, offsets


def _pass_interrupt(error: BaseException) -> None:
    """Raise an interrupt again, but not an error of the library, whose panics are not an ``Exception`` either."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _without_long_words(text: str) -> Iterator[str]:
    """Yield a text in parts, in which no word, number or white space is longer than `LONGEST_WORD` characters."""
    begin = 0
    if _MAYBE_LONGER.search(text):
        for run in _RUNS.finditer(text):
            for end in range(run.start() + LONGEST_WORD, run.end(), LONGEST_WORD):
                yield text[begin:end]
                begin = end
    yield text[begin:]


def _interruptible(work: Callable[[], object]) -> None:
    """Run compiled code in a thread, so that this thread still answers Ctrl-C; raise the exception of that code."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # raised below
            raised.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)  # Python handles signals in between
    if raised:
        raise raised[0]


def _library() -> Any:
    """Return the library ``tokenizers``."""
    try:
        import tokenizers
    except ImportError:
        raise LmcompareError(
            "this tokenizer needs the library tokenizers; install it with: pip install 'lmcompare[bpe]'"
        ) from None
    return tokenizers


def _is_byte_level(table: Mapping[str, Any]) -> bool:
    return '"ByteLevel"' in json.dumps([table.get("pre_tokenizer"), table.get("decoder")])


def _bytes_of_pieces(table: Mapping[str, Any]) -> Any:
    """Return the function from the pieces of a saved tokenizer to their bytes."""
    added = {each["content"] for each in table.get("added_tokens") or ()}
    if _is_byte_level(table):
        values = {character: value for value, character in enumerate(_byte_characters())}

        def bytes_of(piece: str) -> bytes:
            if piece in added or not set(piece) <= values.keys():
                return piece.encode()
            return bytes(values[character] for character in piece)
    else:

        def bytes_of(piece: str) -> bytes:
            if (byte := _BYTE.fullmatch(piece)) is not None:
                return bytes([int(byte[1], 16)])
            return (piece if piece in added else piece.replace(_BLANK, " ")).encode()

    return bytes_of


def _byte_characters() -> list[str]:
    """Return the printable character that stands for each byte in byte-level vocabularies (Radford et al. 2019).

    The printable bytes of Latin-1 have their own character, the other bytes have the characters from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _distinct_names(pieces: Sequence[bytes | None]) -> tuple[str, ...]:
    """Return the name of each piece: its text, or its bytes as ``<0xE2>`` if it is not text or the name is taken.

    A number without a piece, None, gets a name too.
    """
    taken = {UNKNOWN_TOKEN, END_TOKEN}
    names = []
    for number, piece in enumerate(pieces):
        if piece is None:
            names.append(f"<unused {number}>")
            continue
        try:
            name = piece.decode()
        except UnicodeDecodeError:
            name = ""
        if not name or name in taken or _BYTE.search(name) or "\ufffd" in name:
            name = "".join(f"<0x{byte:02X}>" for byte in piece)
        while name in taken or not name:
            name += "′"
        taken.add(name)
        names.append(name)
    return tuple(names)
