"""Tardis CSV files: the real samples row for row, then merging, gaps and damage built by hand."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ASK, BEST, BID, CLEAR, LAST, LEVEL, STATUS, TRADE, EventArray
from quotewright.importers.tardis import Tardis

DERIBIT = find_instrument("deribit", "BTC-PERPETUAL")
BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
QUOTES = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"


def run(paths: list[Path], instrument: object = DERIBIT) -> tuple[EventArray, Tardis]:
    importer = Tardis(paths, instrument)  # type: ignore[arg-type]
    events = np.concatenate(list(importer.chunks()))
    refused = sum(entry.count for entry in importer.refused.values())
    assert importer.tally.read == importer.tally.accepted + refused + sum(importer.tally.dropped.values())
    return events, importer


def written(folder: Path, name: str, header: str, *rows: str) -> Path:
    path = folder / name
    path.write_text(header + "".join(f"deribit,BTC-PERPETUAL,{row}\n" for row in rows))
    return path


def short(events: EventArray) -> list[tuple[int, ...]]:
    """kind, side, price, qty, LAST, exchange us, local us."""
    fields = ("kind", "side", "price", "qty")
    return [
        (*(int(e[f]) for f in fields), int(e["flags"]) & LAST, int(e["exch_ts"]) // 1000, int(e["local_ts"]) // 1000)
        for e in events
    ]


@pytest.mark.parametrize("depth", [25, 5])
def test_real_book_snapshots(shared_data: Path, depth: int) -> None:
    path = shared_data / f"tick/tardis_format/binance-futures_book_snapshot_{depth}_BTCUSDT.csv"
    instrument = find_instrument("binance-usdm", "BTCUSDT", 1598918403696000000)
    events, importer = run([path], instrument)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    books = np.split(events, np.flatnonzero(events["flags"] & LAST)[:-1] + 1)
    assert len(books) == len(rows) == 10
    for book, row in zip(books, rows, strict=True):
        assert (book["exch_ts"] == int(row["timestamp"]) * 1000).all()
        assert (book["local_ts"] == int(row["local_timestamp"]) * 1000).all()
        assert book["kind"].tolist() == [CLEAR] + [LEVEL] * 2 * depth
        assert book["side"].tolist() == [0] + [BID] * depth + [ASK] * depth
        wanted = [(f"{side}[{n}].price", f"{side}[{n}].amount") for side in ("bids", "asks") for n in range(depth)]
        for event, (price, amount) in zip(book[1:], wanted, strict=True):
            assert int(event["price"]) * instrument.price_step.fraction == Fraction(row[price])
            assert int(event["qty"]) * instrument.qty_step.fraction == Fraction(row[amount])
    assert importer.refused == {}
    assert importer.notes == [f"the book holds the best {depth} levels of each side only"]


def test_real_trades(shared_data: Path) -> None:
    path = shared_data / "tick/tardis_format/bitmex_trades_XBTUSD.csv"
    events, importer = run([path], find_instrument("bitmex", "XBTUSD"))
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [(Fraction(int(e["price"]), 2), int(e["qty"]), int(e["side"])) for e in events] == [
        (Fraction(row["price"]), int(row["amount"]), BID if row["side"] == "buy" else ASK) for row in rows
    ]
    assert (events["kind"] == TRADE).all()
    assert (events["flags"] == LAST).all()
    assert importer.notes == ["10 trades have ids that are not integers; their seq is 0"]


def test_real_incremental_book(shared_data: Path) -> None:
    path = shared_data / "tick/tardis_format/deribit_incremental_book_L2_BTC-PERPETUAL.csv"
    events, importer = run([path])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert events["kind"].tolist() == [CLEAR] + [LEVEL] * 15
    assert sorted((int(e["side"]), Fraction(int(e["price"]), 2), int(e["qty"]) * 10) for e in events[1:]) == sorted(
        (BID if row["side"] == "bid" else ASK, Fraction(row["price"]), int(row["amount"])) for row in rows
    )
    assert importer.refused == {}


def test_real_quotes(shared_data: Path) -> None:
    path = shared_data / "tick/tardis_format/huobi-dm-swap_quotes_BTC-USD.csv"
    events, importer = run([path], find_instrument("huobi-dm-swap", "BTC-USD"))
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert events["kind"].tolist() == [CLEAR] + [BEST] * 20
    assert int(events["flags"][0]) == LAST
    for bid, ask, row in zip(events[1::2], events[2::2], rows, strict=True):
        assert (Fraction(int(bid["price"]), 10), int(bid["qty"])) == (
            Fraction(row["bid_price"]),
            int(row["bid_amount"]),
        )
        assert (Fraction(int(ask["price"]), 10), int(ask["qty"])) == (
            Fraction(row["ask_price"]),
            int(row["ask_amount"]),
        )
    assert importer.refused == {}


def test_messages_are_updates_and_kinds_are_merged_by_local_time(tmp_path: Path) -> None:
    book = written(
        tmp_path,
        "book.csv",
        BOOK,
        "90,95,false,bid,99,10",  # before the snapshot
        "100,110,true,bid,100,20",
        "100,110,true,ask,101,30",
        "101,112,true,ask,102,10",  # the same snapshot goes on
        "120,130,false,ask,101,0",
        "120,130,false,bid,100.5,1e1",
        "121,130,false,bid,100.5,20",  # another message at one local time
        "140,150,true,bid,90,10",
        "141,151,false,bid,91,10",
    )
    trades = written(tmp_path, "trades.csv", TRADES, "119,130,42,buy,101,30")
    quotes = written(tmp_path, "quotes.csv", QUOTES, "120,131,10,102,100.5,10", "122,132,,,100.5,10")
    events, importer = run([quotes, book, trades])
    assert short(events) == [
        (CLEAR, 0, 0, 0, 0, 101, 112),
        (LEVEL, BID, 200, 2, 0, 101, 112),
        (LEVEL, ASK, 202, 3, 0, 101, 112),
        (LEVEL, ASK, 204, 1, 1, 101, 112),
        (TRADE, BID, 202, 3, 1, 119, 130),
        (LEVEL, BID, 201, 1, 0, 120, 130),
        (LEVEL, ASK, 202, 0, 1, 120, 130),
        (LEVEL, BID, 201, 2, 1, 121, 130),
        (BEST, BID, 201, 1, 0, 120, 131),
        (BEST, ASK, 204, 1, 1, 120, 131),
        (BEST, BID, 201, 1, 0, 122, 132),
        (BEST, ASK, 0, 0, 1, 122, 132),
        (CLEAR, 0, 0, 0, 0, 140, 150),
        (LEVEL, BID, 180, 1, 1, 140, 150),
        (LEVEL, BID, 182, 1, 1, 141, 151),
    ]
    assert importer.tally.dropped == {"book rows without a snapshot ahead of them": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("130,140,false,bid,100.3,10", "price is not a multiple of the step 0.5"),
        ("130,140,false,bid,100,5", "qty is not a multiple of the step 10"),
        ("130,140,false,bid,nan,10", "price is not a number; write a plain decimal such as 61837.63"),
        ("130,140,maybe,bid,100,10", "is_snapshot is not one of true, false"),
        ("130,140,false,buy!,100,10", "side is not one of bid, ask"),
        ("130,109,false,bid,100,10", "local_timestamp goes back; the recording is not in order"),
        ("x,140,false,bid,100,10", "timestamp is not a whole number"),
        ("130,140,false,bid,100", "the row has not as many cells as the header"),
    ],
)
def test_a_refused_book_row_is_a_gap_until_the_next_snapshot(tmp_path: Path, row: str, reason: str) -> None:
    path = written(
        tmp_path,
        "book.csv",
        BOOK,
        "100,110,true,bid,100,20",
        "120,130,false,bid,100,30",
        "130,140,false,bid,99,10",
        row,
        "130,140,false,bid,98,10",
        "140,150,false,bid,97,10",
        "150,160,true,bid,96,10",
    )
    events, importer = run([path])
    assert {name: entry.count for name, entry in importer.refused.items()} == {reason: 1}
    assert events["kind"].tolist() == [CLEAR, LEVEL, LEVEL, STATUS, CLEAR, LEVEL]
    assert "1 gaps: the book is invalid after each until a snapshot" in importer.notes


def test_a_refused_last_row_does_not_leave_half_an_update(tmp_path: Path) -> None:
    path = written(tmp_path, "b.csv", BOOK, "1,1,true,bid,100,20", "2,2,false,bid,100,30", "2,2,false,bid,100.3,30")
    events, _ = run([path])
    assert events["kind"].tolist() == [CLEAR, LEVEL, STATUS]


def test_rows_of_other_symbols_unknown_sides_and_mixed_kinds(tmp_path: Path) -> None:
    trades = written(tmp_path, "t.csv", TRADES, "1,1,1,unknown,100,10", "1,1,2,sell,100,10", "1,1,3,sell,100,0")
    with trades.open("a") as file:
        file.write("deribit,ETH-PERPETUAL,1,1,4,sell,100,10\n")
    events, importer = run([trades])
    assert events["seq"].tolist() == [2]
    assert list(importer.refused) == ["side is not one of buy, sell", "qty must be above zero"]
    assert importer.tally.dropped == {"rows of another symbol than BTC-PERPETUAL": 1}
    book = written(tmp_path, "b.csv", BOOK, "1,1,true,bid,100,20")
    header = "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount\n"
    snapshots = written(tmp_path, "s.csv", header, "1,1,101,10,100,10")
    with pytest.raises(DataError, match="cannot be one recording"):
        run([book, snapshots])
    with pytest.raises(DataError, match="header is not one of"):
        run([written(tmp_path, "o.csv", "exchange,symbol,timestamp,local_timestamp,strike\n", "1,1,1")])
    with pytest.raises(InputError, match="oldest first"):
        run([trades, written(tmp_path, "older.csv", TRADES, "0,0,1,buy,100,10")])
    with pytest.raises(DataError, match="no usable record"):
        run([written(tmp_path, "empty.csv", TRADES)])
