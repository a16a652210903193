"""A page as a tree, to ask it for its tables and texts."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "input", "link", "hr"}


class Node:
    """An element with its attributes and children; text is a plain string among these."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes = name, attributes
        self.children: list[Node | str] = []

    @property
    def text(self) -> str:
        """All text in it, blanks collapsed; no-break spaces become spaces. Links to headings are left out."""
        return " ".join("".join(self._texts()).replace("\u00a0", " ").split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.name not in ("script", "style", "title") and child.attributes.get("class") != "anchor":
                yield from child._texts()

    def all(self, name: str = "", class_: str = "", id_: str = "") -> list[Node]:
        """Return the elements in it with this name, class and id, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                same = (not name or child.name == name) and (not id_ or child.attributes.get("id") == id_)
                if same and (not class_ or class_ in child.attributes.get("class", "").split()):
                    found.append(child)
                found += child.all(name, class_, id_)
        return found

    def one(self, name: str = "", class_: str = "", id_: str = "") -> Node:
        """Return the first such element; an error if there is none."""
        return self.all(name, class_, id_)[0]

    def rows(self) -> list[list[str]]:
        """Return the texts of a table's body, cell by cell."""
        return [
            [cell.text for cell in row.children if isinstance(cell, Node)]
            for body in self.all("tbody")
            for row in body.all("tr")
        ]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("document", {})]
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].name != tag:
            self.faults.append(f"</{tag}> closes <{self.open[-1].name}> at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def plain(text: str) -> str:
    """The text with plain spaces and hyphens in place of those that do not break a line."""
    return text.replace("\u00a0", " ").replace("\u2011", "-")


def parse(page: str) -> Node:
    """Return the page's tree; an assertion error if an element is closed that is not open, or left open."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert not parser.faults, parser.faults[:3]
    assert len(parser.open) == 1, [node.name for node in parser.open]
    return parser.open[0]
