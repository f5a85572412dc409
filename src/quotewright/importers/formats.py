"""Choosing an importer, and telling a user early that a file is of another format, known or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import Instrument
from quotewright.importers.binance_dump import BinanceDump, kind_of_cells
from quotewright.importers.binance_ws import BinanceWs
from quotewright.importers.bitstamp_l3 import ORDERS_HEADER, TRADES_HEADER, BitstampL3
from quotewright.importers.ohlcv import TIME_COLUMNS, Ohlcv
from quotewright.importers.report import Importer
from quotewright.importers.source import PARQUET_MAGIC, first_line
from quotewright.importers.tardis import Tardis
from quotewright.importers.wire import Wire

FORMATS: dict[str, Callable[[Sequence[Path], Instrument], Importer]] = {
    "binance-ws": BinanceWs,
    "bitstamp-l3": BitstampL3,
    "tardis": Tardis,
    "binance-dump": BinanceDump,
    "ohlcv": Ohlcv,
    "wire": Wire,
}

UNSUPPORTED = {
    "a Parquet file": "a table of trades or best prices made by someone else; import the recording it was made from",
    "golden book states": "it holds book states to compare with, not a recording; see `data book`",
}
"""Formats that are recognised, with the reason why they are not imported."""

_RECORDED_LINE = re.compile(rb"[0-9]{19} \{")


def open_importer(format: str, paths: Sequence[Path], instrument: Instrument) -> Importer:
    """The importer of a format for one continuous recording, given oldest first.

    `format` is a key of FORMATS. Raises InputError for an unknown format, a missing path, and a file that
    is recognised as something else.
    """
    if format not in FORMATS:
        raise InputError("format", format, f"must be one of {', '.join(FORMATS)}")
    if not paths:
        raise InputError("path", "", "give at least one file")
    for path in paths:
        if not path.exists():
            raise InputError("path", str(path), "does not exist")
        found = sniff(path)
        if found in UNSUPPORTED:
            raise InputError("path", str(path), f"looks like {found}; not supported yet, because {UNSUPPORTED[found]}")
        if found is not None and found != format:
            raise InputError("format", format, f"does not fit {path.name}, which looks like {found}")
        if path.is_dir() and format != "bitstamp-l3":
            raise InputError("path", str(path), "is a folder; give its files, oldest first")
    return FORMATS[format](paths, instrument)


def sniff(path: Path) -> str | None:
    """What a file looks like: a key of FORMATS or of UNSUPPORTED, or None if nothing known.

    A guess from the first 4,096 decoded bytes, only good for telling the user early.
    """
    if path.is_dir():
        return "bitstamp-l3" if any(path.glob("orders.csv*")) else None
    line = first_line(path)
    if line.startswith(PARQUET_MAGIC):
        return "a Parquet file"
    if line.startswith((b'{"t":"header"', b"wss://", b"https://", b'{"topic":"orderbook')):
        return "wire"
    if _RECORDED_LINE.match(line):
        return "wire" if b'{"channel":' in line[:40] else "binance-ws"
    return _sniff_csv(line)


def _sniff_csv(line: bytes) -> str | None:
    if line.startswith((ORDERS_HEADER, TRADES_HEADER)):
        return "bitstamp-l3"
    if line.startswith(b"local_ts_ns,last_update_id,"):
        return "golden book states"
    cells = line.decode("utf-8-sig", "replace").lower().split(",")
    if "local_timestamp" in cells and "exchange" in cells:
        return "tardis"
    if kind_of_cells(cells):
        return "binance-dump"
    if {"open", "high", "low", "close"} <= set(cells) and set(cells) & set(TIME_COLUMNS):
        return "ohlcv"
    return None
