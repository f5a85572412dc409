"""Bitstamp order-level recordings: the real one against plain dicts, and its oddities built by hand."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, TRADE, EventArray
from quotewright.importers.bitstamp_l3 import BitstampL3

BTCUSD = find_instrument("bitstamp", "BTCUSD")
HEADER = "id,timestamp,exchange_timestamp,price,volume,action,direction\n"
TRADES = "trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side\n"
ORPHANS = {2002347646152704, 2002347642003458}
BTC = 10**8


def run(folder: Path, orders: str, trades: str | None = TRADES) -> tuple[EventArray, BitstampL3]:
    (folder / "orders.csv").write_text(HEADER + orders)
    if trades is not None:
        (folder / "trades.csv").write_text(trades)
    importer = BitstampL3([folder], BTCUSD)
    events = np.concatenate(list(importer.chunks()))
    refused = sum(entry.count for entry in importer.refused.values())
    assert importer.tally.read == importer.tally.accepted + refused + sum(importer.tally.dropped.values())
    return events, importer


def short(events: EventArray) -> list[tuple[int, ...]]:
    """kind, side, price, qty, order id, LAST, exchange ms, local ms."""
    return [
        (
            int(e["kind"]),
            int(e["side"]),
            int(e["price"]),
            int(e["qty"]),
            int(e["order_id"]),
            int(e["flags"]) & LAST,
            int(e["exch_ts"]) // 10**6,
            int(e["local_ts"]) // 10**6,
        )
        for e in events
    ]


def test_the_real_recording_against_plain_dicts(shared_data: Path) -> None:
    folder = shared_data / "tick" / "bitstamp_l3_20260502"
    importer = BitstampL3([folder], BTCUSD)
    chunks = list(importer.chunks())
    assert all(chunk["flags"][-1] & LAST for chunk in chunks)
    events = np.concatenate(chunks)

    assert {reason: entry.count for reason, entry in importer.refused.items()} == {
        "created at a price of zero (a stub, or a market sell)": 27,
        "created with a volume of zero": 2,
        "deleted, but the order is not known": 13,
    }
    assert importer.tally.dropped == {
        "the recorder's own deletes of what still rested at its end": 6_518,
        "changes and deletes of orders refused when created": 16,
    }
    assert importer.tally.read == 314_057 + 284
    assert importer.tally.read == importer.tally.accepted + 42 + 6_534
    assert any("2 snapshot orders purged" in note and all(str(i) in note for i in ORPHANS) for note in importer.notes)
    assert not any("crossed at the end" in note or "maker that is not" in note for note in importer.notes)
    assert (np.diff(events["local_ts"]) >= 0).all()
    assert (np.diff(events["exch_ts"]) >= 0).all()

    orders: dict[int, tuple[int, int, int]] = {}
    levels: dict[int, Counter[int]] = {BID: Counter(), ASK: Counter()}
    checked = trades = 0
    bid, ask = 0, 2**62
    purged = set()
    columns = ("kind", "side", "price", "qty", "order_id", "flags", "exch_ts")
    previous = 0
    for kind, side, price, qty, order_id, flags, exch_ts in zip(
        *(events[name].tolist() for name in columns), strict=True
    ):
        if kind == CLEAR:
            assert not orders
        elif kind == TRADE:
            trades += 1
            maker_side, maker_price, maker_qty = orders[order_id]
            assert (maker_side, maker_price) == (-side, price)
            assert maker_qty >= qty
        elif kind == ADD:
            assert order_id not in orders
            assert price > 0
            assert qty > 0
            orders[order_id] = (side, price, qty)
            levels[side][price] += 1
            bid, ask = (max(bid, price), ask) if side == BID else (bid, min(ask, price))
        elif kind == CHANGE:
            assert orders[order_id][:2] == (side, price)
            assert 0 < qty <= orders[order_id][2]
            orders[order_id] = (side, price, qty)
        else:
            assert kind == DELETE
            assert orders.pop(order_id)[:2] == (side, price)
            levels[side][price] -= 1
            if not levels[side][price]:
                del levels[side][price]
                bid = max(levels[BID]) if side == BID and price == bid else bid
                ask = min(levels[ASK]) if side == ASK and price == ask else ask
            if order_id in ORPHANS:
                purged.add(order_id)
        if flags & LAST:
            assert exch_ts > previous
            previous = exch_ts
            assert bid < ask
            checked += 1
    assert trades == 284
    assert purged == ORPHANS
    assert checked > 150_000

    with gzip.open(folder / "orders.csv.gz", "rt") as file:
        left = {int(row["id"]) for row in csv.DictReader(file) if row["timestamp"] == row["exchange_timestamp"]}
    stubs = left - set(orders)
    assert set(orders) <= left  # what the recorder deleted at its end is what still rests here
    assert len(stubs) == 22 + 2  # bids at a price of zero, and the orphans


def test_snapshot_trades_changes_and_the_recorders_end(tmp_path: Path) -> None:
    orders = (
        "1,3000,1000,100.0,1.0,created,bid\n"
        "2,3000,1000,102.0,2.0,created,ask\n"
        "3,3000,1000,102.0,1e-05,created,ask\n"
        "9,1100,1050,105.0,1.5,created,bid\n"  # takes 1.5 of order 2, before the snapshot had arrived
        "9,1100,1050,102.0,0.5,changed,bid\n"
        "2,1101,1050,102.0,0.5,changed,ask\n"
        "9,1101,1050,102.0,0.0,deleted,bid\n"
        "1,4100,4000,100.0,1.5,changed,bid\n"  # grows: to the back of the queue
        "2,4200,4100,103.0,0.4,changed,ask\n"  # the price of a change is not where it rests
        "3,4300,4200,102.0,0.00001,deleted,ask\n"
        "1,5000,5000,100.0,1.5,deleted,bid\n"
        "2,5000,5000,103.0,0.5,deleted,ask\n"
    )
    trades = TRADES + "77,1200,1050,102.0,1.0,9,2,buy\n78,1201,1050,102.0,0.5,9,2,buy\n"
    events, importer = run(tmp_path, orders, trades)
    assert short(events) == [
        (CLEAR, 0, 0, 0, 0, 0, 1000, 3000),
        (ADD, BID, 100, BTC, 1, 0, 1000, 3000),
        (ADD, ASK, 102, 2 * BTC, 2, 0, 1000, 3000),
        (ADD, ASK, 102, 1000, 3, 1, 1000, 3000),
        (TRADE, BID, 102, BTC, 2, 0, 1050, 3000),
        (TRADE, BID, 102, BTC // 2, 2, 0, 1050, 3000),
        (ADD, BID, 105, 3 * BTC // 2, 9, 0, 1050, 3000),
        (CHANGE, BID, 105, BTC // 2, 9, 0, 1050, 3000),
        (CHANGE, ASK, 102, BTC // 2, 2, 0, 1050, 3000),
        (DELETE, BID, 105, 0, 9, 1, 1050, 3000),
        (DELETE, BID, 100, BTC, 1, 0, 4000, 4100),
        (ADD, BID, 100, 3 * BTC // 2, 1, 1, 4000, 4100),
        (CHANGE, ASK, 102, 4 * BTC // 10, 2, 1, 4100, 4200),
        (DELETE, ASK, 102, 1000, 3, 1, 4200, 4300),
    ]
    assert importer.tally.dropped == {"the recorder's own deletes of what still rested at its end": 2}


def test_snapshot_orders_proven_dead_are_deleted_in_that_millisecond(tmp_path: Path) -> None:
    orders = (
        "1,1000,900,100,1,created,bid\n"
        "2,1000,900,101,1,created,ask\n"  # dead
        "3,1000,900,102,1,created,ask\n"
        "4,1100,1000,101,1,created,bid\n"  # locks it
        "5,1200,1100,103,1,created,ask\n"
        "2,1300,1200,101,1,deleted,ask\n"
    )
    events, importer = run(tmp_path, orders)
    assert short(events)[4:] == [
        (ADD, BID, 101, BTC, 4, 0, 1000, 1100),
        (DELETE, ASK, 101, BTC, 2, 1, 1000, 1100),
        (ADD, ASK, 103, BTC, 5, 1, 1100, 1200),
    ]
    assert "1 snapshot orders purged, crossed by a later resting order: ids 2" in importer.notes
    assert list(importer.refused) == ["deleted, but the order is not known"]


def test_a_cross_of_two_live_orders_is_told_not_repaired(tmp_path: Path) -> None:
    orders = (
        "1,1000,900,100,1,created,bid\n2,1000,900,110,1,created,ask\n"
        "3,1100,1000,106,1,created,bid\n4,1200,1100,105,1,created,ask\n"
    )
    events, importer = run(tmp_path, orders)
    assert len(events) == 5
    assert "the book is crossed at the end of 1 exchange milliseconds" in importer.notes


def test_a_maker_created_in_its_trades_millisecond_is_there_first(tmp_path: Path) -> None:
    orders = (
        "1,1000,900,100,1,created,bid\n2,1000,900,110,1,created,ask\n"
        "3,1100,1000,105,1,created,bid\n4,1100,1000,105,1,created,ask\n"
        "3,1100,1000,105,0,deleted,bid\n4,1100,1000,105,0,deleted,ask\n"
    )
    events, importer = run(tmp_path, orders, TRADES + "5,1101,1000,105,1,3,4,sell\n")
    assert [row[0] for row in short(events)[3:]] == [ADD, TRADE, ADD, DELETE, DELETE]
    assert not any("maker" in note for note in importer.notes)


SNAPSHOT = "1,1000,900,100,1,created,bid\n2,1000,900,110,1,created,ask\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,1100,1000,100,1,created,bid", "created, but the order already rests"),
        ("7,1100,1000,100,1,changed,bid", "changed, but the order is not known"),
        ("3,1100,1000,100.5,1,created,bid", "price is not a multiple of the step 1"),
        ("3,1100,1000,100,1e-09,created,bid", "qty is not a multiple of the step 0.00000001"),
        ("3,1100,1000,nan,1,created,bid", "price is not a number; write a plain decimal such as 61837.63"),
        ("3,1100,1000,100,-1,created,bid", "qty must not be negative"),
        ("3,1100,1000,100,1,removed,bid", "action is not one of created, changed, deleted"),
        ("3,1100,1000,100,1,created,buy", "direction is not one of bid, ask"),
        ("x,1100,1000,100,1,created,bid", "id is not a whole number"),
        ("3,1100,800,100,1,created,bid", "exchange_timestamp goes back; the recording is not in order"),
        ("3,1100,1000,100,1,created", "the row has not as many cells as the header"),
    ],
)
def test_a_damaged_row_is_refused_and_the_rest_goes_on(tmp_path: Path, row: str, reason: str) -> None:
    events, importer = run(tmp_path, SNAPSHOT + row + "\n8,1300,1200,101,1,created,bid\n")
    assert {name: entry.count for name, entry in importer.refused.items()} == {reason: 1}
    assert importer.refused[reason].example.startswith("orders.csv:4")
    assert int(events["order_id"][-1]) == 8


def test_an_order_emptied_by_a_change_is_gone(tmp_path: Path) -> None:
    events, importer = run(tmp_path, SNAPSHOT + "1,1100,1000,100,0,changed,bid\n1,1200,1100,100,0,deleted,bid\n")
    assert [row[0] for row in short(events)] == [CLEAR, ADD, ADD, DELETE]
    assert importer.tally.dropped == {"deletes of orders that a change had already emptied": 1}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    _, importer = run(tmp_path, "1,1100,1000,100,1,created,bid\n", None)
    assert "no trades.csv: the recording has no trades" in importer.notes
    assert "the recording does not begin with a snapshot: the book is never valid" in importer.notes
    with pytest.raises(InputError, match="give one folder"):
        BitstampL3([tmp_path / "orders.csv", tmp_path / "orders.csv"], BTCUSD)
    (tmp_path / "orders.csv").write_text("")
    with pytest.raises(InputError, match="give one folder"):
        BitstampL3([tmp_path], BTCUSD)
    (tmp_path / "orders.csv").write_text(HEADER)
    with pytest.raises(DataError, match="no usable record"):
        list(BitstampL3([tmp_path], BTCUSD).chunks())
