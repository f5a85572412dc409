"""Raw Binance recordings built by hand: exact rows, sync at its edges, times, and every kind of damage."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError
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
    Status,
)
from quotewright.importers.binance_ws import BinanceWs

SPOT = find_instrument("binance-spot", "BTCUSDT")
USDM = find_instrument("binance-usdm", "ETHUSDT")
T0 = 1_723_161_253_000_000_000  # ns
MS = 1_000_000


def depth(first: int, last: int, bids: Any = (), asks: Any = (), at: int = 1, **more: Any) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": T0 // MS + at, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth@100ms", "data": data | more}


def snapshot(last: int, bids: Any, asks: Any, **more: Any) -> dict[str, Any]:
    return {"lastUpdateId": last, "bids": bids, "asks": asks} | more


def trade(number: int, price: str, qty: str, buyer_is_maker: bool, at: int = 1, **more: Any) -> dict[str, Any]:
    data = {"e": "trade", "E": 9, "s": "BTCUSDT", "t": number, "p": price, "q": qty, "T": T0 // MS + at}
    return {"stream": "btcusdt@trade", "data": data | {"m": buyer_is_maker} | more}


def best(update: int, bid: str, bid_qty: str, ask: str, ask_qty: str, **more: Any) -> dict[str, Any]:
    data = {"u": update, "s": "BTCUSDT", "b": bid, "B": bid_qty, "a": ask, "A": ask_qty}
    return {"stream": "btcusdt@bookTicker", "data": data | more}


def lines(*messages: dict[str, Any] | str) -> bytes:
    texts = [m if isinstance(m, str) else json.dumps(m, separators=(",", ":")) for m in messages]
    return "".join(f"{T0 + 10 * MS * i} {text}\n" for i, text in enumerate(texts)).encode()


def run(path: Path, content: bytes, instrument: Any = SPOT) -> tuple[EventArray, BinanceWs]:
    path.write_bytes(content)
    importer = BinanceWs([path], instrument)
    events = np.concatenate(list(importer.chunks()))
    refused = sum(entry.count for entry in importer.refused.values())
    assert importer.tally.read == importer.tally.accepted + refused + sum(importer.tally.dropped.values())
    return events, importer


def as_tuples(events: EventArray) -> list[tuple[int, ...]]:
    """kind, side, price, qty, seq, flags, exchange ms after T0, local ms after T0."""
    return [
        (
            int(e["kind"]),
            int(e["side"]),
            int(e["price"]),
            int(e["qty"]),
            int(e["seq"]),
            int(e["flags"]),
            int(e["exch_ts"] - T0) // MS,
            int(e["local_ts"] - T0) // MS,
        )
        for e in events
    ]


def test_every_row_of_a_small_spot_recording(tmp_path: Path) -> None:
    content = lines(
        best(9, "100.00", "1.5", "100.01", "0.00000000"),  # 0 ms: before any exchange time
        depth(8, 9, [["99.00", "1"]], at=1),  # 10: the snapshot holds it
        depth(10, 12, [["100.00", "2.000001"]], [["100.50", "0.00000000"]], at=5),  # 20: waits, then joins
        trade(7, "100.01", "0.5", False, at=8),  # 30
        snapshot(10, [["100.00", "1.00000000"], ["99.99", "3"]], [["100.50", "4"]]),  # 40
        depth(13, 14, at=9),  # 50: no levels
        trade(8, "100.00000000", "0.25", True, at=11),  # 60
        best(15, "100.00", "2", "100.01", "1"),  # 70
        depth(15, 15, asks=[["100.01", "1"]], at=10),  # 80
    )
    events, importer = run(tmp_path / "a", content)
    est = ESTIMATED_TIME
    assert as_tuples(events) == [
        (BEST, BID, 10000, 1_500_000, 9, est, 0, 0),
        (BEST, ASK, 10001, 0, 9, est | LAST, 0, 0),
        (TRADE, BID, 10001, 500_000, 7, LAST, 8, 30),
        (CLEAR, 0, 0, 0, 10, est, 5, 40),  # not after the first difference applied to it
        (LEVEL, BID, 10000, 1_000_000, 10, est, 5, 40),
        (LEVEL, BID, 9999, 3_000_000, 10, est, 5, 40),
        (LEVEL, ASK, 10050, 4_000_000, 10, est | LAST, 5, 40),
        (LEVEL, BID, 10000, 2_000_001, 12, 0, 5, 40),
        (LEVEL, ASK, 10050, 0, 12, LAST, 5, 40),
        (NOTE, 0, 0, 0, 14, LAST, 9, 50),
        (TRADE, ASK, 10000, 250_000, 8, LAST, 11, 60),
        (BEST, BID, 10000, 2_000_000, 15, est, 11, 70),
        (BEST, ASK, 10001, 1_000_000, 15, est | LAST, 11, 70),
        (LEVEL, ASK, 10001, 1_000_000, 15, LAST, 10, 80),
    ]
    assert importer.refused == {}
    assert importer.notes == ["1 dropped: depth updates that their snapshot already holds"]


def test_futures_use_transaction_time_and_previous_ids(tmp_path: Path) -> None:
    eth = {"s": "ETHUSDT"}
    content = lines(
        depth(90, 101, [["2500.00", "1"]], at=3, T=T0 // MS + 2, pu=80, **eth),
        snapshot(100, [["2500.00", "2"]], [["2500.01", "3"]], E=1, T=T0 // MS + 1),
        depth(150, 160, [], [["2500.01", "0"]], at=9, T=T0 // MS + 8, pu=101, **eth),
        best(161, "2500.00", "1", "2500.02", "5", T=T0 // MS + 9, E=1, **eth),
        trade(1, "2500.02", "0.001", False, at=9, X="MARKET", **eth),
        trade(2, "2500.02", "0.001", False, at=9, X="INSURANCE_FUND", **eth),
        depth(161, 170, [["2400.00", "1"]], at=20, T=T0 // MS + 19, pu=159, **eth),
        depth(171, 180, [["2300.00", "1"]], at=21, T=T0 // MS + 20, pu=170, **eth),
        snapshot(175, [["2500.00", "7"]], [], E=1, T=T0 // MS + 21),
    )
    events, importer = run(tmp_path / "a", content, USDM)
    assert as_tuples(events) == [
        (CLEAR, 0, 0, 0, 100, 0, 1, 10),
        (LEVEL, BID, 250000, 2000, 100, 0, 1, 10),
        (LEVEL, ASK, 250001, 3000, 100, LAST, 1, 10),
        (LEVEL, BID, 250000, 1000, 101, LAST, 2, 10),
        (LEVEL, ASK, 250001, 0, 160, LAST, 8, 20),
        (BEST, BID, 250000, 1000, 161, 0, 9, 30),
        (BEST, ASK, 250002, 5000, 161, LAST, 9, 30),
        (TRADE, BID, 250002, 1, 1, LAST, 9, 40),
        (STATUS, 0, Status.BOOK_GAP, 0, 0, LAST, 19, 60),
        (CLEAR, 0, 0, 0, 175, ESTIMATED_TIME, 20, 80),
        (LEVEL, BID, 250000, 7000, 175, LAST | ESTIMATED_TIME, 20, 80),
        (LEVEL, BID, 230000, 1000, 180, LAST, 20, 80),
    ]
    assert list(importer.refused) == ["kind of trade is not MARKET: it did not trade with the book"]
    assert "1 gaps in the depth stream: the book is invalid after each until a snapshot" in importer.notes
    assert "1 dropped: depth updates that their snapshot already holds" in importer.notes


def test_without_a_snapshot_there_is_no_book(tmp_path: Path) -> None:
    content = lines(depth(1, 2, [["1.00", "1"]]), trade(1, "1.00", "1", True), depth(3, 4), best(5, "1", "1", "2", "1"))
    events, importer = run(tmp_path / "a", content)
    assert [int(kind) for kind in events["kind"]] == [TRADE, BEST, BEST]
    assert "no depth snapshot in the recording: there are trades and best prices, but no book" in importer.notes
    assert "2 dropped: depth updates without a snapshot to join" in importer.notes


def test_duplicates_are_dropped_and_counted(tmp_path: Path) -> None:
    update = depth(2, 3, [["1.00", "1"]])
    content = lines(
        snapshot(1, [["1.00", "5"]], []), update, update, trade(5, "1", "1", True), trade(5, "1", "1", True)
    )
    events, importer = run(tmp_path / "a", content)
    assert [int(kind) for kind in events["kind"]] == [CLEAR, LEVEL, LEVEL, TRADE]
    assert importer.tally.dropped == {
        "depth updates received twice": 1,
        "trades whose id is not above the last one's (duplicates)": 1,
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "the line is not valid JSON"),
        ('{"stream":"btcusdt@trade","data":{"s":"BTCU', "the line is not valid JSON"),
        ("", "the line is not valid JSON"),
        ("[]", "the message does not have the form of its stream"),
        ('{"result":null,"id":1}', "the message does not have the form of its stream"),
        ('{"stream":"btcusdt@trade","data":{"s":"BTCUSDT"}}', "the message does not have the form of its stream"),
        (json.dumps(trade(1, "NaN", "1", True)), "price is not a number; write a plain decimal such as 61837.63"),
        (json.dumps(trade(1, "-1.00", "1", True)), "price must not be negative"),
        (json.dumps(trade(1, "0.00", "1", True)), "price must be above zero"),
        (json.dumps(trade(1, "1.005", "1", True)), "price is not a multiple of the step 0.01"),
        (json.dumps(trade(1, "1e2", "1", True)), "price has an exponent; write it out, such as 0.00001"),
        (json.dumps(trade(1, "1", "0.0", True)), "qty must be above zero"),
        (json.dumps(trade(1, "1", "99999999999999999999", True)), "qty does not fit 64 bits in steps of 0.000001"),
        (json.dumps(trade(2**63, "1", "1", True)), "the message does not have the form of its stream"),
        (json.dumps(trade(1, "1", "1", True, T=2**60)), "the message does not have the form of its stream"),
        (json.dumps(trade(1, "1", "1", True, s="ETHUSDT")), "symbol is not BTCUSDT"),
        (json.dumps(trade(1, "1", "1", 1)), "the message does not have the form of its stream"),
        (json.dumps(depth(5, 4)), "U is above u: the update covers no ids"),
        (json.dumps(depth(1, 2, [["1.00", "1", "x"]])), "the message does not have the form of its stream"),
        (json.dumps(depth(1, 2, [[1.0, "1"]])), "the message does not have the form of its stream"),
        (json.dumps(snapshot(9, [["1.00", "-1"]], [])), "qty must not be negative"),
    ],
)
def test_a_damaged_line_is_refused_and_the_rest_goes_on(tmp_path: Path, line: str, reason: str) -> None:
    events, importer = run(tmp_path / "rec", lines(line, trade(3, "7.00", "1", False)))
    assert {name: entry.count for name, entry in importer.refused.items()} == {reason: 1}
    assert importer.refused[reason].example.startswith("rec:1: ")
    assert [int(price) for price in events["price"]] == [700]


@pytest.mark.parametrize("head", ["x", "-5", "1.5", "99999999999999999999", "١", "+1"])
def test_a_line_without_a_time_is_refused(tmp_path: Path, head: str) -> None:
    content = f"{head} {json.dumps(trade(1, '1', '1', True))}\n".encode() + lines(trade(2, "2", "1", True))
    _, importer = run(tmp_path / "rec", content)
    assert list(importer.refused) == ["local time is not a time in nanoseconds"]


def test_time_that_goes_back_is_refused(tmp_path: Path) -> None:
    later = lines(trade(1, "1", "1", True), trade(2, "2", "1", True))
    events, importer = run(tmp_path / "rec", later + f"{T0} {json.dumps(trade(3, '3', '1', True))}\n".encode())
    assert list(importer.refused) == ["local time goes back; the recording is not in order"]
    assert len(events) == 2


def test_a_refused_depth_update_leaves_a_gap(tmp_path: Path) -> None:
    content = lines(
        snapshot(1, [["1.00", "5"]], []), depth(2, 3, [["1.005", "1"]]), depth(4, 5, [["1.01", "1"]]), depth(6, 7)
    )
    events, _ = run(tmp_path / "rec", content)
    assert [int(kind) for kind in events["kind"]] == [CLEAR, LEVEL, STATUS]


def test_files_are_one_recording_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gz", tmp_path / "b"
    whole = lines(snapshot(1, [["1.00", "5"]], []), depth(2, 3, [["1.00", "1"]]), depth(4, 5, [["1.01", "1"]]))
    parts = whole.splitlines(keepends=True)
    first.write_bytes(gzip.compress(parts[0] + parts[1]))
    second.write_bytes(parts[2])
    events = np.concatenate(list(BinanceWs([first, second], SPOT).chunks()))
    assert [int(kind) for kind in events["kind"]] == [CLEAR, LEVEL, LEVEL, LEVEL]
    with pytest.raises(InputError, match="oldest first"):
        list(BinanceWs([second, first], SPOT).chunks())


def test_zstd_gzip_and_plain_are_told_by_their_bytes(tmp_path: Path) -> None:
    content = lines(*[trade(n, "1.00", "1", True) for n in range(1, 200)])
    plain, _ = run(tmp_path / "no-suffix", content)
    for name, packed in (("x.txt", gzip.compress(content)), ("y", pa.compress(content, "zstd", asbytes=True))):
        events, importer = run(tmp_path / name, packed)
        assert (events == plain).all()
        assert importer.sources[0].bytes == len(packed)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused_as_a_whole(tmp_path: Path, keep: float) -> None:
    content = lines(*[trade(n, "1.00", "1", True) for n in range(1, 5000)])
    for name, packed in (("g.gz", gzip.compress(content)), ("z.zst", pa.compress(content, "zstd", asbytes=True))):
        with pytest.raises(DataError, match="truncated"):
            run(tmp_path / name, packed[: int(len(packed) * keep)])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"hello\nworld\n", gzip.compress(b"", mtime=0)])
def test_nothing_usable_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="no usable record"):
        run(tmp_path / "rec", content)


def test_an_update_is_never_split_over_chunks(tmp_path: Path) -> None:
    levels = [[f"{price}.00", "1"] for price in range(1, 40_001)]
    content = lines(snapshot(1, levels, []), depth(2, 2, levels), depth(3, 3, levels), trade(1, "1", "1", True))
    (tmp_path / "rec").write_bytes(content)
    chunks = list(BinanceWs([tmp_path / "rec"], SPOT).chunks())
    assert [len(chunk) for chunk in chunks] == [80_001, 40_001]
    assert all(chunk["flags"][-1] & LAST for chunk in chunks)


OTHER_STREAMS = ["btcusdt@aggTrade", "btcusdt@depth20@100ms", "btcusdt@kline_1m"]


@pytest.mark.parametrize("stream", OTHER_STREAMS)
def test_streams_that_are_not_imported_are_counted(tmp_path: Path, stream: str) -> None:
    other = {"stream": stream, "data": depth(1, 2)["data"]}
    _, importer = run(tmp_path / "rec", lines(other, trade(1, "1", "1", True)))
    assert importer.tally.dropped == {f"stream {stream.partition('@')[2]} is not imported": 1}


@st.composite
def recordings(draw: st.DrawFn) -> tuple[bytes, dict[int, int], dict[int, int], bool]:
    """A random spot recording, the book at its end, and whether a difference was left out after the join."""
    count = draw(st.integers(1, 12))
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    states = [({}, {}, 100)]
    updates: list[dict[str, Any]] = []
    last = 100
    for _ in range(count):
        first, last = last + 1, last + draw(st.integers(1, 3))
        sides: list[list[list[str]]] = []
        for book in books:
            changes = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), max_size=3))
            for price, qty in changes:
                book[price] = qty
            sides.append([[f"{price}.00", f"{qty}.000000"] for price, qty in changes])
        updates.append(depth(first, last, *sides))
        states.append((dict(books[0]), dict(books[1]), last))
    taken = draw(st.integers(0, count))  # the snapshot is the state after so many updates
    heard = draw(st.integers(taken, count))  # and is received after so many
    bids, asks, at = states[taken]
    shot = snapshot(at, *[[[f"{p}.00", str(q)] for p, q in book.items() if q] for book in (bids, asks)])
    begin = draw(st.integers(0, taken))
    hole = draw(st.sampled_from([None, *range(heard, count - 1)]))
    kept = [update for number, update in enumerate(updates) if number >= begin and number != hole]
    kept.insert(heard - begin, shot)
    final = [{p: q for p, q in book.items() if q} for book in books]
    return lines(*kept, trade(1, "1", "1", True)), final[0], final[1], hole is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recording=recordings())
def test_any_snapshot_joined_with_its_stream_gives_the_venues_book(
    tmp_path: Path, recording: tuple[bytes, dict[int, int], dict[int, int], bool]
) -> None:
    content, bids, asks, gapped = recording
    events, _ = run(tmp_path / "rec", content)
    books: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for kind, side, price, qty, *_ in as_tuples(events):
        if kind == CLEAR:
            books = {BID: {}, ASK: {}}
        elif kind == LEVEL:
            books[side][price // 100] = qty // 1_000_000
    assert (STATUS in events["kind"]) == gapped
    if not gapped:
        assert {p: q for p, q in books[BID].items() if q} == bids
        assert {p: q for p, q in books[ASK].items() if q} == asks
