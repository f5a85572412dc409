"""Live decoding against the importer on real recordings: the same rows, and a book that is the venue's."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import STATUS, EventArray
from quotewright.importers.binance_stream import Room, SymbolStream
from quotewright.importers.binance_ws import BinanceWs

RECORDINGS = [("spot_btcusdt_20240808", "BTCUSDT"), ("spot_ethusdt_20240808", "ETHUSDT")]
INDEX = 3


def live_rows(path: Path, symbol: str) -> tuple[SymbolStream, EventArray]:
    """Rows of a recording taken message by message; a second symbol's stream shares the memory."""
    taken: list[EventArray] = []
    room = Room()
    stream = SymbolStream(find_instrument("binance-spot", symbol), INDEX, room, lambda rows, now: taken.append(rows))
    with gzip.open(path) as lines:
        for line in lines:
            head, _, message = line.rstrip(b"\n").partition(b" ")
            if message.startswith(b'{"stream":"'):
                kind = message[11 : message.find(b'"', 11)].decode().split("@")[1]
                stream.take(kind, message, int(head))
            else:
                assert stream.snapshot(message, int(head))
    return stream, np.concatenate(taken)


@pytest.mark.parametrize(("name", "symbol"), RECORDINGS)
def test_rows_are_the_importers(shared_data: Path, name: str, symbol: str) -> None:
    path = shared_data / "tick" / "binance_ws" / f"{name}.gz"
    stream, rows = live_rows(path, symbol)
    expected = np.concatenate(list(BinanceWs([path], find_instrument("binance-spot", symbol)).chunks()))
    assert set(np.unique(rows["instrument"])) == {INDEX}
    rows = rows.copy()
    rows["instrument"] = 0
    assert rows.tobytes() == expected.tobytes()
    watch = stream.watch
    assert watch["compared"] > 2000
    assert watch["differing"] == watch["missed"] == watch["apart"] == 0


def test_a_wrong_book_is_noticed_at_the_next_best_price(shared_data: Path) -> None:
    """One level is left out of one update of a real recording."""
    path = shared_data / "tick" / "binance_ws" / "spot_btcusdt_20240808.gz"
    room = Room()
    stream = SymbolStream(find_instrument("binance-spot", "BTCUSDT"), 0, room, lambda rows, now: None)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    spoilt = noticed = 0
    for number, line in enumerate(lines):
        head, _, message = line.partition(b" ")
        if not message.startswith(b'{"stream":"'):
            stream.snapshot(message, int(head))
            continue
        kind = message[11 : message.find(b'"', 11)].decode().split("@")[1]
        best = f"{stream.watch['bid'] / 100:.2f}".encode()
        if not spoilt and number > 1000 and kind == "depth" and b'["' + best in message:
            at = message.find(b'["' + best)
            end = message.find(b"]", at) + 1
            message = message[:at] + message[end:].lstrip(b",")
            message = message.replace(b",]", b"]")
            spoilt = number
        stream.take(kind, message, int(head))
        if spoilt and stream.watch["differs"]:
            noticed = number
            break
    assert spoilt
    assert 0 < noticed - spoilt < 100


def test_a_gap_is_told_before_anything_else(shared_data: Path) -> None:
    path = shared_data / "tick" / "binance_ws" / "spot_btcusdt_20240808.gz"
    taken: list[EventArray] = []
    stream = SymbolStream(find_instrument("binance-spot", "BTCUSDT"), 0, Room(), lambda rows, now: taken.append(rows))
    left_out = False
    for line in gzip.decompress(path.read_bytes()).splitlines()[:4000]:
        head, _, message = line.partition(b" ")
        if not message.startswith(b'{"stream":"'):
            stream.snapshot(message, int(head))
            continue
        kind = message[11 : message.find(b'"', 11)].decode().split("@")[1]
        if stream.synced and kind == "depth" and not left_out:
            left_out = True
            continue
        taken.clear()
        stream.take(kind, message, int(head))
        if left_out and kind == "depth":
            break
    assert not stream.synced
    assert taken[0]["kind"].tolist() == [STATUS]
