"""Random damage to valid files of every format: only quotewright's own errors, and every record accounted for."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import QuotewrightError
from quotewright.domain.events import ADD, BEST, CHANGE, LAST, LEVEL, TRADE
from quotewright.domain.instrument import Instrument
from quotewright.importers.binance_dump import BinanceDump
from quotewright.importers.binance_ws import BinanceWs
from quotewright.importers.bitstamp_l3 import BitstampL3
from quotewright.importers.ohlcv import Ohlcv
from quotewright.importers.tardis import Tardis

Format = type[BinanceWs] | type[BitstampL3] | type[Tardis] | type[BinanceDump] | type[Ohlcv]


def _binance() -> str:
    level = [["100.00", "1.5"], ["99.50", "2"]]
    depth = {"E": 5, "s": "BTCUSDT", "b": level, "a": []}
    trade = {"s": "BTCUSDT", "t": 1, "p": "1.00", "q": "1", "T": 6, "m": True}
    best = {"u": 5, "s": "BTCUSDT", "b": "1.00", "B": "1", "a": "2.00", "A": "1"}
    messages: list[object] = [{"lastUpdateId": 10, "bids": level, "asks": [["101.00", "1"]]}]
    for number in range(11, 18):
        messages.append({"stream": "btcusdt@depth@100ms", "data": depth | {"U": number, "u": number}})
        messages.append({"stream": "btcusdt@trade", "data": trade | {"t": number}})
        messages.append({"stream": "btcusdt@bookTicker", "data": best})
    return "".join(f"{10**18 + i} {json.dumps(m, separators=(',', ':'))}\n" for i, m in enumerate(messages))


def _bitstamp() -> str:
    rows = ["1,3000,1000,100,1,created,bid", "2,3000,1000,101,1e-05,created,ask"]
    for number in range(3, 12):
        rows.append(f"{number},{3000 + number},{2000 + number},99,1.5,created,bid")
        rows.append(f"{number},{3001 + number},{2001 + number},99,1.25,changed,bid")
        rows.append(f"{number},{3001 + number},{2001 + number},99,0,deleted,bid")
    return "id,timestamp,exchange_timestamp,price,volume,action,direction\n" + "\n".join(rows) + "\n"


def _tardis() -> str:
    rows = [f"{n},{n + 5},{'true' if n < 3 else 'false'},bid,{100 + n},{10 * n}" for n in range(1, 15)]
    head = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
    return head + "".join(f"deribit,BTC-PERPETUAL,{row}\n" for row in rows)


def _dump() -> str:
    return "".join(f"{n},1.00,2.5,2.5,173568960001{n},True,True\n" for n in range(1, 10))


def _ohlcv() -> str:
    rows = "".join(f"2024-01-{n:02},1.00,2.00,1.00,1.50,3\n" for n in range(1, 15))
    return "ts,open,high,low,close,volume\n" + rows


CASES: dict[str, tuple[Format, str, str, Instrument]] = {
    "binance-ws": (BinanceWs, "recording", _binance(), find_instrument("binance-spot", "BTCUSDT")),
    "bitstamp-l3": (BitstampL3, "orders.csv", _bitstamp(), find_instrument("bitstamp", "BTCUSD")),
    "tardis": (Tardis, "book.csv", _tardis(), find_instrument("deribit", "BTC-PERPETUAL")),
    "binance-dump": (BinanceDump, "trades.csv", _dump(), find_instrument("binance-spot", "BTCUSDT")),
    "ohlcv": (Ohlcv, "bars.csv", _ohlcv(), find_instrument("binance-spot", "BTCUSDT")),
}

PIECES = st.sampled_from([b"NaN", b",", b"\n", b'"', b"-", b"1e400", b"9" * 25, b"\0"])
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "delete", "insert", "double line", "cut", "digit"]),
        st.binary(min_size=1, max_size=6) | PIECES,
    ),
    min_size=0,
    max_size=4,
)


def damaged(content: bytes, edits: list[tuple[float, str, bytes]]) -> bytes:
    for place, kind, piece in edits:
        at = int(place * len(content))
        if kind == "flip":
            content = content[:at] + bytes([content[at] ^ (piece[0] or 1)]) + content[at + 1 :] if content else piece
        elif kind == "delete":
            content = content[:at] + content[at + len(piece) :]
        elif kind == "insert":
            content = content[:at] + piece + content[at:]
        elif kind == "digit":
            content = content[:at] + b"7" + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        else:
            line = content[content.rfind(b"\n", 0, at) + 1 :].split(b"\n", 1)[0]
            content = content[:at] + b"\n" + line + content[at:]
    return content


def check(importer: BinanceWs | BitstampL3 | Tardis | BinanceDump | Ohlcv, lines: int) -> None:
    try:
        chunks = list(importer.chunks())
    except QuotewrightError:
        return
    tally = importer.tally
    refused = sum(entry.count for entry in importer.refused.values())
    assert tally.read == tally.accepted + refused + sum(tally.dropped.values())
    assert 0 < tally.accepted <= tally.read <= lines
    for chunk in chunks:
        assert chunk["flags"][-1] & LAST
        positive = chunk[(chunk["kind"] == ADD) | (chunk["kind"] == CHANGE) | (chunk["kind"] == LEVEL)]
        assert (positive["price"] > 0).all()
        assert (chunk["price"][chunk["kind"] == TRADE] > 0).all()
        assert (chunk["qty"] >= 0).all()
        assert (chunk["kind"] == BEST).sum() % 2 == 0
        assert (chunk["local_ts"][1:] >= chunk["local_ts"][:-1]).all()


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_random_damage_raises_nothing_else_and_loses_no_count(
    tmp_path: Path, name: str, edits: list[tuple[float, str, bytes]]
) -> None:
    importer, file, text, instrument = CASES[name]
    content = damaged(text.encode(), edits)
    path = tmp_path / file
    path.write_bytes(content)
    try:
        opened = importer([path], instrument)
    except QuotewrightError:
        return
    check(opened, content.count(b"\n") + 1)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_random_damage_to_an_archive(tmp_path: Path, name: str, edits: list[tuple[float, str, bytes]]) -> None:
    importer, file, text, instrument = CASES[name]
    path = tmp_path / file
    path.write_bytes(damaged(gzip.compress(text.encode()), edits))
    try:
        opened = importer([path], instrument)
    except QuotewrightError:
        return
    check(opened, 10**6)


@pytest.mark.parametrize("name", CASES)
def test_the_undamaged_files_are_accepted_whole(tmp_path: Path, name: str) -> None:
    importer, file, text, instrument = CASES[name]
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    (tmp_path / file).write_text(text)
    opened = importer([tmp_path / file], instrument)
    list(opened.chunks())
    assert opened.tally.accepted == opened.tally.read > 0
