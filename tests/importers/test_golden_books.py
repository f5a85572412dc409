"""The golden books: a book of plain dicts, rebuilt from the events of the raw recordings, row for row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import (
    ASK,
    BEST,
    BID,
    CLEAR,
    ESTIMATED_TIME,
    LAST,
    LEVEL,
    NOTE,
    STATUS,
    TRADE,
    EventArray,
)
from quotewright.domain.instrument import Instrument
from quotewright.importers.binance_ws import BinanceWs

GOLDEN = {
    "spot_btcusdt_20240808": ("binance-spot", "BTCUSDT", ["20240808"], 3_451, 28_040, 9_757),
    "spot_ethusdt_20240808-09": ("binance-spot", "ETHUSDT", ["20240808", "20240809"], 6_470, 58_758, 14_515),
    "usdm_btcusdt_20240808": ("binance-usdm", "BTCUSDT", ["20240808"], 6_551, 66_089, 21_313),
    "usdm_ethusdt_20240808": ("binance-usdm", "ETHUSDT", ["20240808"], 6_586, 53_992, 14_076),
    "usdm_ethusdt_20240718-19": ("binance-usdm", "ETHUSDT", ["20240718", "20240719"], 8_929, 47_328, 13_655),
    "cm_btcusd_perp_20240808": ("binance-coinm", "BTCUSD_PERP", ["20240808"], 26_847, 19_136, 2_286),
    "cm_ethusd_perp_20240808-09": ("binance-coinm", "ETHUSD_PERP", ["20240808", "20240809"], 39_155, 35_563, 3_595),
}


def depth_updates(events: EventArray) -> Iterator[tuple[int, int, list[tuple[int, int, int, int]]]]:
    """Each depth update as local time, update id and its rows (kind, side, price, qty)."""
    depth = events[np.isin(events["kind"], [CLEAR, LEVEL, NOTE])]
    rows: list[tuple[int, int, int, int]] = []
    columns = (depth[name].tolist() for name in ("kind", "side", "price", "qty", "flags", "local_ts", "seq"))
    for kind, side, price, qty, flags, local_ts, seq in zip(*columns, strict=True):
        rows.append((kind, side, price, qty))
        if flags & LAST:
            yield local_ts, seq, rows
            rows = []
    assert not rows


def golden_rows(events: EventArray, instrument: Instrument) -> Iterator[list[object]]:
    """Every 100th applied difference, in the golden files' columns.

    The snapshot does not count, nor do the differences that were waiting for it: they belong to the
    joining, and carry its local time.
    """
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    applied = 0
    joined = 0
    for local_ts, seq, rows in depth_updates(events):
        if rows[0][0] == CLEAR:
            joined = local_ts
        for kind, side, price, qty in rows:
            if kind == CLEAR:
                bids.clear()
                asks.clear()
            elif kind == LEVEL:
                book = bids if side == BID else asks
                if qty:
                    book[price] = qty
                else:
                    book.pop(price, None)
        if local_ts == joined:
            continue
        applied += 1
        if applied % 100 == 0:
            row: list[object] = [local_ts, seq, len(bids), len(asks)]
            for book, prices in ((bids, heapq.nlargest(5, bids)), (asks, heapq.nsmallest(5, asks))):
                for price in prices:
                    row += [price * instrument.price_step.fraction, book[price] * instrument.qty_step.fraction]
            yield row


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_book_is_matched_row_for_row(shared_data: Path, name: str) -> None:
    venue, symbol, days, depths, bests, trades = GOLDEN[name]
    folder = shared_data / "tick" / "binance_ws"
    paths = [folder / f"{name[: name.index('2024')]}{day}.gz" for day in days]
    instrument = find_instrument(venue, symbol)
    importer = BinanceWs(paths, instrument)
    seen: list[tuple[int, int]] = []
    events = np.concatenate(list(importer.chunks(lambda done, total: seen.append((done, total)))))

    with gzip.open(folder / f"golden_book_{name}.csv.gz", "rt") as file:
        golden = list(csv.reader(file))[1:]
    rebuilt = list(golden_rows(events, instrument))
    assert len(rebuilt) == len(golden)
    for ours, theirs in zip(rebuilt, golden, strict=True):
        # the golden files hold shortest floats: their text, read exactly, is the venue's decimal string
        assert ours == [int(text) for text in theirs[:4]] + [Fraction(text) for text in theirs[4:]]

    tally = importer.tally
    kinds = events["kind"]
    assert importer.refused == {}
    assert tally.read == depths + bests + trades + 1 == tally.accepted + sum(tally.dropped.values())
    assert (kinds == TRADE).sum() == trades
    assert (kinds == BEST).sum() == 2 * bests
    assert (kinds == STATUS).sum() == 0
    assert (np.diff(events["local_ts"]) >= 0).all()
    assert (events["flags"][-1] & LAST) == LAST
    best = events[kinds == BEST]
    assert (best["side"][::2] == BID).all()
    assert (best["side"][1::2] == ASK).all()
    assert ((best["flags"] & ESTIMATED_TIME) != 0).all() == (venue == "binance-spot")
    assert [source.name for source in importer.sources] == [path.name for path in paths]
    for source, path in zip(importer.sources, paths, strict=True):
        assert source.bytes == path.stat().st_size
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    total = sum(path.stat().st_size for path in paths)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize("name", ["spot_btcusdt_20240808", "usdm_btcusdt_20240808", "cm_btcusd_perp_20240808"])
def test_best_prices_agree_with_the_depth_book(shared_data: Path, name: str) -> None:
    """Where a best bid and offer has a depth update's id, its prices and sizes are the book's."""
    venue, symbol, _, _, _, _ = GOLDEN[name]
    events = np.concatenate(
        list(BinanceWs([shared_data / "tick/binance_ws" / f"{name}.gz"], find_instrument(venue, symbol)).chunks())
    )
    best = events[events["kind"] == BEST]
    quotes = {
        int(bid["seq"]): (int(bid["price"]), int(bid["qty"]), int(ask["price"]), int(ask["qty"]))
        for bid, ask in zip(best[::2], best[1::2], strict=True)
    }
    books: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    compared = 0
    for _, seq, rows in depth_updates(events):
        for kind, side, price, qty in rows:
            if kind == LEVEL:
                books[side][price] = qty
                if not qty:
                    del books[side][price]
        if seq in quotes and rows[0][0] != CLEAR:
            bid, ask = max(books[BID]), min(books[ASK])
            assert quotes[seq] == (bid, books[BID][bid], ask, books[ASK][ask])
            compared += 1
    assert compared > 100
