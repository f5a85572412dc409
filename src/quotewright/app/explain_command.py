"""`quotewright explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quotewright.app.output import emit, err, out
from quotewright.domain.errors import InputError

if TYPE_CHECKING:
    from quotewright.research.explain import Explanation

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("explain", epilog="Example: quotewright explain binance-usdm:BTCUSDT --store data --out out/market")(
        explain_command
    )


def explain_command(
    instrument: Annotated[str, typer.Argument(help="VENUE:SYMBOL.")],
    store: Annotated[Path, typer.Option("--store", help="Folder of the store.")],
    to: Annotated[Path, typer.Option("--out", help="Folder for explain.html and explain.json.")],
    as_json: JsonOption = False,
) -> None:
    """Read a market from its recording: book, takers, queue, makers, fair price, regimes; one page with error bars."""
    from quotewright.research.explain import explain
    from quotewright.research.explain_page import write_numbers, write_page
    from quotewright.storage.store import Store

    dataset = Store(store).dataset(instrument)
    if to.exists() and not to.is_dir():
        raise InputError("out", str(to), "is a file; give a folder")

    def told(section: str, done: int, of: int) -> None:
        if not as_json and err.is_terminal:
            err.print(f"[dim]{done:2d} of {of}  {section}[/]")

    found = explain(dataset, told)
    to.mkdir(parents=True, exist_ok=True)
    write_page(found, to / "explain.html")
    write_numbers(found, to / "explain.json")
    if as_json:
        emit({**found.to_dict(), "page": str(to / "explain.html")})
        return
    _show(found, to / "explain.html")


def _show(found: Explanation, page: Path) -> None:
    from rich.markup import escape

    for one in found.sections:
        said = (
            f"[dim]{escape(one.reason)}[/]"
            if one.reason
            else f"{len(one.numbers)} numbers, {len(one.figures)} pictures"
        )
        out.print(f"{one.title:30} {said}")
    for warning in found.warnings:
        out.print(f"[yellow]warning[/]  {escape(warning)}")
    out.print(f"page     {page}")
