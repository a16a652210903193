"""``lmcompare compress`` and ``decompress``: texts as small files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lmcompare.cli.app import app, flag, say
from lmcompare.cli.commands.trained import Dir, ModelOption, PluginOption, SeedOption, trained_model
from lmcompare.errors import LmcompareError, ordinary

if TYPE_CHECKING:
    from lmcompare.runfolder.cell import Cell

T = TypeVar("T")

SUFFIX = ".lmc"
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where the result goes.")]
Force = Annotated[bool, flag("--force", help="Replace a file that is there already.")]


@app.command()
def compress(
    folder: Dir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text file in UTF-8.")],
    model: ModelOption,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Compress a text with a trained model, by arithmetic coding.

    The file has about as many bits as the model needs for the text. The same model is needed to read it again.
    """
    from lmcompare.coding import compress as compressed
    from lmcompare.runfolder.guards import target_of

    data = ordinary(file).read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise LmcompareError(
            f"{file} is not UTF-8 ({error.reason}): convert it, as with iconv, or give a text file"
        ) from None
    target = _beside(file, target_of(out or file.with_name(file.name + SUFFIX), force))
    trained = trained_model(folder, model, seed, plugin)
    packed = _shown("Compressing", lambda progress: compressed(trained, text, progress))
    _write(target, packed)
    rate = f" ({8 * len(packed) / len(data):.3f} bits per byte)" if data else ""
    say(f"compressed {len(data):,} bytes to {len(packed):,} bytes{rate}: {target}")


@app.command()
def decompress(
    folder: Dir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that lmcompare compress wrote.")],
    plugin: PluginOption = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Read a compressed text again, with the model of the run that has compressed it."""
    from lmcompare.coding import Written, compressor
    from lmcompare.coding import decompress as decompressed
    from lmcompare.runfolder.guards import target_of
    from lmcompare.runfolder.run import load_run

    data = ordinary(file).read_bytes()
    try:
        written = Written.of(data)
    except LmcompareError as error:
        raise LmcompareError(f"{file}: {error}") from None
    if out is None and file.suffix != SUFFIX:
        raise LmcompareError(f"{file} does not end in {SUFFIX}: name the file to write the text to with --out")
    target = _beside(file, target_of(out or file.with_suffix(""), force))

    def has_written(cell: Cell) -> bool:
        with suppress(LmcompareError):  # a cell whose model is lost is not asked for
            return compressor(cell.path) == written.model
        return False

    of_model = filter(has_written, load_run(folder).cells)
    cell = next((cell for cell in of_model if cell.status == "done"), None)
    if cell is None:
        raise LmcompareError(f"no model in {folder} compressed {file}: give the run folder of the model that did")
    trained = trained_model(folder, cell.name, cell.seed, plugin)
    try:
        text = _shown("Decompressing", lambda progress: decompressed(trained, data, progress))
    except LmcompareError as error:
        raise LmcompareError(f"{file}: {error}") from None
    _write(target, text.encode())
    say(f"decompressed to {len(text.encode()):,} bytes: {target}")


def _beside(file: Path, target: Path) -> Path:
    """Return where to write what is made of a file. Raises ``LmcompareError`` if that is the file itself."""
    if target.exists() and target.samefile(file):
        raise LmcompareError(f"{target} is the file that is read: choose another --out")
    return target


def _write(file: Path, data: bytes) -> None:
    from lmcompare.runfolder.files import write_aside

    write_aside(file, lambda aside: aside.write_bytes(data))


def _shown(what: str, work: Callable[[Callable[[float], object]], T]) -> T:
    """Return what ``work`` returns, and show how much of it is done."""
    from lmcompare.harness.progress import display

    show = display()
    try:
        return work(lambda share: show.share(what, share))
    finally:
        show.share(what, 1.0)  # a bar hides the cursor of the terminal
