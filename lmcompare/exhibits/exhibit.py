"""The base class of all kinds of exhibit and the check that every exhibit passes before it is stored or drawn."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, fields
from typing import ClassVar

from lmcompare.exhibits.fields import hints, is_larger, misfit


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A figure or table by which a model explains itself.

    A kind of exhibit is a frozen dataclass that derives from this class. Its fields have the types that
    ``lmcompare.exhibits.fields`` lists, all of them JSON-able. docs/exhibits.md has a complete example.

    Parameters
    ----------
    title : str
        What the exhibit shows, in a few words.
    note : str, default=""
        One or two sentences on what the reader should see.

    Attributes
    ----------
    kind : str
        The name of the kind: that of its entry point in the group ``lmcompare.exhibits``.
    most : int
        How many parts an exhibit of this kind may have: fields and entries of tuples, nested ones included; a text
        counts once more for each 100 characters.
    former : frozenset of str
        Fields that the kind had in earlier versions: they are left out of an exhibit that was stored with them.
    """

    kind: ClassVar[str] = ""
    former: ClassVar[frozenset[str]] = frozenset()
    most: ClassVar[int] = 10_000
    title: str
    note: str = ""

    def problem(self) -> str:
        """Return what is wrong with the parts of this exhibit, and "" if nothing is.

        A kind overrides this method with rules of its own: which parts have the same length, which numbers are
        allowed. The method may rely on the types of all fields, on the size limit and on numbers that can be drawn,
        which are checked before.
        """
        return ""

    def find_problem(self) -> str:
        """Return the first thing that is wrong with this exhibit, and "" if nothing is.

        Checks the size, the types of all fields, the title, and then what ``problem`` checks.
        """
        names = [field.name for field in fields(self)]
        if is_larger((getattr(self, name) for name in names), self.most):
            return f"it has more than {self.most:,} parts, the most that the kind '{self.kind}' may have"
        types = hints(type(self))
        wrong = next(filter(None, (misfit(getattr(self, name), types[name], name) for name in names)), "")
        return wrong or ("" if self.title.strip() else "it has no title") or self.problem()


def unequal(**parts: Sized) -> str:
    """Return that parts differ in length, and "" if they do not: "labels has 2 entries, values has 1"."""
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) <= 1:
        return ""
    return ", ".join(f"{name} has {n}{' entries' if i == 0 else ''}" for i, (name, n) in enumerate(lengths.items()))
