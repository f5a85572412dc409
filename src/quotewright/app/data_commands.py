"""`quotewright data …`: import, list, verify, unpack, book, export."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, out, progress_bar
from quotewright.domain.errors import InputError

app = typer.Typer(help="Recordings: import, list, verify, look inside, export.", no_args_is_help=True)

StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the store.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@app.command(
    "import",
    epilog="Example: quotewright data import usdm.gz --format binance-ws --venue binance-usdm "
    "--symbol BTCUSDT --store data",
)
def import_command(
    paths: Annotated[list[Path], typer.Argument(help="Files of one continuous recording, oldest first.")],
    format: Annotated[
        str, typer.Option("--format", help="binance-ws, bitstamp-l3, tardis, binance-dump, ohlcv or wire.")
    ],
    venue: Annotated[str, typer.Option("--venue", help="Venue, such as binance-usdm.")],
    symbol: Annotated[str, typer.Option("--symbol", help="Symbol, such as BTCUSDT.")],
    store: StoreOption,
    clock_offset: Annotated[
        str, typer.Option("--clock-offset", help="auto, none, or a duration to add to local times, such as 1.27s.")
    ] = "auto",
    instrument_file: Annotated[
        Path | None, typer.Option("--instrument", help="TOML file that defines an instrument not known by name.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what is stored of the symbol, instead of adding to its end.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a recording into the store, whole or not at all; a later one is added to what is there."""
    from quotewright.sessions.importing import import_recording

    instrument = _instrument(venue, symbol, instrument_file)
    with progress_bar(f"importing {instrument.name}", "bytes", as_json) as progress:
        report = import_recording(store, format, paths, instrument, clock_offset, progress, replace=replace)
    if as_json:
        emit(report)
        return
    quality = report["quality"]
    out.print(f"[bold]{report['instrument']}[/]  {quality['rows']:,} rows  {report['hash'][:12]}")
    out.print(f"clock offset {report['clock_offset'] / 1e6:,.3f} ms ({report['clock_offset_chosen']})")
    for reason, refused in report["refused"].items():
        out.print(f"[yellow]{refused['count']:,} refused[/]: {reason} (first: {refused['example']})")
    for note in report["notes"]:
        out.print(f"note: {note}")
    _print_quality(quality)


