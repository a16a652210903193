"""Features of words that a person can read: WordNet's classes, and classes of our own for words that it lacks.

WordNet: Miller (1995), "WordNet: a lexical database for English", Communications of the ACM 38(11); Fellbaum (1998).
NLTK reads it.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, expanded, in_one_sentence, what_went_wrong
from lmcompare.model import FloatArray
from lmcompare.tokens import IntArray, Vocabulary

FETCH = "python -m nltk.downloader wordnet"
MISSING = (
    f"needs WordNet, which is not on this machine: fetch it with '{FETCH}', or install the package wordnet-base of"
    " Debian"
)
NAMES = ("wordnet", "wordnet31")  # in NLTK's data
DEBIAN = Path("/usr/share/wordnet")  # the folder of the package wordnet-base
PARTS = ("noun", "verb", "adj", "adv")
COUNTS = "cntlist.rev"  # how often each sense occurs in the texts that WordNet's authors have tagged
READ = (*(f"{kind}.{part}" for kind in ("data", "index") for part in PARTS), *(f"{part}.exc" for part in PARTS))
SUPERSENSES = (  # the lexicographer files, in the order of their numbers (lexnames(5WN))
    *("adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute"),
    *("noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group"),
    *("noun.location", "noun.motive", "noun.object", "noun.person", "noun.phenomenon", "noun.plant"),
    *("noun.possession", "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state"),
    *("noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition", "verb.communication"),
    *("verb.competition", "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion"),
    *("verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl"),
)

FUNCTION_WORDS = {  # of English, by class; a word belongs to the first class that has it
    "determiner": "a an the this that these those each every either neither some any no all both half such"
    " another other many much more most few fewer little less several enough own same",
    "pronoun": "i me my mine myself you your yours yourself yourselves he him his himself she her hers herself"
    " it its itself we us our ours ourselves they them their theirs themselves one oneself others someone somebody"
    " something anyone anybody anything everyone everybody everything nobody nothing none",
    "question word": "who whom whose which what whoever whatever whichever when where why how whenever wherever"
    " however",
    "conjunction": "and or but nor yet so if because although though while whereas unless whether than lest as",
    "preposition": "of in to for with on at by from into about after before over between under against during"
    " without within among amongst through across along around behind beneath beside besides beyond despite down"
    " except inside like near off onto out outside past per since throughout till until toward towards up upon via"
    " amid underneath unlike above below according",
    "auxiliary": "be am is are was were been being have has had having do does did doing done will would shall"
    " should can could may might must ought cannot 's 're 've 'll 'd 'm n't not there",
}
_NUMBER_WORDS = (
    "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand"
    " million billion trillion hundreds thousands millions billions dozen dozens"
)
NUMBER_WORDS = frozenset(_NUMBER_WORDS.split())
MARK, NUMBER, YEAR = "mark", "number", "year"
CLASS_OF = {word: name for name, words in reversed(FUNCTION_WORDS.items()) for word in words.split()}
CLOSED_CLASSES = (*FUNCTION_WORDS, MARK, NUMBER, YEAR)
_CONTRACTED = re.compile(r"(n't|'(?:s|re|ve|ll|d|m))$")
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,:/][0-9]+)*(?:st|nd|rd|th|s)?")
Bits = npt.NDArray[np.uint8]
UNKNOWN, END, NAME, LACKING = "unknown word", "end of a sentence", "name", "not in WordNet"
CLASSES = (*SUPERSENSES, *CLOSED_CLASSES, NAME, LACKING, UNKNOWN, END)  # classes of the words that are predicted
CAPITAL = "capital letter"
ENDINGS = ("ing", "ed", "est", "er", "s")  # endings of inflected forms, which morphy removes
RARE = 0.05  # a sense with a smaller share of the uses of a word is left out
_SYNSET = re.compile(r"\.[nvasr]\.[0-9]+$")
LETTERS = (2, 3)  # the lengths of the endings of words that WordNet lacks


def found_root(folder: str = "") -> Any:
    """Return NLTK's pointer to the folder or Zip archive with WordNet's files.

    Parameters
    ----------
    folder : str
        The folder; "" to look on NLTK's data path and where Debian's package ``wordnet-base`` has them.

    Raises
    ------
    LmcompareError
        If WordNet is in none of these places.
    """
    import nltk.data

    if folder:
        given = expanded(folder).absolute()
        if lacking := [name for name in READ if not (given / name).is_file()]:
            raise LmcompareError(f"{folder} has no {lacking[0]}: name a folder with the files of WordNet 3")
        return _opened(given)
    for name in NAMES:
        for place in (f"corpora/{name}", f"corpora/{name}.zip/{name}/"):
            with suppress(LookupError, BadZipFile):
                return nltk.data.find(place)
    if all((DEBIAN / name).is_file() for name in READ):
        return _opened(DEBIAN)
    raise LmcompareError(f"wordnet-bow {MISSING}")


def whole() -> AbstractContextManager[None]:
    """Turn any error from reading damaged files of WordNet into an error of one sentence."""
    return in_one_sentence(
        lambda error: f"WordNet's files are damaged ({what_went_wrong(error)}): fetch them again with '{FETCH}'"
    )


def is_found() -> bool:
    """Return whether WordNet is on this machine."""
    try:
        found_root()
    except LmcompareError:
        return False
    return True


def digest(folder: str = "") -> str:
    """Return a digest of WordNet's files."""
    root = found_root(folder)
    told = hashlib.sha256()
    with whole():
        for name in READ:
            told.update(_content(root, name))
    return told.hexdigest()


