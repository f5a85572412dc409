"""Framings, times, decoders' arithmetic and the row builder of raw recordings, one by one."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.catalogue import find_instrument, known_instruments
from quotewright.domain.errors import DataError, InputError, ParseError
from quotewright.domain.events import ASK, BID, CLEAR, ESTIMATED_TIME, LAST, LEVEL, NOTE, STATUS, TRADE, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.source import Sources, first_line
from quotewright.importers.wire import Wire
from quotewright.importers.wire_book import TAKEN, WAITS, PrintError, WireBook
from quotewright.importers.wire_decoders import DECODERS
from quotewright.importers.wire_frames import Frame, FrameKind, Recording
from quotewright.importers.wire_levels import LevelBook
from quotewright.importers.wire_times import epoch_ns, iso_ns
from quotewright.market.sync import SyncRule

PAIR = Instrument("venue", "PAIR", "linear", "A", "B", tick="0.5", lot="0.1")


def frames(path: Path, text: bytes) -> list[Frame]:
    path.write_bytes(text)
    files = Sources([path], None)
    found = list(Recording(path, first_line(path)).frames(files))
    assert [source.name for source in files.files] == [path.name]
    return found


def wrapped(kind: str, conn: str, time: str, **more: str) -> bytes:
    return f'{{"t":"{kind}","conn":"{conn}","ts":{time},'.encode() + json.dumps(more)[1:].encode()


def test_connections_that_stand_one_after_the_other_are_merged(tmp_path: Path) -> None:
    lines = [
        b'{"t":"header","format":2,"exchange":"X"}',
        wrapped("http", "X.http", "1.5", url="https://x/depth", data="{}"),
        wrapped("connect", "a", "1", addr="wss://x/a"),
        wrapped("recv", "a", "2", data="a2"),
        wrapped("recv", "a", "4.0000001", data="a4"),
        b"{broken",
        wrapped("recv", "a", "6", data="a6"),
        wrapped("connect", "b", "1.25", addr="wss://x/b"),
        wrapped("recv", "b", "3", data="b3"),
        wrapped("recv", "b", "4.0000001", data="b4"),
    ]
    found = frames(tmp_path / "x.jsonl", b"\n".join(lines))
    assert [frame.local for frame in found] == sorted(frame.local for frame in found)
    texts = [frame.text for frame in found if frame.kind is FrameKind.RECEIVED]
    assert texts == ["a2", "b3", "a4", "b4", "a6"] or texts == ["a2", "b3", "b4", "a4", "a6"]
    assert found[0] == Frame(FrameKind.HEADER, 1, "", 0, "X")
    (damaged,) = [frame for frame in found if frame.kind is FrameKind.DAMAGED]
    assert (damaged.line, damaged.connection, damaged.local) == (6, "a", 4_000_000_100)
    (reply,) = [frame for frame in found if frame.kind is FrameKind.REPLY]
    assert (reply.local, reply.about) == (1_500_000_000, "https://x/depth")


def test_packed_messages_are_unpacked_and_damaged_ones_named(tmp_path: Path) -> None:
    packed = base64.b64encode(gzip.compress(b'{"ping":1}')).decode()
    lines = [wrapped("recv", "a", "1", b64=text) for text in (packed, packed[:20], "?", packed[:-8] + "AAAAAAA=")]
    found = frames(tmp_path / "x.jsonl", b'{"t":"header","exchange":"X"}\n' + b"\n".join(lines))
    assert [frame.kind for frame in found[1:]] == [FrameKind.RECEIVED, *[FrameKind.DAMAGED] * 3]
    assert found[1].text == b'{"ping":1}'


def test_text_lines_plain_lines_and_archives(tmp_path: Path) -> None:
    found = frames(
        tmp_path / "x",
        b'wss://x/ws <-> 1.5\nwss://x/ws <- 2.5: {"op":"subscribe"}\n'
        b'3.5: {"a": 1}\nhttps://x/r -> 4.5: {}\nwss://x ? 5: {}\n',
    )
    kinds = [FrameKind.CONNECTED, FrameKind.SENT, FrameKind.RECEIVED, FrameKind.REPLY, FrameKind.DAMAGED]
    assert [frame.kind for frame in found] == kinds
    assert [frame.local for frame in found[:4]] == [1_500_000_000, 2_500_000_000, 3_500_000_000, 4_500_000_000]
    assert found[2].text == b'{"a": 1}'
    plain = frames(tmp_path / "y", b'1737918843893903000 {"channel":"pong"}\nx {"channel":"pong"}\n')
    assert plain[0].local == 1737918843893903000
    assert plain[1].kind is FrameKind.DAMAGED
    assert frames(tmp_path / "z", b'{"topic":"orderbook.1.X"}\n')[0].local == 0
    with pytest.raises(InputError, match="is no raw WebSocket recording"):
        frames(tmp_path / "w", b"ts,open,high\n")


@given(st.integers(0, 2**62), st.integers(0, 9))
def test_times_are_exact(ns: int, dropped: int) -> None:
    ns -= ns % 10**dropped
    text = str(np.datetime64(ns, "ns"))
    assert iso_ns(text + "Z", "time") == ns
    shortened = text.rstrip("0")
    assert iso_ns(shortened + ("0Z" if shortened.endswith(".") else "Z"), "time") == ns
    assert epoch_ns(f"{ns // 10**9}.{ns % 10**9:09}", "time") == ns


@pytest.mark.parametrize(
    "text",
    ["", "Z", "2026-08-09T21:05:48", "2026-08-09T21:05:48+01:00Z", "2026-02-30T00:00:00Z", "2026-08-09 21:05:48.5xZ",
     "2026-08-09T21:05:48.1234567891Z", "2026-08-09T21:05:48.-1Z", "2026-08-09T21:05:48.٣Z"],
)  # fmt: skip
def test_other_forms_of_time_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        iso_ns(text, "time")


levels = st.dictionaries(st.integers(1, 60), st.integers(1, 50), max_size=8)


def texts(side: dict[int, int]) -> list[tuple[str, str]]:
    return [(PAIR.price_step.format(price), PAIR.qty_step.format(qty)) for price, qty in side.items()]


def replay(events: EventArray) -> list[dict[tuple[int, int], int]]:
    """The book after each update."""
    book: dict[tuple[int, int], int] = {}
    states: list[dict[tuple[int, int], int]] = []
    for row in events:
        if row["kind"] == CLEAR:
            book.clear()
        elif row["kind"] == LEVEL:
            book[int(row["side"]), int(row["price"])] = int(row["qty"])
        if row["flags"] & LAST:
            states.append({level: qty for level, qty in book.items() if qty})
    return states


@given(st.lists(st.tuples(levels, levels), min_size=1, max_size=8))
def test_whole_books_become_one_snapshot_and_what_differs(books: list[tuple[dict[int, int], dict[int, int]]]) -> None:
    wire = WireBook(PAIR, Tally())
    for time, (bids, asks) in enumerate(books, start=1):
        wire.local = time
        assert wire.show(texts(bids), texts(asks), time, time) == TAKEN
    events = wire.rows.take()
    expected = [
        {**{(BID, price): qty for price, qty in bids.items()}, **{(ASK, price): qty for price, qty in asks.items()}}
        for bids, asks in books
    ]
    assert replay(events) == expected
    assert int((events["kind"] == CLEAR).sum()) == 1
    assert (wire.snapshots, wire.changes) == (1, len(books) - 1)
    changed = events[(events["kind"] == LEVEL) & (events["local_ts"] > 1)]
    assert len(changed) == sum(
        len({k for k in before.keys() | after.keys() if before.get(k) != after.get(k)})
        for before, after in pairwise(expected)
    )


changed_levels = st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 200_000), st.integers(0, 5))


def test_a_whole_book_that_was_overtaken_is_dropped() -> None:
    wire = WireBook(PAIR, Tally())
    assert wire.show([("10", "1")], [], 5, 0) == TAKEN
    assert wire.show([("10", "2")], [], 7, 0) == TAKEN
    assert wire.show([("10", "3")], [], 6, 0) == "whole books older than the one before"
    assert wire.show([("10", "4")], [], 7, 0) == TAKEN
    assert [state[BID, 20] for state in replay(wire.rows.take())] == [10, 20, 40]


@settings(max_examples=40, deadline=None)  # the first one compiles
@given(
    st.lists(st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 200_000), st.integers(0, 5)), max_size=40), st.data()
)
def test_the_compiled_levels_are_those_of_a_sorted_dict(changes: list[tuple[int, int, int]], data: Any) -> None:
    book = LevelBook()
    plain: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for side, price, qty in changes:
        book.set(1 if side == BID else 0, [price], [qty])
        plain[side][price] = qty
    depth, skip = data.draw(st.integers(1, 10)), data.draw(st.integers(0, 5))
    for side in (BID, ASK):
        left = sorted(((p, q) for p, q in plain[side].items() if q), reverse=side == BID)
        assert book.count(side) == len(left)
        assert book.best(side, depth, skip) == left[skip : skip + depth]


def test_the_client_cuts_each_side_to_its_depth_and_says_so_in_rows() -> None:
    wire = WireBook(PAIR, Tally(), checksum=lambda levels: len(levels.best(BID, 9)) * 10 + len(levels.best(ASK, 9)))
    wire.depth = 2
    wire.snapshot([("10", "1"), ("9.5", "1")], [("11", "1"), ("11.5", "1")])
    assert wire.change([("10.5", "2")], [("10.5", "1"), ("10.5", "0")], expected=22) == TAKEN
    wire.change([], [("10.5", "3"), ("12", "4")], expected=22)
    states = replay(wire.rows.take())
    assert states[1] == {(BID, 20): 10, (BID, 21): 20, (ASK, 22): 10, (ASK, 23): 10}
    assert states[2] == {(BID, 20): 10, (BID, 21): 20, (ASK, 21): 30, (ASK, 22): 10}
    with pytest.raises(ParseError, match="is not that of the book"):
        wire.change([], [], expected=23)
    assert (wire.checksums, wire.checksums_equal, wire.gaps) == (3, 2, 1)
    assert wire.change([("10", "1")], []) == WAITS


def test_changes_wait_for_their_snapshot_and_carry_its_receive_time() -> None:
    tally = Tally()
    wire = WireBook(PAIR, tally, SyncRule.SPOT)
    for local, id in ((1, 5), (2, 6), (3, 7)):
        wire.local = local
        assert wire.change([("10", str(id))], [], id, id, first=id) == WAITS
    wire.local = 4
    assert wire.snapshot([("9", "1")], [], 9, 5) == TAKEN
    events = wire.rows.take()
    assert events["kind"].tolist() == [CLEAR, LEVEL, LEVEL, LEVEL]
    assert events["local_ts"].tolist() == [4, 4, 4, 4]
    assert events["exch_ts"].tolist() == [6, 6, 6, 7]  # a snapshot is never later than what follows it
    assert events["flags"].tolist() == [ESTIMATED_TIME, ESTIMATED_TIME | LAST, LAST, LAST]
    assert (tally.accepted, tally.dropped) == (2, {"book changes that their snapshot already holds": 1})


def test_a_message_is_taken_whole_or_not_at_all() -> None:
    wire = WireBook(PAIR, Tally())
    wire.snapshot([("9", "1")], [])
    with pytest.raises(PrintError):
        wire.trades([(BID, "10", "1", 1, 0, 0), (BID, "10.25", "1", 2, 0, 0)])
    with pytest.raises(PrintError):
        wire.trades([(BID, "10", "0", 1, 0, 0)])
    with pytest.raises(ParseError):
        wire.change([("10", "1"), ("10", "0.05")], [])
    assert wire.change([], []) == WAITS
    assert wire.rows.take()["kind"].tolist() == [CLEAR, LEVEL, STATUS]


def test_an_update_without_levels_is_a_note_and_numbers_are_read_digit_for_digit() -> None:
    wire = WireBook(PAIR, Tally())
    wire.snapshot([("1e1", "1E-1")], [])
    wire.change([], [], 7, 8)
    wire.trades([(ASK, "10.50", "0.10", 0, 3, 4)])
    events = wire.rows.take()
    assert events["kind"].tolist() == [CLEAR, LEVEL, NOTE, TRADE]
    assert (events["price"][1], events["qty"][1], events["seq"][2]) == (20, 1, 8)
    last = events[3]
    assert (last["side"], last["exch_ts"], last["seq"], last["order_id"]) == (ASK, 7, 3, 4)
    assert last["flags"] == LAST | ESTIMATED_TIME


def test_kraken_checksum_of_the_venues_own_example() -> None:
    """The ten levels and the value of Kraken's guide "Book checksum" for WebSocket API v1."""
    asks = [("0.05005", "0.00000500"), ("0.05010", "0.00000500"), ("0.05015", "0.00000500"), ("0.05020", "0.00000500"),
            ("0.05025", "0.00000500"), ("0.05030", "0.00000500"), ("0.05035", "0.00000500"), ("0.05040", "0.00000500"),
            ("0.05045", "0.00000500"), ("0.05050", "0.00000500")]  # fmt: skip
    bids = [("0.05000", "0.00000500"), ("0.04995", "0.00000500"), ("0.04990", "0.00000500"), ("0.04980", "0.00000500"),
            ("0.04975", "0.00000500"), ("0.04970", "0.00000500"), ("0.04965", "0.00000500"), ("0.04960", "0.00000500"),
            ("0.04955", "0.00000500"), ("0.04950", "0.00000500")]  # fmt: skip
    digits = "".join((p + q for level in asks + bids for p, q in [[t.replace(".", "").lstrip("0") for t in level]]))
    assert zlib.crc32(digits.encode()) == 974947235
    pair = Instrument("kraken", "AB", "spot", "A", "B", tick="0.00001", lot="0.00000001", largest_amount="100000")
    tally = Tally()
    decoder = DECODERS["kraken"](pair, tally)
    stamped = {side: [[*level, "1.5"] for level in rows] for side, rows in (("as", asks), ("bs", bids))}
    assert decoder.message(json.dumps([0, stamped, "book-10", "A/B"]), "") == TAKEN
    change = {"a": [[*asks[0], "1.6"]], "c": "974947235"}
    assert decoder.message(json.dumps([0, change, "book-10", "A/B"]), "") == TAKEN
    assert (decoder.book.checksums, decoder.book.checksums_equal) == (1, 1)


