"""A stand-in for KenLM's Python module: what the plugin calls, with the n-grams of an ARPA file in a dictionary."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

HAND = Path(__file__).with_name("hand.arpa")
Words = tuple[str, ...]

ARPALoadComplain = SimpleNamespace(NONE=0)


class State:
    """The last words that a model has read."""

    def __init__(self) -> None:
        self.words: Words = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)


class Config:
    """Takes what it is told."""

    show_progress: bool
    arpa_complain: int


class Model:
    """The binary files are those that KenLM made from ``hand.arpa``."""

    def __init__(self, path: str, config: Config) -> None:
        assert (config.show_progress, config.arpa_complain) == (False, 0)
        content = Path(path).read_bytes()
        if content.startswith(b"mmap lm"):
            if len(content) < 300:
                raise RuntimeError(f"Cannot read model '{path}' (lm/a.cc:9 in b threw C. Binary file has size 200)")
            content = HAND.read_bytes()
        self.grams: dict[Words, tuple[float, float]] = {}
        for line in content.decode().splitlines():
            if "\t" in line:
                log10, words, *weight = line.split("\t")
                self.grams[tuple(words.split(" "))] = float(log10), float(weight[0]) if weight else 0.0
        if "\\end\\" not in content.decode():
            raise OSError("End of file")
        self.order = max(map(len, self.grams))

    def __contains__(self, word: str) -> bool:
        return (word,) in self.grams and word != "<unk>"

    def BeginSentenceWrite(self, state: State) -> None:  # noqa: N802
        state.words = ("<s>",) if self.order > 1 else ()

    def NullContextWrite(self, state: State) -> None:  # noqa: N802
        state.words = ()

    def BaseScore(self, state: State, word: str, after: State) -> float:  # noqa: N802
        context, log10 = state.words, 0.0
        word = word if word in self else "<unk>"
        after.words = (*context, word)[-(self.order - 1) :] if self.order > 1 else ()
        while (*context, word) not in self.grams:
            log10 += self.grams.get(context, (0.0, 0.0))[1]
            context = context[1:]
        return log10 + self.grams[(*context, word)][0]
