"""Words and signs that WordNet does not have: function words by their class, marks and numbers."""

from __future__ import annotations

import re
import unicodedata

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
CLASSES = (*FUNCTION_WORDS, MARK, NUMBER, YEAR)
_CONTRACTED = re.compile(r"(n't|'(?:s|re|ve|ll|d|m))$")
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,:/][0-9]+)*(?:st|nd|rd|th|s)?")


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
