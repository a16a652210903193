"""All messages of errors, in one file to approve: ``python -m tests.messages`` writes it anew, and its diff is read.

A test that an error is raised asserts its type and one fact of its message, not the sentence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lmcompare

PACKAGE = Path(lmcompare.__file__).parent
APPROVED = Path(__file__).with_name("messages.txt")


def _template(node: ast.expr) -> str | None:
    """A string with ``{}`` for each of its fields."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _sentences(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.expr) and (text := _template(node)) is not None:
        if " " in text.strip():
            yield text
    else:
        for child in ast.iter_child_nodes(node):
            yield from _sentences(child)


def _of_errors(node: ast.AST) -> bool:
    """Whether strings in it are messages: what is raised, and what functions make errors of."""
    if isinstance(node, ast.FunctionDef):
        return node.returns is not None and ast.unparse(node.returns).endswith("Error")
    return isinstance(node, ast.Raise)


def _without_docstring(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
        node.body = node.body[1:]
    return node


def _messages(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    all_are = path == PACKAGE / "errors.py"
    taken: set[ast.AST] = set()
    for node in ast.walk(tree):
        if (_of_errors(node) or (all_are and isinstance(node, ast.FunctionDef))) and node not in taken:
            taken.update(ast.walk(node))
            yield from _sentences(_without_docstring(node))


def written() -> str:
    """Return the messages of the package, by file."""
    files = {path: list(_messages(path)) for path in sorted(PACKAGE.rglob("*.py"))}
    return "\n".join(
        "\n".join([f"# {path.relative_to(PACKAGE).as_posix()}", *(m.replace("\n", "\\n") for m in found), ""])
        for path, found in files.items()
        if found
    )


if __name__ == "__main__":
    APPROVED.write_text(written(), encoding="utf-8")
