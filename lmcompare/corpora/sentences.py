"""Finds sentences: each line is one, or NLTK's Punkt finds them, trained on the training text of the corpus.

Spans are (start, end) character offsets into a document's text, in order and disjoint; there is at least one, and the
first starts at 0. ``</s>`` represents the text between two spans.

Punkt: Kiss and Strunk (2006), *Unsupervised Multilingual Sentence Boundary Detection*, Computational Linguistics
32(4).
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from nltk.tokenize.punkt import PunktParameters


_ABBREVIATIONS = """
    mr mrs ms messrs mme mlle dr drs prof rev revd hon sen rep gov pres gen lt col maj capt cpt cmdr cdr adm sgt cpl
    pvt pfc brig st ste sr jr esq fr supt insp det amb atty dir asst assoc comdr ens
    jan feb apr aug sept sep oct nov dec mon tue tues thu thur thurs fri
    inc ltd co corp bros cie univ dept dist govt assn inst intl natl org acad soc lib mus
    mt mts ft ave blvd rd hwy sq bldg pk str ala ariz ark calif colo conn fla kans ky mich minn mont nebr nev okla
    penn tenn tex va vt wis wyo u.s.a
    vol vols p pp ed eds edn rev repr trans transl tr comp illus cf viz vs ibid op cit loc seq et.seq al ff fig figs
    ch chap chaps sect par para pt pts suppl ser ms mss app approx ca c est max esp incl excl resp orig abbr abbrev
    misc fem masc sing plur lit etym etc i.e e.g n.b q.v s.v a.k.a b d fl m née
    ph.d m.d b.a m.a b.sc m.sc b.s m.s d.phil m.phil ll.b ll.m j.d m.b.a ed.d d.d d.sc b.com r.n
    a.m p.m a.d b.c b.c.e c.e oz lb lbs hr hrs mins secs yr yrs wk wks cu
    u.s u.k u.n u.s.s u.s.s.r e.u d.c n.y l.a h.m r.a.f s.s
"""
ABBREVIATIONS: frozenset[str] = frozenset(_ABBREVIATIONS.split())

_BEFORE_NUMBERS = "no nos art arts sec secs pl mar jul jun dec bk tab eq eqs ex fasc n nr line cat inv col bd op ca v"
BEFORE_NUMBERS: frozenset[str] = frozenset(_BEFORE_NUMBERS.split())
"""Abbreviations only where a number follows: ``No. 2`` goes on, ``He said no.`` ends."""

_NEVER_LAST = """
    mr mrs ms messrs mme mlle dr drs prof revd hon sen gov gen lt col maj capt cmdr cdr adm sgt cpl brig
    e.g i.e cf viz vs
"""
NEVER_LAST: frozenset[str] = frozenset(_NEVER_LAST.split())
"""Abbreviations that need something after them: no sentence ends with these, whatever word follows."""


Span = tuple[int, int]
Spans = tuple[Span, ...]

PART = 1 << 20  # characters
_AFTER_WORD = re.compile(r"[ \t\n\r\v\f](?<=\S.)", re.DOTALL)


def lines_of(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, next start) of each line; the end is before its ``\\n`` or ``\\r\\n``."""
    start = 0
    while start < len(text):
        newline = text.find("\n", start)
        following = newline + 1 or len(text)
        end = len(text) if newline < 0 else newline - text.startswith("\r", max(start, newline - 1))
        yield start, end, following
        start = following


def in_parts(text: str) -> Iterator[str]:
    """Yield a text in parts that end with a word: all words of a long text at once need much memory."""
    begin = 0
    while space := _AFTER_WORD.search(text, begin + PART):
        yield text[begin : space.start()]
        begin = space.start()
    yield text[begin:]


def line_sentences(text: str) -> Spans:
    """Return a span for each line, without its line end; a blank line is an empty sentence."""
    return tuple((start, end) for start, end, _ in lines_of(text)) or ((0, len(text)),)