@pytest.mark.parametrize("venue", sorted(DECODERS))
def test_every_decoder_has_instruments_and_survives_foreign_messages(venue: str, tmp_path: Path) -> None:
    instrument = next(known for known in known_instruments() if known.venue == venue)
    header = json.dumps({"t": "header", "exchange": DECODERS[venue].exchanges[0]}, separators=(",", ":")).encode()
    foreign = ["{}", "[]", "null", "1", '"x"', "[1]", "[1,2,3,4]", '{"event":[]}', '{"channel":{}}', "{", "", "\x00"]
    lines = [wrapped("recv", "a", f"{n}.5", data=text) for n, text in enumerate(foreign)]
    path = tmp_path / "foreign.jsonl"
    path.write_bytes(b"\n".join([header, *lines]))
    importer = Wire([path], instrument)
    with pytest.raises(DataError, match="no usable record"):
        list(importer.chunks())
    assert importer.tally.read == len(foreign)
    assert importer.tally.accepted == 0


def test_okx_says_when_nothing_has_changed() -> None:
    tally = Tally()
    decoder = DECODERS["okx"](find_instrument("okx", "BTC-USDT"), tally)

    def message(action: str, seq: int, previous: int, bids: list[list[str]]) -> str:
        book = {"asks": [], "bids": bids, "ts": "1652459225464", "seqId": seq, "prevSeqId": previous}
        arg = {"channel": "books", "instId": "BTC-USDT"}
        return decoder.message(json.dumps({"arg": arg, "action": action, "data": [book]}), "")

    assert message("snapshot", 10, -1, [["30000", "1", "0", "1"]]) == TAKEN
    assert message("update", 15, 10, [["30000", "2", "0", "1"]]) == TAKEN
    assert message("update", 15, 15, []) != TAKEN
    assert message("update", 17, 15, [["30000", "3", "0", "1"]]) == TAKEN
    assert message("update", 21, 19, [["30000", "4", "0", "1"]]) == WAITS
    assert decoder.book.gaps == 1
