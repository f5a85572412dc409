"""`quotewright record`: a venue's market data to disk as it comes, and from there into a store."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, err, out, progress_bar, short, telling
from quotewright.domain.errors import InputError

BINANCE = "https://api.binance.com"


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("record", epilog="Example: quotewright record BTCUSDT ETHUSDT --out recordings --store data")(record)


def record(
    symbols: Annotated[list[str] | None, typer.Argument(help="Symbols, such as BTCUSDT.")] = None,
    to: Annotated[Path, typer.Option("--out", help="Folder of the recording; another start goes on in it.")] = Path(
        "recording"
    ),
    store: Annotated[Path | None, typer.Option("--store", help="Import into this store when it ends.")] = None,
    venue: Annotated[str, typer.Option("--venue", help="Venue, as its datasets are named.")] = "binance-spot",
    url: Annotated[str, typer.Option("--url", help="Where the venue is; anything that speaks Binance Spot.")] = BINANCE,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Stop by itself after this long; 0: never.")] = 0,
    rotate_mb: Annotated[int, typer.Option("--rotate-mb", min=1, help="Begin a file after so many megabytes.")] = 256,
    rotate_minutes: Annotated[int, typer.Option("--rotate-minutes", min=1, help="And after so many minutes.")] = 60,
    ca_file: Annotated[Path | None, typer.Option("--ca-file", help="Certificates to trust, PEM.")] = None,
    import_only: Annotated[
        bool, typer.Option("--import-only", help="Import what is recorded; record nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Record trades, best prices and the book of a venue, safe against crashes. Ctrl-C ends it and imports."""
    if import_only and store is None:
        raise InputError("store", "", "is missing: say where to import to")
    figures: dict[str, Any] = {}
    if not import_only:
        if not symbols:
            raise InputError("symbols", "", "are missing: name one or more, such as BTCUSDT")
        figures = _record(symbols, to, venue, url, seconds, rotate_mb, rotate_minutes, ca_file, as_json)
    imported = _import(to, store, as_json) if store is not None else []
    if as_json:
        emit({**figures, "imported": imported})
        return
    if figures:
        per_symbol = ", ".join(f"{symbol} {count:,}" for symbol, count in figures["messages"].items())
        out.print(f"recorded {per_symbol} messages in {figures['seconds']:,.1f} s, {figures['bytes'] / 1e6:,.1f} MB")
        missed = figures["missed_trades"]
        out.print(f"gaps     {figures['gaps']:,}, each followed by a fresh snapshot; {missed:,} trades missed")
        if figures["faults"]:
            out.print(f"[yellow]faults   {figures['faults']:,}[/]: see {to / 'record.jsonl'}")
    for report in imported:
        if "hash" in report:
            rows = report["quality"]["rows"]
            out.print(f"imported {report['instrument']}: {rows:,} rows in all, {report['hash'][:12]}")
        else:
            out.print(f"imported {report['instrument']}: nothing new")


def _record(
    symbols: list[str],
    to: Path,
    venue: str,
    url: str,
    seconds: float,
    rotate_mb: int,
    rotate_minutes: int,
    ca_file: Path | None,
    as_json: bool,
) -> dict[str, Any]:
    from quotewright.app.live_commands import asyncio_run
    from quotewright.live.recording import Recording
    from quotewright.live.settings import VenueSettings
    from quotewright.live.watchdog import stop_signals

    names = tuple(dict.fromkeys(symbol.upper() for symbol in symbols))
    settings = VenueSettings(venue, url.rstrip("/"), names, ca_file=str(ca_file or ""))

    async def run() -> dict[str, Any]:
        recording = Recording(
            settings,
            to,
            seconds=seconds,
            rotate_bytes=rotate_mb << 20,
            rotate_ns=rotate_minutes * 60 * 10**9,
            told=telling(as_json),
        )
        with stop_signals(recording.stop):
            return await recording.run(_Line(as_json))

    return asyncio_run(run())


class _Line:
    """One line on a terminal that is written over each second."""

    def __init__(self, quiet: bool) -> None:
        self._shown = not quiet and err.is_terminal
        self._last = 0

    def __call__(self, recording: Any) -> None:
        if not self._shown:
            return
        counts = recording.recorder.messages
        total = sum(counts.values())
        line = (
            f"{short(total - self._last)} messages/s, {short(total)} of {len(counts)} symbols, "
            f"{recording.recorder.bytes / 1e6:,.1f} MB, gaps {recording.gaps}, lag {recording.lag / 1e6:,.1f} ms"
        )
        self._last = total
        sys.stderr.write(f"\r{line:<78}")
        sys.stderr.flush()


def _import(folder: Path, store: Path, as_json: bool) -> list[dict[str, Any]]:
    from quotewright.live.recording import import_recorded

    with ExitStack() as stack:

        def shown(name: str) -> Any:
            return stack.enter_context(progress_bar(f"importing {name}", "bytes", as_json))

        return import_recorded(folder, store, shown)
