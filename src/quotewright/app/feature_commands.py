"""`quotewright features …`: what there is to read, and learning how to read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from quotewright.app.output import emit, out, progress_bar

app = typer.Typer(help="Shared readings of the market: list them, learn their settings.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@app.command("list", epilog="Example: quotewright features list")
def list_command(as_json: JsonOption = False) -> None:
    """List every feature: its slot in `view.features`, its unit, and what it says."""
    from rich.table import Table

    from quotewright.features.slots import SLOTS, catalogue_hash

    if as_json:
        slots = [{"slot": i, "name": s.name, "unit": s.unit, "doc": s.doc} for i, s in enumerate(SLOTS)]
        emit({"catalogue": catalogue_hash(), "slots": slots})
        return
    table = Table(box=None, pad_edge=False)
    for header in ("slot", "name", "unit", "what it says"):
        table.add_column(header, justify="right" if header == "slot" else "left")
    for i, slot in enumerate(SLOTS):
        table.add_row(str(i), slot.name, slot.unit, slot.doc)
    out.print(table)


@app.command("fit", epilog="Example: quotewright features fit binance-usdm:BTCUSDT --store data --out features.json")
def fit_command(
    instruments: Annotated[list[str], typer.Argument(help="VENUE:SYMBOL, one or more.")],
    store: Annotated[Path, typer.Option("--store", help="Folder of the store.")],
    to: Annotated[Path, typer.Option("--out", help="JSON file of settings; `replay --features` reads it.")],
    train: Annotated[float, typer.Option(help="Share of each recording to learn from, its beginning.")] = 0.5,
    as_json: JsonOption = False,
) -> None:
    """Learn the settings of features from the first part of recordings: what comes later stays unseen."""
    from quotewright.features.slots import catalogue_hash
    from quotewright.research.feature_fit import fit_features
    from quotewright.storage.store import Store
    from quotewright.storage.writer import replace_file

    datasets = [Store(store).dataset(name) for name in instruments]
    found: dict[str, dict[str, object]] = {}
    notes: dict[str, list[str]] = {}
    until: dict[str, int] = {}
    for dataset in datasets:
        with progress_bar(f"reading {dataset.name}", "rows", as_json) as progress:
            fit = fit_features(
                dataset, train=train, told=lambda done, d=dataset, p=progress: p(min(done, d.rows), d.rows)
            )
        found[dataset.name] = fit.settings.to_dict()
        notes[dataset.name], until[dataset.name] = list(fit.notes), fit.until_ns
    document = {"catalogue": catalogue_hash(), "learned_until_ns": until, "settings": found}
    replace_file(to, json.dumps(document, indent=1).encode() + b"\n")
    if as_json:
        emit({**document, "notes": notes, "out": str(to)})
        return
    for name, told in notes.items():
        out.print(f"[bold]{name}[/] learned")
        for note in told:
            out.print(f"  note: {note}")
    out.print(f"settings {to}")