def block_sentences(text: str) -> Spans:
    """Return a span for each line, but none for the blank lines at the end of the text."""
    spans = line_sentences(text)
    last = max((n for n, (start, end) in enumerate(spans) if text[start:end].strip()), default=0)
    return spans[: last + 1]


def whole_sentence(text: str) -> Spans:
    """Return one span: the text without its last line end."""
    return ((0, len(text) - (2 if text.endswith("\r\n") else 1 if text.endswith("\n") else 0)),)


class PunktSplitter:
    """Sentence spans by Punkt, trained on ``texts`` (the train split), with a list of English abbreviations.

    A line end always ends a sentence too. Nothing is downloaded: Punkt's parameters come from ``texts`` alone.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        from nltk.tokenize.punkt import PunktSentenceTokenizer

        text = "\n\n".join(texts)
        # In a text without capitals, lower case does not show that a sentence continues.
        self._cased = len(re.findall(r"[A-Z]", text)) > 0.002 * len(text)
        parameters = _trained(text)
        self._punkt = PunktSentenceTokenizer(parameters)
        self._starters = parameters.sent_starters | _STARTERS

    def spans(self, text: str) -> Spans:
        """Return the sentence spans of ``text``, without the white space around them (but the first starts at 0)."""
        spans: list[Span] = []
        for start, end, _ in lines_of(text):
            line = text[start:end]
            if line.strip():
                spans += [(start + a, start + b) for a, b in self._line_spans(line)]
        if not spans:
            return ((0, len(text)),)
        spans[0] = (0, spans[0][1])
        return tuple(spans)

    def _line_spans(self, line: str) -> list[Span]:
        if not _END.search(line):
            return [_trim(line, 0, len(line))]
        spans: list[Span] = []
        for a, b in self._punkt.span_tokenize(line):
            a, b = _trim(line, a, b)
            if a == b:
                continue
            if spans and self._goes_on(line[max(spans[-1][0], spans[-1][1] - 100) : spans[-1][1]], line[a:b]):
                spans[-1] = (spans[-1][0], b)
            else:
                spans.append((a, b))
        return spans

    def _goes_on(self, before: str, after: str) -> bool:
        """Whether the sentence continues where Punkt ended it, after ``before`` (its last hundred characters)."""
        if _CONTINUATION.match(after):
            return True  # "Ill. : Regnery", "J. (1984)", "art." -Einstein
        opening = _OPENING.match(after)
        rest = after[opening.end() :] if opening else after
        if not rest:
            return True  # only closing brackets or quotes
        if self._cased and rest[0].islower():
            return True  # '"Why?" he asked', "approx. ten"
        if _ENUMERATOR.fullmatch(before):
            return True  # "2. Membrane"
        word = _LAST_WORD.search(before)
        last = word[1].casefold() if word is not None else ""
        if last in NEVER_LAST or (rest[0].isdigit() and last in BEFORE_NUMBERS):
            return True  # "Mr. Lincoln", "No. 5"
        if _ONE_LETTER.search(before) and _NEXT_INITIAL.match(after):
            return True  # "the philosopher G. W. F. Hegel"
        if _INITIAL.search(before):  # "Samuel A. Ward", "W. B. Yeats", but not "Group B. The"
            first = re.match(r"\w+", rest)
            return first is not None and first[0].casefold() not in self._starters
        return False


_STARTER_WORDS = """
    a an the this that these those he she it they we you i his her its their our my in on at by for from with to of as
    after before during since while when where if although though because but and or so yet however thus also both
    there here what who why how which some many most all no not one another each every once later then
