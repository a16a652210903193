"""A tiny WordNet, written in the format of WordNet's own files (wndb(5WN))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmcompare.models.wordnet_bow.readable import PARTS, SUPERSENSES

PART = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}


@dataclass(frozen=True)
class Synset:
    """A synset: its words, its supersense, the keys of those above it, and how often its first word was tagged."""

    key: str
    words: tuple[str, ...]
    supersense: str
    above: tuple[str, ...] = ()
    relation: str = "@"
    pos: str = "n"
    count: int = 0


ANIMALS = (
    Synset("entity", ("entity",), "noun.Tops"),
    Synset("animal", ("animal", "beast"), "noun.animal", ("entity",)),
    Synset("dog", ("dog",), "noun.animal", ("animal",), count=20),
    Synset("cat", ("cat",), "noun.animal", ("animal",)),
    Synset("food", ("food",), "noun.food", ("entity",)),
    Synset("dish", ("dish",), "noun.food", ("food",)),
    Synset("soup", ("soup",), "noun.food", ("dish",)),
    Synset("sausage", ("hot_dog", "dog"), "noun.food", ("dish",)),
    Synset("goose", ("goose",), "noun.animal", ("animal",)),
    Synset("city", ("city",), "noun.location", ("entity",)),
    Synset("Paris", ("Paris",), "noun.location", ("city",), "@i"),
    Synset("move", ("move",), "verb.motion", pos="v"),
    Synset("run", ("run",), "verb.motion", ("move",), pos="v", count=9),
    Synset("large", ("large",), "adj.all", pos="a"),
    Synset("huge", ("huge",), "adj.all", ("large",), "&", pos="s"),
    Synset("well", ("well",), "adv.all", pos="r"),
)


def write_wordnet(folder: Path, synsets: Sequence[Synset] = ANIMALS, irregular: Mapping[str, str] = {}) -> Path:
    """Write synsets; ``irregular`` has base forms of irregular nouns. A word's senses are in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    header = "  1 This is a tiny WordNet of a test.  \n"
    offset: dict[str, int] = {}
    for last in (False, True):  # the lines have the same length before the offsets are known
        place = dict.fromkeys(PARTS, len(header))
        lines: dict[str, list[str]] = {part: [header] for part in PARTS}
        for each in synsets:
            part = PART[each.pos]
            if not last:
                offset[each.key] = place[part]
            line = _data(each, offset, {s.key: s.pos for s in synsets})
            lines[part].append(line)
            place[part] += len(line)
    senses: dict[tuple[str, str], list[int]] = {}
    for each in synsets:
        for word in each.words:
            senses.setdefault((PART[each.pos], word.lower()), []).append(offset[each.key])
    for part in PARTS:
        (folder / f"data.{part}").write_text("".join(lines[part]), "utf-8")
        letter = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}[part]
        index = [
            f"{word} {letter} {len(at)} 0 {len(at)} 0 {' '.join(f'{o:08}' for o in at)}  \n"
            for (own, word), at in sorted(senses.items())
            if own == part
        ]
        (folder / f"index.{part}").write_text(header + "".join(index), "utf-8")
        forms = "".join(f"{form} {base}\n" for form, base in irregular.items()) if part == "noun" else ""
        (folder / f"{part}.exc").write_text(forms, "utf-8")
    number = {"n": 1, "v": 2, "a": 3, "r": 4}
    tagged = [
        f"{each.words[0].lower()}%{number[each.pos]}:{SUPERSENSES.index(each.supersense):02}:00:: 1 {each.count}\n"
        for each in synsets
        if each.count
    ]
    (folder / "cntlist.rev").write_text("".join(sorted(tagged)), "utf-8")
    return folder


def _data(each: Synset, offset: Mapping[str, int], kinds: Mapping[str, str]) -> str:
    words = " ".join(f"{word} 0" for word in each.words)
    above = "".join(f"{each.relation} {offset.get(key, 0):08} {kinds[key]} 0000 " for key in each.above)
    frames = "00 " if each.pos == "v" else ""
    begin = f"{offset[each.key]:08} {SUPERSENSES.index(each.supersense):02} {each.pos} {len(each.words):02x} {words}"
    return f"{begin} {len(each.above):03} {above}{frames}| a gloss of {each.key}  \n"