@app.command("list", epilog="Example: quotewright data list --store data")
def list_command(store: StoreOption, as_json: JsonOption = False) -> None:
    """List the datasets of a store."""
    from rich.table import Table

    from quotewright.storage.store import Store

    datasets = Store(store).datasets()
    if as_json:
        emit([{"instrument": d.name, "hash": d.hash, "rows": d.rows, **_span(d.manifest)} for d in datasets])
        return
    table = Table(box=None, pad_edge=False, collapse_padding=True)  # fits into 80 columns
    for header in ("instrument", "rows", "from", "length", "MB", "hash"):
        table.add_column(header, justify="right" if header in ("rows", "length", "MB") else "left", overflow="fold")
    for d in datasets:
        size = sum(entry["bytes"] for entry in d.manifest["files"]) / 1e6
        length = timedelta(seconds=(d.manifest["last_ts"] - d.manifest["first_ts"]) // 10**9)
        began = _span(d.manifest)["from"].replace("T", " ")[:16]
        table.add_row(d.name, f"{d.rows:,}", began, str(length), f"{size:.1f}", d.hash[:8])
    out.print(table if datasets else "the store is empty; `quotewright data import` fills it")


@app.command("verify", epilog="Example: quotewright data verify --store data")
def verify_command(store: StoreOption, as_json: JsonOption = False) -> None:
    """Recompute every checksum and content hash of a store."""
    from quotewright.storage.store import Store

    datasets = Store(store).datasets()
    for dataset in datasets:
        with progress_bar(f"verifying {dataset.name}", "rows", as_json) as progress:
            dataset.verify(progress)
        if not as_json:
            out.print(f"[green]ok[/] {dataset.name} {dataset.hash[:12]} {dataset.rows:,} rows")
    if as_json:
        emit([{"instrument": d.name, "hash": d.hash, "rows": d.rows, "ok": True} for d in datasets])


@app.command("unpack", epilog="Example: quotewright data unpack binance-usdm:BTCUSDT --store data")
def unpack_command(
    instruments: Annotated[list[str], typer.Argument(help="VENUE:SYMBOL, one or more.")],
    store: StoreOption,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the copies instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep a dataset's events on the disk as the engine reads them: 56 bytes each, for replays without decoding."""
    from quotewright.storage.store import Store
    from quotewright.storage.unpacked import remove_unpacked, unpack, unpacked_bytes

    datasets = [Store(store).dataset(name) for name in instruments]
    for dataset in datasets:
        if remove:
            remove_unpacked(dataset)
            continue
        with progress_bar(f"unpacking {dataset.name}", "rows", as_json) as progress:
            unpack(dataset, progress)
    sizes = [unpacked_bytes(dataset) for dataset in datasets]
    if as_json:
        emit([{"instrument": d.name, "hash": d.hash, "bytes": size} for d, size in zip(datasets, sizes, strict=True)])
        return
    for dataset, size in zip(datasets, sizes, strict=True):
        out.print(f"{dataset.name}  {size / 1e6:,.1f} MB unpacked" if size else f"{dataset.name}  packed only")


@app.command("book", epilog="Example: quotewright data book binance-usdm:BTCUSDT --store data --every 100 --csv")
def book_command(
    instrument: Annotated[str, typer.Argument(help="VENUE:SYMBOL.")],
    store: StoreOption,
    every: Annotated[int, typer.Option(min=1, help="Every how many applied depth updates.")] = 1000,
    depth: Annotated[int, typer.Option(min=1, max=1000, help="Levels a side.")] = 5,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of text.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print book states along a recording."""
    from quotewright.market.states import book_states
    from quotewright.storage.store import Store

    dataset = Store(store).dataset(instrument)
    known = dataset.instrument
    header = ["local_ts_ns", "last_update_id", "n_bid_levels", "n_ask_levels"]
    header += [f"{side}{i}_{what}" for side in ("bid", "ask") for i in range(depth) for what in ("px", "qty")]
    rows: list[list[Any]] = []
    if as_csv:
        sys.stdout.write(",".join(header) + "\n")
    for state in book_states(dataset.chunks(), every, depth, l3=bool(dataset.manifest["l3"])):
        row: list[Any] = [state.local_ts, state.seq, state.bid_levels, state.ask_levels]
        for side in (state.bids, state.asks):
            for i in range(depth):
                price, qty = side[i] if i < len(side) else (0, 0)
                row += [known.price_step.format(price), known.qty_step.format(qty)] if qty else ["", ""]
        if as_csv:
            sys.stdout.write(",".join(str(cell) for cell in row) + "\n")
        elif as_json:
            rows.append(row)
        else:
            out.print(f"{state.local_ts}  {row[4]} × {row[5]}  |  {row[4 + 2 * depth]} × {row[5 + 2 * depth]}")
    if as_json:
        emit({"columns": header, "rows": rows})


@app.command("export", epilog="Example: quotewright data export binance-usdm:BTCUSDT --store data --out events.csv")
def export_command(
    instrument: Annotated[str, typer.Argument(help="VENUE:SYMBOL.")],
    store: StoreOption,
    to: Annotated[Path, typer.Option("--out", help="File to write; .csv or .parquet.")],
    as_json: JsonOption = False,
) -> None:
    """Write a dataset's events to one CSV or Parquet file, prices and quantities as decimals."""
    from quotewright.sessions.exporting import export_events
    from quotewright.storage.store import Store

    dataset = Store(store).dataset(instrument)
    with progress_bar(f"exporting {dataset.name}", "rows", as_json) as progress:
        rows = export_events(dataset, to, progress)
    if as_json:
        emit({"instrument": dataset.name, "rows": rows, "out": str(to)})
    else:
        out.print(f"{rows:,} rows written to {to}")


def _instrument(venue: str, symbol: str, file: Path | None) -> Any:
    import tomllib

    from quotewright.domain.catalogue import find_instrument
    from quotewright.domain.instrument import Instrument

    if file is None:
        return find_instrument(venue, symbol)
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        given: dict[str, Any] = {"venue": venue, "symbol": symbol, **content}
        return Instrument(**given)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("instrument", str(file), f"cannot be read as TOML: {error}") from error
    except TypeError as error:
        raise InputError("instrument", str(file), f"does not define an instrument: {error}") from error


def _span(manifest: dict[str, Any]) -> dict[str, str]:
    import numpy as np

    return {
        "from": str(np.datetime64(manifest["first_ts"], "ns").astype("datetime64[s]")),
        "to": str(np.datetime64(manifest["last_ts"], "ns").astype("datetime64[s]")),
    }


def _print_quality(quality: dict[str, Any]) -> None:
    latency = quality["latency_ns"]
    out.print(
        f"latency venue → recorder, ms: p1 {latency['p1'] / 1e6:,.1f}, p50 {latency['p50'] / 1e6:,.1f}, "
        f"p99 {latency['p99'] / 1e6:,.1f}"
        + ("; [yellow]the recorder's clock is behind the venue's[/]" if quality["recorder_clock_behind"] else "")
    )
    worth_saying = (
        "gaps",
        "crossed",
        "locked",
        "one_sided",
        "duplicate_trades",
        "duplicate_updates",
        "best_crossed",
        "trade_ids_back",
        "update_ids_back",
        "venue_time_back",
        "local_time_back",
        "unknown_orders",
        "silences_1s",
    )
    if quality["book_overflow"]:
        out.print("[red]the book cannot hold this recording's levels[/]; is the tick right?")
    found = [f"{name.replace('_', ' ')} {quality[name]:,}" for name in worth_saying if quality[name]]
    out.print("quality: " + (", ".join(found) if found else "nothing to report"))
    out.print(
        f"prints outside the last received touch: {quality['prints_outside_share']:.1%} of {quality['prints']:,}; "
        f"longest silence {quality['silence'] / 1e9:.2f} s"
    )