def reader(folder: str = "") -> Any:
    """Return NLTK's reader of WordNet: English alone, with the supersenses' names, which Debian's package lacks.

    The files are read as a whole, so that none stays open. They are ASCII: bytes and characters have the same places.
    """
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        def open(self, file: str) -> Any:
            if file == "lexnames":
                return io.StringIO("".join(f"{i:02}\t{name}\t0\n" for i, name in enumerate(SUPERSENSES)))
            return io.StringIO(_content(self.root, file).decode("latin-1"))

        def map_wn(self, version: str = "wordnet") -> None:
            """Map no version of WordNet to another one: Debian's package lacks the file for it."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the warning that there are no other languages
        return Reader(found_root(folder), None)


def sense_counts(folder: str = "") -> dict[str, int]:
    """Return how often each sense, by its key, was tagged by WordNet's authors; empty without their file."""
    try:
        lines = _content(found_root(folder), COUNTS).decode("latin-1").splitlines()
    except OSError:
        return {}
    try:
        return {key: int(count) for key, _, count in (line.split() for line in lines)}
    except ValueError:
        raise LmcompareError(f"{COUNTS} of WordNet is damaged: fetch WordNet again with '{FETCH}'") from None


def _content(root: Any, name: str) -> bytes:
    if (folder := getattr(root, "path", None)) is not None:  # NLTK refuses links, as Conda and Nix make them
        return (Path(folder) / name).read_bytes()
    with root.join(name).open() as file:
        found: bytes = file.read()
    return found


def _opened(folder: Path) -> Any:
    """Return NLTK's pointer to a folder; NLTK's readers refuse a folder outside of its data path."""
    import nltk.data

    if str(folder) not in nltk.data.path:
        nltk.data.path.append(str(folder))
    return nltk.data.FileSystemPathPointer(str(folder))


def closed_class(word: str) -> str:
    """Return the class of a word of a closed class, a mark or a number; "" for other words."""
    lower = word.lower().replace("’", "'")
    if found := CLASS_OF.get(lower):
        return found
    if _YEAR.fullmatch(lower):
        return YEAR
    if _NUMBER.fullmatch(lower) or lower in NUMBER_WORDS:
        return NUMBER
    if not any(unicodedata.category(sign)[0] in "LN" for sign in word):
        return MARK
    if (short := _CONTRACTED.search(lower)) and lower[: short.start()] in CLASS_OF:
        return "auxiliary"  # "don't", "it's"
    return ""


@dataclass(frozen=True)
class Described:
    """A word as a person may read it.

    Parameters
    ----------
    features : tuple of str
        Supersenses such as "noun.food", hypernyms such as "dish.n.02", and classes of our own.
    kind : str
        The one of ``CLASSES`` that the word belongs to when it is predicted.
    lemma : str
        The base form of the word; "" for a word that WordNet lacks, and for a word of a closed class.
    """

    features: tuple[str, ...]
    kind: str
    lemma: str = ""