"""
_STARTERS = frozenset(_STARTER_WORDS.split())
"""Words after an initial that begin a sentence rather than a surname."""
_END = re.compile(r"[.?!]")
_OPENING = re.compile(r"[\s\"'“”‘’«»()\[\]{}<>*_.,;:!?–—-]*")
_CONTINUATION = re.compile(r"[,;:/&%+=”’»]|[-–—]\S|\(\d{4}[a-z]?\)")
_ENUMERATOR = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxlIVXL]{1,5})[.)]")
_LAST_WORD = re.compile(r"(?<!\w)((?:\w\.)*\w{1,10})\.$")
_ONE_LETTER = re.compile(r"(?<![^\W_])[A-ZÀ-Þ]\.$")
_NEXT_INITIAL = re.compile(r"[A-ZÀ-Þ]\.")
_INITIAL = re.compile(
    r"(?:^|[\s(\"“-])[^\W\d_]*[A-ZÀ-Þ][\w'’-]*,?\s+(?:[A-ZÀ-Þ]\.[\s-]?)*(?!I\.)[A-ZÀ-Þ]\.$|^[A-Z]\.$|[A-Z]\.\s?[A-Z]\.$"
)


def _trim(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _trained(text: str) -> PunktParameters:
    """The parameters of Punkt for a text: what it learns, with the listed abbreviations, without doubtful ones."""
    from nltk.tokenize.punkt import PunktTrainer

    trainer = PunktTrainer()
    collecting = gc.isenabled()
    gc.disable()  # each collection would go through all tokens, which the trainer holds at once
    try:
        trainer.train(text, finalize=True)
    finally:
        if collecting:
            gc.enable()
    parameters = trainer.get_params()
    parameters.abbrev_types = set(ABBREVIATIONS) | _confirmed(parameters.abbrev_types - ABBREVIATIONS, text)
    # A name that begins many sentences ("Lincoln" in his biography) does not begin one after "Gen." or "U.S.".
    parameters.sent_starters = {word for word in parameters.sent_starters if f" {word} " in text}
    return parameters


def _confirmed(learnt: set[str], text: str) -> set[str]:
    """The learnt abbreviations that the text confirms.

    Punkt takes a rare word that occurs only at the ends of sentences ("meal.") for an abbreviation. One with full
    stops inside ("c.i.a.") or of a single letter is kept. Any other must be short, and at least half of the time a
    comma, a colon, a digit or a lower-case letter must follow it.
    """
    kept = {a for a in learnt if "." in a or len(a) == 1}
    if not (doubtful := {a for a in learnt - kept if len(a) <= 5}):
        return kept
    goes_on: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    words = "|".join(map(re.escape, sorted(doubtful)))
    # The look-ahead, which every candidate fits, is far quicker than trying all words everywhere.
    candidate = re.compile(rf"(?<!\w)(?=[^.]{{1,5}}\.)((?i:{words}))\.(\s*[,;:]|\s+[a-z0-9])?")
    for match in candidate.finditer(text):
        word = match[1].lower()
        seen[word] += 1
        goes_on[word] += match[2] is not None
    return kept | {a for a in doubtful if seen[a] and 2 * goes_on[a] >= seen[a]}


ASCII_SPACES = " \t\n\r\v\f"


def numbered_words(
    texts: Sequence[str], spaces: str | None = None
) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number the words of texts in order of first appearance.

    Parameters
    ----------
    texts : sequence of str
        D texts that UTF-8 can store.
    spaces : str, optional
        ``ASCII_SPACES`` to split at these alone; by default at all white space of Unicode, as ``str.split`` does.

    Returns
    -------
    list of str
        The different words.
    array of shape (N,)
        The number of each word of the texts.
    array of shape (D,)
        How many words each text has.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    stripped = [text.strip(spaces) for text in texts]  # white space at an end would add an empty word
    split = pc.utf8_split_whitespace if spaces is None else pc.ascii_split_whitespace
    found = split(pa.array([text for text in stripped if text], pa.large_string()))
    coded = found.flatten().dictionary_encode()
    lengths = np.zeros(len(texts), np.int64)
    lengths[[bool(text) for text in stripped]] = pc.list_value_length(found).to_numpy()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64), lengths


def batches(texts: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield lists of about ``PART`` characters of numbered texts, the long ones in parts that end with a word."""
    batch: list[tuple[int, str]] = []
    size = 0
    for number, text in enumerate(texts):
        for part in in_parts(text):
            batch.append((number, part))
            size += len(part)
            if size >= PART:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