class Describer:
    """Describes words by WordNet.

    Parameters
    ----------
    folder : str
        WordNet's folder; "" to search for it.
    """

    def __init__(self, folder: str = "") -> None:
        with whole():
            self._wordnet, self._counts = reader(folder), sense_counts(folder)
        self._above: dict[Any, tuple[str, ...]] = {}

    def word(self, word: str, lower_is_known: bool = False) -> Described:
        """Return the description of a word.

        Parameters
        ----------
        word : str
        lower_is_known : bool
            Whether the text also has the word in lower case: with a capital letter it then begins a sentence, as a
            rule, and is not a name.
        """
        lower, capital = word.lower(), word[:1].isupper()
        features = [CAPITAL] if capital else []
        if kind := closed_class(word):
            return Described((kind, f"“{lower}”", *features), kind)
        synsets = list(dict.fromkeys(self._wordnet.synsets(word)))
        names = [synset for synset in synsets if word in synset.lemma_names()]
        is_name = capital and not lower_is_known and bool(names or not synsets)
        if is_name:
            synsets = names
            features.append(NAME)
        if not synsets:
            kind = NAME if is_name else LACKING
            endings = [f"ends in -{lower[-n:]}" for n in LETTERS if len(lower) >= n]
            return Described((*features, *([] if is_name else [kind]), *endings), kind)
        shares = self._shares(synsets, lower)
        for synset, share in zip(synsets, shares, strict=True):
            if share >= RARE:
                features += [synset.lexname(), *self._hypernyms(synset)]
        best = synsets[int(np.argmax(shares))]
        lemma = self._wordnet.morphy(lower, best.pos()) or lower
        if lemma != lower:
            ending = next((ending for ending in ENDINGS if lower.endswith(ending)), "")
            features.append(f"form in -{ending}" if ending else "irregular form")
        by_supersense = Counter[str]()
        for synset, share in zip(synsets, shares, strict=True):
            by_supersense[synset.lexname()] += share
        kind = max(by_supersense, key=lambda name: (by_supersense[name], -SUPERSENSES.index(name)))
        return Described(tuple(dict.fromkeys(features)), kind, lemma)

    def vocabulary(self, vocabulary: Vocabulary) -> list[Described]:
        """Describe each word of a vocabulary. Raises ``LmcompareError`` if WordNet's files are damaged."""
        tokens = set(vocabulary.tokens)
        with whole():
            found = [self.word(word, word.lower() in tokens) for word in vocabulary.tokens]
        found[vocabulary.end] = Described((END,), END)
        if vocabulary.unknown is not None:
            found[vocabulary.unknown] = Described((UNKNOWN,), UNKNOWN)
        return found

    def _shares(self, synsets: Sequence[Any], word: str) -> FloatArray:
        """Return the share of each sense in the uses of a word: the counts of WordNet's authors, add-one smoothed."""
        bases = {word, *(self._wordnet.morphy(word, kind) for kind in "nvar")}
        counts = []
        for synset in synsets:
            lemmas = [lemma for lemma in synset.lemmas() if lemma.name().lower() in bases] or synset.lemmas()
            counts.append(1.0 + max(self._counts.get(lemma.key(), 0) for lemma in lemmas))
        return np.array(counts) / sum(counts)

    def _hypernyms(self, synset: Any) -> tuple[str, ...]:
        """Return the names of a synset and of all above it; above an adjective are those that it is similar to."""
        name = synset.name()
        if name not in self._above:
            self._above[name] = (name,)  # WordNet has a few circles
            above = [*synset.hypernyms(), *synset.instance_hypernyms()]
            if synset.pos() == "s":
                above += synset.similar_tos()
            names = (each for parent in sorted(above) for each in self._hypernyms(parent))
            self._above[name] = tuple(dict.fromkeys((name, *names)))
        return self._above[name]


def chosen(described: Sequence[Described], counts: IntArray, most: int) -> tuple[str, ...]:
    """Return the features that the most tokens of a training text have.

    A synset is a class only if two words of the text, forms of one base form counted once, are in it or below it. Of
    features that the same words of the text have, the first in WordNet's order is taken.

    Parameters
    ----------
    described : sequence of Described
        The V words.
    counts : array of int, shape (V,)
        How often each word occurs in the training text.
    most : int
        The greatest number of features.
    """
    words: dict[str, list[int]] = {}
    for i in np.flatnonzero(counts).tolist():
        for feature in described[i].features:
            words.setdefault(feature, []).append(i)
    different: dict[tuple[int, ...], str] = {}
    for feature, which in words.items():
        if not _SYNSET.search(feature) or len({described[i].lemma for i in which}) > 1:
            different.setdefault(tuple(which), feature)
    tokens = {feature: int(counts[list(which)].sum()) for which, feature in different.items()}
    return tuple(sorted(tokens, key=lambda feature: (-tokens[feature], feature))[:most])


def table(described: Sequence[Described], features: Sequence[str]) -> Bits:
    """Return (V, F): 1 if a word has a feature."""
    place = {feature: column for column, feature in enumerate(features)}
    found = np.zeros((len(described), len(features)), np.uint8)
    for row, word in enumerate(described):
        found[row, [place[feature] for feature in word.features if feature in place]] = 1
    return found
